"""Two years of one grant under a virtual clock, for every class of lifetime that a base of the catalogue has.

The provider is the class alone: what ends a grant, and when a refresh is refused as too early. The tool is the real thing:
`decide/timing` says when a refresh is due, `decide/forecast` whom it would ask. Runs come as a schedule says, and every 45
days nothing works for three. A person who must consent does so an hour after the grant has died.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from reconciler.adapters.manifest_catalogue import load_catalogue
from reconciler.decide.account_view import AccountView
from reconciler.decide.forecast import LimitKind, Need, account_needs
from reconciler.decide.health import judge_account
from reconciler.decide.timing import Timing, assess_account
from reconciler.model.behaviour import Behaviour, LifetimeKind, Renewal
from reconciler.model.duration import format_duration
from reconciler.model.observed import ObservedAccount
from reconciler.model.state import AccountState, Reason
from reconciler.model.status import AccountStatus, ownership_mark
from reconciler.model.stored import KeyMetadata, VersionInfo
from tests.simulators.manifests import make_account, make_behaviour, make_provider

START = datetime(2026, 1, 1, tzinfo=UTC)
SPAN = timedelta(days=730)
OUTAGE_EVERY, OUTAGE = timedelta(days=45), timedelta(days=3)
NOTICES = tuple(timedelta(days=days) for days in (30, 14, 7, 1))
SCHEDULES: dict[str, timedelta | None] = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(days=7),
    "never": None,
}
_NEVER = timedelta(days=3650)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Lifetimes:
    """A class: everything of a base that decides when its grants end and when they can be refreshed."""

    renewal: Renewal
    needs_intent: bool
    kind: LifetimeKind
    idle: timedelta | None
    absolute: timedelta | None
    access: timedelta
    min_age: timedelta | None
    last_of_life: timedelta | None

    @classmethod
    def of(cls, base: Behaviour) -> Lifetimes:
        refresh, access = base.refresh_token, base.access_token
        return cls(
            refresh.renewal,
            refresh.rotation.needs_intent,
            refresh.lifetime.kind,
            refresh.lifetime.idle,
            refresh.lifetime.absolute,
            access.lifetime or timedelta(hours=1),
            access.min_age,
            access.last_of_life,
        )

    def __str__(self) -> str:
        idle = f"{format_duration(self.idle)} unused" if self.idle else ""
        absolute = f"{format_duration(self.absolute)} after the consent" if self.absolute else ""
        ends = " or ".join(part for part in (idle, absolute) if part) or (
            "nobody says" if self.kind is LifetimeKind.UNKNOWN else "not by time"
        )
        word = "one use" if self.needs_intent else "many uses"
        early = f", not before {format_duration(self.youngest)}" if self.youngest else ""
        return f"{self.renewal.value}, {word}, dies {ends}; access {format_duration(self.access)}{early}"

    @property
    def youngest(self) -> timedelta:
        """A younger access token is not refreshed by the provider."""
        last = self.access - self.last_of_life if self.last_of_life else timedelta(0)
        return max(self.min_age or timedelta(0), last)


def classes() -> dict[Lifetimes, list[str]]:
    """Every class that occurs, with the bases that are of it: each base is of exactly one."""
    found: dict[Lifetimes, list[str]] = {}
    for name, base in sorted(load_catalogue().bases.items()):
        found.setdefault(Lifetimes.of(base), []).append(name)
    return found


@dataclass
class Story:
    """What happened. `avoidable`: deaths although a run could have refreshed in time; `unannounced`: consents that no
    notice would have told of; `early`: refreshes that the provider refused as too early."""

    consents: int = 1
    deaths: list[tuple[str, datetime]] = field(default_factory=list)
    avoidable: list[datetime] = field(default_factory=list)
    unannounced: list[tuple[datetime, timedelta]] = field(default_factory=list)
    early: int = 0
    refreshes: int = 0


@dataclass
class _Grant:
    consented_at: datetime
    used: list[datetime]

    @property
    def last(self) -> datetime:
        return self.used[-1]


def in_outage(moment: datetime) -> bool:
    return (moment - START) % OUTAGE_EVERY >= OUTAGE_EVERY - OUTAGE


def live(kind: Lifetimes, every: timedelta | None) -> Story:
    """Two years."""
    story, grant, base = Story(), _Grant(START, [START]), _behaviour(kind)
    for tick in _ticks(kind, every, grant, base):
        ends = _end(kind, grant)
        if ends is not None and ends[1] <= tick:
            _bury(story, kind, grant, ends, every=every, base=base)
            reborn = max(tick, ends[1]) if every is not None else ends[1]
            grant.consented_at, grant.used = reborn + _HOUR, [reborn + _HOUR]
            story.consents += 1
            continue
        if in_outage(tick) or not _timing(kind, grant, tick, every, base).due:
            continue
        if tick - grant.last < kind.youngest:
            story.early += 1
            continue
        grant.used.append(tick)
        story.refreshes += 1
    return story


def _ticks(kind: Lifetimes, every: timedelta | None, grant: _Grant, base: Behaviour) -> Iterator[datetime]:
    """The runs that matter: those at which a refresh is due or the grant is dead."""
    now = START
    while True:
        ends = _end(kind, grant)
        if every is None:
            if ends is None or ends[1] > START + SPAN:
                return
            yield ends[1]
            continue
        due = _timing(kind, grant, now, every, base).due_at
        wanted = max(now + every, min(due, ends[1]) if ends else due)
        now = START + -(-(wanted - START) // every) * every
        if now > START + SPAN:
            return
        yield now


def _end(kind: Lifetimes, grant: _Grant) -> tuple[str, datetime] | None:
    found = []
    if kind.idle is not None:
        found.append(("idle", grant.last + kind.idle))
    if kind.absolute is not None:
        found.append(("absolute", grant.consented_at + kind.absolute))
    return min(found, key=lambda one: one[1]) if found else None


def _bury(
    story: Story,
    kind: Lifetimes,
    grant: _Grant,
    ends: tuple[str, datetime],
    *,
    every: timedelta | None,
    base: Behaviour,
) -> None:
    what, at = ends
    story.deaths.append(ends)
    if what == "idle" and every is not None:
        first = START + -(-(grant.last + max(kind.youngest, timedelta(seconds=1)) - START) // every) * every
        while first < at:
            if not in_outage(first):
                story.avoidable.append(at)
                break
            first += every
    for before in NOTICES:
        moment = at - before
        # Nobody can be told of it before it was granted, nor while every run that could tell is an outage's.
        if moment > grant.consented_at and not any(
            need.at == at for need in needs(kind, grant.consented_at, grant.used, moment, every, base)
        ):
            if what == "idle" and every is not None and _was_outage(grant.last, at):
                continue
            story.unannounced.append((at, before))


def _was_outage(since: datetime, until: datetime) -> bool:
    """An end that only an outage brought about: the schedule was quick enough, so no notice could know."""
    moment = since
    while moment < until:
        if in_outage(moment):
            return True
        moment += _HOUR * 12
    return False


def _behaviour(kind: Lifetimes) -> Behaviour:
    base = next(b for b in load_catalogue().bases.values() if Lifetimes.of(b) == kind)
    return make_behaviour().model_copy(
        update={
            "refresh_token": base.refresh_token,
            "access_token": base.access_token.model_copy(update={"lifetime": kind.access}),
        }
    )


def _timing(
    kind: Lifetimes, grant: _Grant, now: datetime, every: timedelta | None, base: Behaviour
) -> Timing:
    return assess_account(
        _ACCOUNT.address,
        lifetime=kind.access,
        issued_at=grant.last,
        now=now,
        access=base.access_token,
        refresh=base.refresh_token,
        due_within=None if every is None else 2 * every,
    )


_ACCOUNT = make_account()


def needs(
    kind: Lifetimes,
    consented_at: datetime,
    used: list[datetime],
    now: datetime,
    every: timedelta | None,
    base: Behaviour,
) -> tuple[Need, ...]:
    """What the forecast would say at `now`, from metadata as the store has it."""
    last = used[max(bisect_right(used, now) - 1, 0)]
    provider = make_provider(behaviour=base)
    status = AccountStatus(
        managed_by=ownership_mark("default"),
        provider=str(provider.address),
        state=AccountState.READY,
        reason=Reason.FRESH,
        since=consented_at,
        manifest_digest=_ACCOUNT.digest,
        consent_digest=_ACCOUNT.consent_digest,
        client_id="client-1",
        lifetime=kind.access,
        consented_at=consented_at,
        granted_scopes=_ACCOUNT.scopes,
        requested_scopes=_ACCOUNT.scopes,
        refresh_expires_at=None if kind.absolute is None else consented_at + kind.absolute,
    )
    tokens = KeyMetadata(1, {1: VersionInfo(1, last)}, status.to_metadata())
    view = AccountView(
        address=_ACCOUNT.address,
        account=_ACCOUNT,
        observed=ObservedAccount(_ACCOUNT.address, tokens, None, status),
        provider=provider,
        provider_observed=None,
        now=now,
        owner="default",
        due_within=None if every is None else 2 * every,
    )
    found, _ = account_needs(view, judge_account(view), refresh_every=every or _NEVER)
    return found


__all__ = ["NOTICES", "SCHEDULES", "Lifetimes", "LimitKind", "Story", "classes", "live"]
