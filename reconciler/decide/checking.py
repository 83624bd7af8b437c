"""Is an account fit for work: now, for as long as was asked for, with the scopes that were asked for? One verdict each.

Rules:
- what counts is the published token; an incident of the provider, a refresh under way or an unclear one spoils nothing
  while the token lives for as long as it is needed;
- only a person's absence is told as such (5); what waits, is unknown, suspended or dead is not fit either (4);
- a date that will need a person is a remark, until it falls within the time that was asked for; so is a refresh token that
  is held back since a restore, until the token lives too short, and then only a person helps;
- scopes are compared with what was granted, in the base's own spelling; what a server does not tell is taken as asked for.
Pure; `now` is the store's clock. Where there are no manifests, what the store recorded last is all that is known.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.decide.account_view import AccountView
from reconciler.decide.attention import account_remedy
from reconciler.decide.frozen import is_frozen
from reconciler.decide.health import Health
from reconciler.decide.refresh_results import frozen_hint, frozen_words
from reconciler.decide.remedy import remedy_for
from reconciler.errors import clean
from reconciler.model.answer import NoAnswer, Outcome
from reconciler.model.behaviour import ScopeRules
from reconciler.model.duration import format_rough
from reconciler.model.names import Address
from reconciler.model.observed import ObservedAccount
from reconciler.model.state import NEEDS_PERSON, AccountState, Reason

FIT, UNFIT, PERSON = 0, 4, 5


class Live(StrEnum):
    """What the provider said of the token."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    """It could not be asked, or gave no usable answer."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the account is checked for."""

    min_valid: timedelta = timedelta(0)
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One account. `code` is FIT, UNFIT or PERSON; `message` one line without the address; `command` what helps."""

    address: Address
    state: AccountState
    reason: Reason
    message: str
    code: int = FIT
    expires_at: datetime | None = None
    granted: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    command: str = ""
    live: Live | None = None

    @property
    def fit(self) -> bool:
        return self.code == FIT


_UNKEPT = frozenset({AccountState.SUSPENDED, AccountState.ORPHANED, AccountState.UNKNOWN})


def check_account(
    view: AccountView, health: Health, wanted: Wanted, *, restored: datetime | None = None
) -> Check:
    """By manifest and metadata, as `plan` and `status` judge it. `restored`: when the store was, from a snapshot."""
    rules = view.provider.behaviour.scopes if view.provider else ScopeRules()
    granted = health.granted_scopes or (view.status.requested_scopes if view.status else ())
    found = Check(
        address=health.address,
        state=health.state,
        reason=health.reason,
        message=health.message,
        expires_at=health.access_expires_at,
        granted=granted,
        missing=missing_scopes(wanted.scopes, granted, rules=rules),
        command=account_remedy(view, health).command,
    )
    asks = health.needs_person and health.state is not AccountState.EXPIRING
    ends_within = health.state is AccountState.EXPIRING and (
        health.by is None or health.by - view.now < wanted.min_valid
    )
    asked = view.account.scopes if view.account else ()
    return _judged(
        found,
        wanted,
        now=view.now,
        by_person=asks or ends_within,
        life=view.status.lifetime if view.status else None,
        frozen="" if restored is None or not is_frozen(view, restored=restored) else frozen_words(restored),
        unasked=missing_scopes(found.missing, asked, rules=rules) if view.account else (),
    )


def check_recorded(observed: ObservedAccount, wanted: Wanted, *, now: datetime) -> Check:
    """By what the last run recorded, where no manifests are."""
    address, status, tokens = observed.address, observed.status, observed.tokens
    if observed.unreadable or status is None:
        why = observed.unreadable or "the store does not know this account"
        return Check(
            address, AccountState.UNKNOWN, Reason.STORE_UNREADABLE, why, UNFIT, command="reconciler status"
        )
    newest = tokens.newest if tokens else None
    life = status.lifetime
    ends = newest.created_time + life if newest and newest.alive and life is not None else None
    remedy = remedy_for(status.reason, address)
    granted = status.granted_scopes or status.requested_scopes
    found = Check(
        address=address,
        state=status.state,
        reason=status.reason,
        message=remedy.what,
        expires_at=ends,
        granted=granted,
        missing=missing_scopes(wanted.scopes, granted, rules=ScopeRules()),
        command=remedy.command,
    )
    by_person = status.state in NEEDS_PERSON and status.state is not AccountState.EXPIRING
    return _judged(found, wanted, now=now, by_person=by_person, life=life)


def _judged(
    found: Check,
    wanted: Wanted,
    *,
    now: datetime,
    by_person: bool,
    life: timedelta | None,
    frozen: str = "",
    unasked: tuple[str, ...] = (),
) -> Check:
    """`frozen`: why nothing will be refreshed, '' where it will. `unasked`: of what is missing, what no consent would ask for."""
    if by_person:
        return replace(found, code=PERSON, message=f"needs a person: {found.message}")
    if found.state in _UNKEPT:
        return replace(found, code=UNFIT)
    if unasked:
        words = f"not granted, and not asked for by the manifest: {clean(' '.join(unasked), cap=400)}"
        return replace(found, code=PERSON, message=f"needs a person: {words}", command="")
    if found.missing:
        return replace(
            found,
            code=PERSON,
            message=f"needs a person: not granted: {clean(' '.join(found.missing), cap=400)}",
            command=f"reconciler consent {found.address.short}",
        )
    left = timedelta(0) if found.expires_at is None else found.expires_at - now
    if frozen:
        return _frozen(found, wanted, left=left, why=frozen)
    if left <= timedelta(0):
        dead = (
            "no token is published"
            if found.expires_at is None
            else f"the token is dead since {format_rough(-left)}"
        )
        why = "" if found.state in (AccountState.READY, AccountState.EXPIRED) else f": {found.message}"
        return replace(found, code=UNFIT, message=f"{dead}{why}")
    if left < wanted.min_valid:
        words = f"{format_rough(left)} left, and {format_rough(wanted.min_valid)} are asked for"
        if life is not None and life < wanted.min_valid:
            return replace(
                found, code=UNFIT, message=f"{words}; a fresh one lives {format_rough(life)}", command=""
            )
        command = f"reconciler token {found.address.short} --min-valid {_minutes(wanted.min_valid)}"
        return replace(found, code=UNFIT, message=words, command=command)
    remark = "" if found.state in (AccountState.READY, AccountState.REFRESH_DUE) else f"; {found.message}"
    return replace(found, message=f"{format_rough(left)} left{remark}", command="")


def _frozen(found: Check, wanted: Wanted, *, left: timedelta, why: str) -> Check:
    """It lives as long as its token does: nothing is refreshed until a person has consented."""
    command = frozen_hint(found.address)
    if left > timedelta(0) and left >= wanted.min_valid:
        return replace(found, message=f"{format_rough(left)} left; {why}", command=command)
    words = f"{format_rough(left)} left" if left > timedelta(0) else "no token lives"
    return replace(found, code=PERSON, message=f"needs a person: {words}; {why}", command=command)


def with_answer(found: Check, live: Live, why: str) -> Check:
    """The check with what the provider says of the token; `why` in our own words."""
    match live:
        case Live.ACCEPTED:
            return replace(found, live=live, message=f"{found.message}; {why}")
        case Live.REFUSED:
            command = f"reconciler refresh {found.address.short} --force"
            return replace(found, live=live, code=max(found.code, UNFIT), message=why, command=command)
        case Live.UNANSWERED:
            return replace(found, live=live, code=max(found.code, UNFIT), message=f"{found.message}; {why}")


def missing_scopes(
    wanted: Collection[str], granted: Collection[str], *, rules: ScopeRules
) -> tuple[str, ...]:
    """Those of `wanted` that are not among `granted`, in the base's spelling."""
    held = set(granted)
    return tuple(scope for scope in wanted if scope not in held and rules.aliases.get(scope) not in held)


def read_live_answer(outcome: Outcome, active: bool | None) -> tuple[Live, str]:
    """What userinfo or introspection said. `active` is introspection's word; None: userinfo was asked (RFC 6750 §3.1)."""
    if isinstance(outcome, NoAnswer):
        return Live.UNANSWERED, f"the provider gave no answer: {outcome.why}"
    if outcome.status == 200 and active is not False:
        return Live.ACCEPTED, "the provider accepts it"
    if active is False:
        return Live.REFUSED, "the provider does not know the token any more (introspection: not active)"
    if outcome.status == 401:
        return Live.REFUSED, "the provider does not accept the token (HTTP 401)"
    if outcome.status == 403:
        # RFC 6750 §3.1: insufficient_scope; the token itself is good.
        return Live.ACCEPTED, "the provider knows it (HTTP 403: not enough for userinfo)"
    return Live.UNANSWERED, f"the provider gave no usable answer (HTTP {outcome.status})"


def _minutes(span: timedelta) -> str:
    return f"{max(int(span.total_seconds()) // 60, 1)}m"
