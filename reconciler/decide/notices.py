"""What somebody is to be told: the matter with each account and provider now, against what was told of it before.

Rules:
- a notice is a transition, never a state: `expiring` at 30, 14, 7 and 1 days, `needs-consent`, `needs-admin`, `in-doubt`,
  `incident` (a provider's), and `recovered`, which ends any of the last four;
- what cannot be judged now (held by an incident, being refreshed, unreadable) is no transition: its mark stays;
- a grant that lives for days is not called expiring from its first day on: a step counts within the last quarter of its life;
- the id of a notice follows from the transition alone: who repeats it after a crash sends the same id, and a receiver can
  tell (delivery is at least once);
- nothing in a notice comes from a manifest's free text: addresses, owners, dates, codes and our own sentences.
Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.decide.account_view import AccountView
from reconciler.decide.attention import account_attention
from reconciler.decide.forecast import LimitKind, Need, account_needs, provider_need
from reconciler.decide.health import Health
from reconciler.decide.health_words import distance
from reconciler.decide.plan import Plan
from reconciler.decide.remedy import remedy_for
from reconciler.errors import clean
from reconciler.model.desired import Desired, DesiredProvider
from reconciler.model.duration import format_instant
from reconciler.model.names import Address
from reconciler.model.notified import Marks
from reconciler.model.observed import Observed, ObservedProvider
from reconciler.model.state import AccountState, ErrorClass, Reason
from reconciler.model.status import Circuit

STEPS = (30, 14, 7, 1)
"""Days before a date on which it is told."""
GOOD = "good"
_QUARTER = 4
_OUTAGE = timedelta(hours=1)
_SECRET = "#client-secret"


class NoticeKind(StrEnum):
    EXPIRING = "expiring"
    NEEDS_CONSENT = "needs-consent"
    NEEDS_ADMIN = "needs-admin"
    IN_DOUBT = "in-doubt"
    INCIDENT = "incident"
    RECOVERED = "recovered"


_ENDS_WITH_RECOVERY = frozenset(
    {NoticeKind.NEEDS_CONSENT, NoticeKind.NEEDS_ADMIN, NoticeKind.IN_DOUBT, NoticeKind.INCIDENT}
)


@dataclass(frozen=True, slots=True)
class Matter:
    """What is the matter with one topic now. `kind` None: nothing. `mark` says it in one word; it holds no space or '@'."""

    topic: str
    address: Address
    mark: str
    kind: NoticeKind | None = None
    reason: str = ""
    message: str = ""
    remedy: str = ""
    command: str = ""
    page: str = ""
    by: datetime | None = None
    owner: str = ""
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """One transition, to be told to one destination. `mark` is what stands in the marks once it was."""

    id: str
    kind: NoticeKind
    matter: Matter
    mark: str

    @property
    def address(self) -> Address:
        return self.matter.address


def matters_of(
    desired: Desired, observed: Observed, plan: Plan, *, refresh_every: timedelta | None
) -> tuple[Matter, ...]:
    """The matter with everything that is declared and can be judged now; what is not among them keeps its mark."""
    found: list[Matter] = []
    for address, view in plan.views.items():
        if view.account is not None:
            matter = _account(view, plan.healths[address], refresh_every=refresh_every)
            found += [matter] if matter is not None else []
    for address, provider in desired.providers.items():
        seen = observed.providers.get(address, ObservedProvider(address))
        if not seen.unreadable:
            found += _provider(provider, seen, now=observed.now)
    return tuple(found)


def topics_that_may_be(desired: Desired) -> frozenset[str]:
    """Everything that a mark may still speak of; the others are those of objects that are gone."""
    providers = {str(a) for a in desired.providers} | {f"{a}{_SECRET}" for a in desired.providers}
    return frozenset({str(a) for a in desired.accounts} | providers | {str(a) for a in desired.broken})


def notices_for(
    destination: str, matters: tuple[Matter, ...], marks: Marks, *, now: datetime
) -> tuple[Notice, ...]:
    """What this destination is to be told, in the order of `matters`."""
    found = []
    for matter in matters:
        before = marks.of(matter.topic, destination)
        kind = _transition(matter, _word(before))
        if kind is not None:
            mark = f"{matter.mark}@{format_instant(now)}"
            found.append(Notice(_id(matter, before), kind, matter, mark))
    return tuple(found)


def _transition(matter: Matter, before: str) -> NoticeKind | None:
    """What is to be told where `before` was told last; None for nothing."""
    if matter.mark == before:
        return None
    if matter.kind is None:
        return NoticeKind.RECOVERED if before.partition(":")[0] in _ENDS_WITH_RECOVERY else None
    if matter.kind is NoticeKind.EXPIRING and _is_later_step(matter.mark, before):
        return None
    return matter.kind


def _is_later_step(mark: str, before: str) -> bool:
    """The same date, and a step that is not nearer than the one that was told (a clock that went back)."""
    (_, date, days), told = mark.split(":"), before.split(":")
    return len(told) == 3 and told[0] == "expiring" and told[1] == date and int(days) >= int(told[2])


def _word(mark: str) -> str:
    """A mark without its time."""
    return mark.partition("@")[0]


def _id(matter: Matter, before: str) -> str:
    text = f"{matter.topic} {before} {matter.mark}"
    return f"msg_{hashlib.sha256(text.encode()).hexdigest()[:32]}"


# --------------------------------------------------------------------------------------------------------- accounts


def _account(view: AccountView, health: Health, *, refresh_every: timedelta | None) -> Matter | None:
    address = health.address
    match health.state:
        case AccountState.PENDING_CONSENT | AccountState.NEEDS_CONSENT:
            return _wrong(view, health, NoticeKind.NEEDS_CONSENT)
        case AccountState.NEEDS_ADMIN | AccountState.MISCONFIGURED if (
            health.reason is not Reason.MANIFEST_INVALID
        ):
            return _wrong(view, health, NoticeKind.NEEDS_ADMIN)
        case AccountState.IN_DOUBT if health.reason is not Reason.REFRESH_RUNNING:
            return _wrong(view, health, NoticeKind.IN_DOUBT)
        case AccountState.EXPIRED if health.reason is Reason.MANUAL_EXPIRY:
            return _wrong(view, health, NoticeKind.NEEDS_CONSENT)
        case AccountState.READY | AccountState.REFRESH_DUE | AccountState.EXPIRING:
            needs, _ = account_needs(view, health, refresh_every=refresh_every)
            dated = next((need for need in needs if need.kind is not LimitKind.NOW and need.asks), None)
            consented = view.status.consented_at if view.status else None
            expiring = (
                None if dated is None else _expiring(str(address), dated, now=view.now, since=consented)
            )
            return expiring or Matter(str(address), address, GOOD, owner=_owner(view), message="works again")
        case _:
            return None


def _wrong(view: AccountView, health: Health, kind: NoticeKind) -> Matter:
    line = account_attention(view, health)
    # What is only in doubt keeps one mark, whatever the doubt is made of: it comes and goes with each try.
    mark = kind.value if kind is NoticeKind.IN_DOUBT else f"{kind.value}:{health.reason.value}"
    return Matter(
        topic=str(health.address),
        address=health.address,
        mark=mark,
        kind=kind,
        reason=health.reason.value,
        message=health.message,
        remedy=line.remedy if line else "",
        command=line.command if line else f"reconciler status --only {health.address.short}",
        page=line.page if line else "",
        by=health.by,
        owner=_owner(view),
        provider=str(view.account.provider) if view.account else "",
    )


def _owner(view: AccountView) -> str:
    return clean((view.account.owner if view.account else "") or "")


def _expiring(topic: str, need: Need, *, now: datetime, since: datetime | None) -> Matter | None:
    """The nearest step that has come, or None where the date is far away, or as near as it always is."""
    left = need.at - now
    life = None if since is None else need.at - since
    for days in reversed(STEPS):
        if left <= timedelta(days=days):
            if days > 1 and life is not None and timedelta(days=days) > life / _QUARTER:
                return None
            return Matter(
                topic=topic,
                address=need.address,
                mark=f"{NoticeKind.EXPIRING.value}:{need.at:%Y-%m-%d}:{days}",
                kind=NoticeKind.EXPIRING,
                reason=need.kind.value,
                message=f"{need.message}, {distance(need.at, now)}",
                remedy="The owner consents again before that date."
                if need.kind is not LimitKind.CLIENT_SECRET
                else "Somebody makes a new client secret and puts it into the store.",
                command=need.command,
                by=need.at,
                owner=need.owner,
                provider=need.provider,
            )
    return None


# -------------------------------------------------------------------------------------------------------- providers


def _provider(provider: DesiredProvider, seen: ObservedProvider, *, now: datetime) -> Iterator[Matter]:
    address = provider.address
    circuit = seen.status.circuit if seen.status else None
    if circuit is None or _is_passing(circuit, now=now):
        yield Matter(str(address), address, GOOD, message="its incident is over", provider=str(address))
    else:
        remedy = remedy_for(circuit.reason, address, provider=address, behaviour=provider.behaviour)
        yield Matter(
            topic=str(address),
            address=address,
            mark=f"{NoticeKind.INCIDENT.value}:{circuit.reason.value}",
            kind=NoticeKind.INCIDENT,
            reason=circuit.reason.value,
            message=remedy.what,
            remedy=remedy.do,
            command=remedy.command,
            page=remedy.page,
            provider=str(address),
        )
    need = provider_need(provider, seen)
    topic = f"{address}{_SECRET}"
    expiring = None if need is None else _expiring(topic, need, now=now, since=None)
    yield expiring or Matter(topic, address, GOOD)


def _is_passing(circuit: Circuit, *, now: datetime) -> bool:
    """No clear answers for a while: what ends by itself within the hour is nobody's concern."""
    return circuit.judge is ErrorClass.TRANSIENT and now - circuit.since < _OUTAGE
