"""When an account will need a person next, and because of which limit: one model for each kind of limit.

The models (`at` is when, `every` is how often from then on, if the person acts on that day):
- `now`: it needs a person already;
- `manual`: the manifest's own date, once;
- `absolute`: counted from the consent, or told by an answer as a date that no refresh moves; again after each consent;
- `testing`: the same, as short as the base says that grants of an app in testing are;
- `idle`: the base's limit of disuse; it counts only where the schedule of refreshes is too slow to keep the grant alive;
- `sliding`: the same, where answers told how long the refresh token lives and each refresh begins it anew;
- `client-secret`: the date on which a client secret ends (RFC 7591 §3.2.1), which an administrator must meet;
- `lapse`: suspended or no longer declared, so that nobody refreshes it: it ends, and nobody is asked.
Idle and absolute limits of one grant are judged apart. What nobody knows the end of is not guessed. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.decide.account_view import AccountView
from reconciler.decide.attention import account_remedy
from reconciler.decide.health import Health
from reconciler.decide.timing import idle_limit
from reconciler.errors import clean
from reconciler.model.behaviour import LifetimeKind
from reconciler.model.desired import DesiredProvider
from reconciler.model.duration import format_rough
from reconciler.model.location import Location
from reconciler.model.names import Address
from reconciler.model.observed import ObservedProvider
from reconciler.model.state import AccountState

_COUNTED = (LifetimeKind.ABSOLUTE, LifetimeKind.IDLE_AND_ABSOLUTE)
_IDLE = (LifetimeKind.IDLE, LifetimeKind.IDLE_AND_ABSOLUTE)
_ABOUT = 0.1
"""An end that is this near to what the base says of apps in testing is taken for it."""
_UNREFRESHED = (AccountState.SUSPENDED, AccountState.ORPHANED)
_DATED = AccountState.EXPIRING
"""Listed as attention because of a date, which the models below give themselves."""


class LimitKind(StrEnum):
    NOW = "now"
    MANUAL = "manual"
    ABSOLUTE = "absolute"
    TESTING = "testing"
    IDLE = "idle"
    SLIDING = "sliding"
    CLIENT_SECRET = "client-secret"
    LAPSE = "lapse"


@dataclass(frozen=True, slots=True)
class Need:
    """A person is needed at `at`, and then every `every` (None: once). `asks` False: it ends, and nobody is asked."""

    address: Address
    kind: LimitKind
    at: datetime
    message: str
    every: timedelta | None = None
    command: str = ""
    owner: str = ""
    provider: str = ""
    asks: bool = True
    location: Location | None = None


def account_needs(
    view: AccountView, health: Health, *, refresh_every: timedelta | None
) -> tuple[tuple[Need, ...], str]:
    """(needs, soonest first; why more cannot be known, or ''). `refresh_every` None: refreshes come in time."""
    if health.state is AccountState.UNKNOWN:
        return (), "the store would not tell"
    if not view.is_person:
        return (), ""
    needs = sorted(_needs(view, health, refresh_every=refresh_every), key=lambda need: (need.at, need.kind))
    unknown = not needs and view.has_grant and _nobody_knows(view)
    return tuple(needs), "nobody says how long its grant lives" if unknown else ""


def _needs(view: AccountView, health: Health, *, refresh_every: timedelta | None) -> Iterator[Need]:
    if health.state in _UNREFRESHED:
        dies = view.grant_dies_at
        if dies is not None and view.has_grant:
            word = "suspended" if health.state is AccountState.SUSPENDED else "no longer declared"
            yield _need(
                view,
                health,
                kind=LimitKind.LAPSE,
                at=dies,
                message=f"{word}: nobody refreshes it",
                asks=False,
            )
        return
    rules = view.refresh_rules
    waits = health.needs_person and health.state is not _DATED
    if waits:
        yield _need(view, health, kind=LimitKind.NOW, at=view.now, message=health.message)
        # Once somebody has acted, what is counted from a consent begins anew.
        again = rules.lifetime.absolute if rules.lifetime.kind in _COUNTED else None
        if again is not None:
            yield _absolute(view, health, view.now + again, every=again, lives=again)
        return
    manual = view.account.expires if view.account else None
    if manual is not None:
        yield _need(
            view, health, kind=LimitKind.MANUAL, at=manual, message="the manifest's own date (expires)"
        )
    if not view.has_grant:
        return
    end = _end(view)
    if end is not None:
        consented = view.status.consented_at if view.status else None
        lives = None if consented is None else end - consented
        every = rules.lifetime.absolute if rules.lifetime.kind in _COUNTED else lives
        yield _absolute(view, health, end, every=every, lives=lives)
    yield from _disused(view, health, refresh_every=refresh_every)


def _absolute(
    view: AccountView, health: Health, end: datetime, *, every: timedelta | None, lives: timedelta | None
) -> Need:
    testing = view.refresh_rules.testing
    if testing is not None and lives is not None and abs(lives - testing) <= testing * _ABOUT:
        words = f"the app is in testing at the provider: grants end after {format_rough(testing)}"
        return _need(view, health, kind=LimitKind.TESTING, at=end, message=words, every=testing)
    after = "" if lives is None else f", {format_rough(lives)} after the consent"
    return _need(view, health, kind=LimitKind.ABSOLUTE, at=end, message=f"the grant ends{after}", every=every)


def _disused(view: AccountView, health: Health, *, refresh_every: timedelta | None) -> Iterator[Need]:
    """Ends of idleness, where the schedule does not prevent them."""
    dies, idle = view.idle_death, _idle(view)
    if dies is None or idle is None or refresh_every is None or _longest_gap(view, refresh_every) < idle:
        return
    known = view.refresh_rules.lifetime.kind in _IDLE
    kind = LimitKind.IDLE if known else LimitKind.SLIDING
    why = f"dies after {format_rough(idle)} without a refresh, and one every {format_rough(refresh_every)} comes too late"
    yield _need(view, health, kind=kind, at=dies, message=why, every=idle)


def _longest_gap(view: AccountView, refresh_every: timedelta) -> timedelta:
    """Between two uses: it is due after so much of its life, and the run that sees it comes up to one interval later."""
    timing = view.timing
    if timing is None or view.published is None:
        return refresh_every
    return timing.due_at - view.published.created_time + refresh_every


def _idle(view: AccountView) -> timedelta | None:
    recorded = view.status.refresh_idle if view.status else None
    return recorded or idle_limit(view.refresh_rules)


def _end(view: AccountView) -> datetime | None:
    """The date that no refresh moves: on record, or counted by the base's rule."""
    status, lifetime = view.status, view.refresh_rules.lifetime
    if status is None:
        return None
    if status.refresh_expires_at is not None:
        return status.refresh_expires_at
    if lifetime.kind not in _COUNTED or lifetime.absolute is None or status.consented_at is None:
        return None
    return status.consented_at + lifetime.absolute


