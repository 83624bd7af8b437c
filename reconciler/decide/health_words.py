"""One line in words for each account state: the remedy table's clause, with the dates, codes and names of this case.

Rules: relative time first, nothing that an expert alone understands, foreign codes cleaned; never a body, never a secret.
"""

from __future__ import annotations

from datetime import datetime

from reconciler.decide.account_view import AccountView
from reconciler.decide.remedy import REMEDIES
from reconciler.errors import clean
from reconciler.model.duration import format_rough
from reconciler.model.state import NEEDS_PERSON, AccountState, Reason
from reconciler.model.status import Circuit

S, R = AccountState, Reason


def describe(view: AccountView, state: AccountState, reason: Reason) -> str:
    """What is the matter, without the address: `the refresh token has expired (invalid_grant)`."""
    what = REMEDIES[reason].what
    detail = _detail(view, state, reason)
    return f"{what}{detail}{_also_granted(view, state)}"


def brief(view: AccountView, state: AccountState, reason: Reason) -> str:
    """The case's own part where the action's word says the rest: `4 min left`; the whole line otherwise."""
    if state in (S.REFRESH_DUE, S.EXPIRED) and reason is not R.MANUAL_EXPIRY:
        return _detail(view, state, reason).lstrip(":, ") or "no token is published"
    if state in NEEDS_PERSON and view.timing is not None:
        # Why a person is needed is said on a line of its own; this one is about the token.
        dead = view.timing.expires_at <= view.now
        words = _date_detail(view, S.EXPIRED if dead else S.REFRESH_DUE, R.ACCESS_TOKEN_EXPIRED)
        return words.lstrip(":, ")
    return describe(view, state, reason)


def distance(moment: datetime, now: datetime) -> str:
    """`in 12 days`, `2 days ago`, `now`."""
    seconds = (moment - now).total_seconds()
    if abs(seconds) < 1:
        return "now"
    rough = format_rough(moment - now)
    return f"in {rough}" if seconds > 0 else f"{rough} ago"


def _detail(view: AccountView, state: AccountState, reason: Reason) -> str:
    if state is S.UNKNOWN:
        return f": {view.observed.unreadable}" if view.observed.unreadable else ""
    if reason is R.FOREIGN_OWNER:
        return f": {clean(view.foreign, cap=100)}"
    if reason is R.PROVIDER_NOT_READY:
        name = view.account.provider if view.account else "its provider"
        return f": {name}: {view.not_ready or 'its manifest is invalid'}"
    if state in (S.HELD, S.NEEDS_ADMIN) and view.circuit is not None and reason is view.circuit.reason:
        return _circuit_detail(view.circuit, view.now)
    if reason is R.SCOPES_WIDENED:
        return f": {clean(' '.join(view.widened))}"
    if reason is R.SCOPES_NOT_GRANTED:
        return f": {clean(' '.join(view.missing_scopes))}"
    return _date_detail(view, state, reason) + _code_detail(view, reason)


def _also_granted(view: AccountView, state: AccountState) -> str:
    """A narrower manifest asks nobody for anything; that the grant is wider than it is no secret, though."""
    if not view.narrowed or state not in (S.READY, S.REFRESH_DUE, S.EXPIRING):
        return ""
    return f"; also granted, no longer asked for: {clean(' '.join(view.narrowed), cap=200)}"


def _circuit_detail(circuit: Circuit, now: datetime) -> str:
    code = f" ({clean(circuit.code, cap=80)})" if circuit.code else ""
    return f"{code}; tried again {distance(max(circuit.probe_at, now), now)}"


def _date_detail(view: AccountView, state: AccountState, reason: Reason) -> str:
    timing = view.timing
    date: datetime | None = None
    word = ""
    if state is S.READY and timing is not None:
        return f" for {format_rough(timing.expires_at - view.now)}"
    if state is S.REFRESH_DUE:
        return f": {format_rough(timing.expires_at - view.now)} left" if timing else ": no token yet"
    if state is S.EXPIRED and reason is R.ACCESS_TOKEN_EXPIRED:
        date, word = (timing.expires_at if timing else None), "dead since"
        return f", {word} {format_rough(view.now - date)}" if date else ""
    if reason is R.MANUAL_EXPIRY and view.account is not None:
        date = view.account.expires
        word = "passed" if date is not None and date <= view.now else "comes"
    elif state is S.EXPIRING and view.status is not None:
        date, word = view.status.refresh_expires_at, "that is"
    elif state is S.ORPHANED and view.grant_dies_at is not None:
        date, word = view.grant_dies_at, "the grant dies"
    elif reason in (R.GRANT_SUSPECTED, R.RATE_LIMITED) and view.status is not None:
        date, word = view.status.not_before, "tried again"
    return f", {word} {distance(date, view.now)}" if date is not None else ""


def _code_detail(view: AccountView, reason: Reason) -> str:
    status = view.status
    if status is None or status.reason is not reason or not status.code:
        return ""
    return f" ({clean(status.code, cap=80)})"
