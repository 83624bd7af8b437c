"""What the doctor says of what is declared and stored: endpoints, lives of tokens against the schedule, room in metadata.

Pure: an endpoint is judged by what came back from it, never asked here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from reconciler.decide.doctor import Check, Finding, failed, skipped, warned, well
from reconciler.model.answer import HttpAnswer, NoAnswer, Outcome
from reconciler.model.duration import format_duration, format_rough
from reconciler.model.endpoint import Origin
from reconciler.model.limits import METADATA_KEYS
from reconciler.model.names import Address
from reconciler.model.observed import Observed


def judge_origin(origin: Origin, outcome: Outcome, *, users: Iterable[Address]) -> Finding:
    """Any answer is one: the host is there and its certificate holds. Nothing was asked of it, and no credential sent."""
    whose = ", ".join(str(address) for address in sorted(users))
    match outcome:
        case HttpAnswer(status=status) if status >= 500:
            return warned(Check.ENDPOINTS, f"{origin} answers {status} ({whose})")
        case HttpAnswer():
            return well(Check.ENDPOINTS, f"{origin} answers ({whose})")
        case NoAnswer(why=why):
            return failed(
                Check.ENDPOINTS,
                f"{origin} does not answer: {why} ({whose})",
                hint="check name, network, RECONCILER_PROXY and RECONCILER_CA_FILE; "
                "a host inside needs 'trust settings --allow-host'",
                code=4,
            )


def judge_interval(
    lifetimes: Mapping[Address, timedelta], *, every: timedelta | None, due_within: timedelta | None
) -> Finding:
    """Half a token's life is when it is refreshed at the earliest: a run must come by before the other half is over.

    `every`: RECONCILER_REFRESH_EVERY; `due_within`: twice that, which covers one missed run (DESIGN §6, When).
    """
    if every is None or due_within is None:
        return skipped(
            Check.INTERVAL,
            "how often refresh runs is not known",
            hint="set RECONCILER_REFRESH_EVERY to the interval of the schedule",
        )
    short = {a: life for a, life in lifetimes.items() if life / 2 < due_within}
    if not short:
        return well(Check.INTERVAL, f"every token outlives two runs, {format_rough(every)} apart")
    first = min(short, key=lambda address: (short[address], address))
    others = f" and {len(short) - 1} more" if len(short) > 1 else ""
    return warned(
        Check.INTERVAL,
        f"{first}{others}: a token lives {format_rough(short[first])}, and a run comes every {format_rough(every)}: "
        "one missed run and it is dead",
        hint=f"run refresh every {format_duration(max(short[first] / 4, timedelta(seconds=60)))}, or let workloads "
        "ask for tokens themselves",
    )


_ROOM_WARNS = 0.85


def judge_metadata(observed: Observed) -> Finding:
    """Custom metadata holds 64 keys: long lists of scopes, endpoints and labels are split over several."""
    counts = {
        address: len(seen.custom)
        for address, seen in (
            *((a, account.tokens) for a, account in observed.accounts.items()),
            *((a, provider.metadata) for a, provider in observed.providers.items()),
        )
        if seen is not None
    }
    if not counts:
        return skipped(Check.METADATA, "nothing is stored yet")
    fullest = max(counts, key=lambda address: (counts[address], address))
    said = f"{fullest} uses {counts[fullest]} of {METADATA_KEYS} metadata keys"
    if counts[fullest] > METADATA_KEYS * _ROOM_WARNS:
        hint = "shorten its scopes or labels: a write that does not fit fails"
        return warned(Check.METADATA, said, hint=hint)
    return well(Check.METADATA, f"there is room in the metadata: {said}")


def judge_unreadable(observed: Observed) -> tuple[Finding, ...]:
    """Objects that the store would not tell about."""
    denied = [address for address, seen in observed.accounts.items() if seen.unreadable]
    denied += [address for address, seen in observed.providers.items() if seen.unreadable]
    if not denied and not observed.unlisted and not observed.trust_unreadable:
        return ()
    what = [str(address) for address in sorted(denied)[:3]] + list(observed.unlisted[:3])
    what += ["trust/settings"] if observed.trust_unreadable else []
    return (
        failed(
            Check.METADATA,
            f"the store does not tell about {', '.join(what)}",
            hint="give the login's policy read and list on the metadata of everything under the prefix",
            run="reconciler policy plan",
            code=4,
        ),
    )