def _nobody_knows(view: AccountView) -> bool:
    return view.refresh_rules.lifetime.kind is LifetimeKind.UNKNOWN and _idle(view) is None


def _need(
    view: AccountView,
    health: Health,
    *,
    kind: LimitKind,
    at: datetime,
    message: str,
    every: timedelta | None = None,
    asks: bool = True,
) -> Need:
    status = view.status
    consents = f"reconciler consent {view.address.short}"
    return Need(
        address=view.address,
        kind=kind,
        at=at,
        message=message,
        every=every,
        command=""
        if not asks
        else account_remedy(view, health).command
        if kind is LimitKind.NOW
        else consents,
        owner=clean((view.account.owner if view.account else status.owner if status else "") or ""),
        provider=str(view.account.provider) if view.account else (status.provider if status else ""),
        asks=asks,
        location=view.account.location if view.account else None,
    )


def provider_need(provider: DesiredProvider, observed: ObservedProvider) -> Need | None:
    """A client secret that ends on a date."""
    ends = observed.status.client_secret_expires_at if observed.status else None
    if ends is None:
        return None
    return Need(
        address=provider.address,
        kind=LimitKind.CLIENT_SECRET,
        at=ends,
        message="its client secret ends; grants are kept, and nothing is refreshed after it",
        command=f"reconciler plan --only {provider.address}",
        provider=str(provider.address),
        location=provider.location,
    )
