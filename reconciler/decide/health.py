"""The account state table of DESIGN §7, as a literal list of rules: the first that applies is the account's state.

Rules of the table:
- what is not known is not judged: unreadable, foreign, undeclared and invalid come first;
- an incident of the provider outranks whatever it would make us ask of a person;
- a state on record counts where only an answer of the provider could have made it; what follows from manifest and
  clock is judged anew each time, so that a corrected manifest shows at once;
- whether a refresh is due is another question than the state, and is answered beside it: a grant that waits for
  wider scopes still refreshes, one that was refused is tried again when its time has come.
Pure; `now` is the store's clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.decide.account_view import AccountView
from reconciler.decide.health_words import describe
from reconciler.model.names import Address
from reconciler.model.state import NEEDS_PERSON, AccountState, Reason

NOTICE = timedelta(days=14)
"""A person is told this long before a date that needs them, or a quarter of the grant's life where that is shorter."""

ANSWERED = frozenset(
    {
        Reason.GRANT_REVOKED,
        Reason.REVOKED_HERE,
        Reason.GRANT_SUSPECTED,
        Reason.REFRESH_TOKEN_EXPIRED,
        Reason.REFRESH_TOKEN_MISSING,
        Reason.INTERRUPTED_ROTATION,
        Reason.SCOPE_REFUSED,
        Reason.ADMIN_ACTION_REQUIRED,
        Reason.INVALID_REQUEST,
        Reason.CLIENT_REFUSED,
        Reason.RATE_LIMITED,
        Reason.PROVIDER_UNREACHABLE,
        Reason.REFRESH_UNCLEAR,
        Reason.REFRESH_RUNNING,
        Reason.CLIENT_REPLACED,
        Reason.PROVIDER_CHANGED,
    }
)
"""Reasons that stand on record because something was tried; all others follow from manifest and clock."""


@dataclass(frozen=True, slots=True)
class Health:
    """What is the matter with one account. `message` is one line in words, without the address."""

    address: Address
    state: AccountState
    reason: Reason
    message: str
    since: datetime | None = None
    by: datetime | None = None
    """When a person is needed at the latest; for a dead grant, when workloads stop working."""
    access_expires_at: datetime | None = None
    not_before: datetime | None = None
    due: bool = False
    """A refresh (or the settling of one) is to be tried now."""
    urgency: datetime | None = None
    granted_scopes: tuple[str, ...] = ()
    missing_scopes: tuple[str, ...] = ()
    code: str = ""

    @property
    def needs_person(self) -> bool:
        return self.state in NEEDS_PERSON or self.reason is Reason.MANUAL_EXPIRY


@dataclass(frozen=True, slots=True)
class Rule:
    """`state` or `reason` None: as on record."""

    when: Callable[[AccountView], bool]
    state: AccountState | None
    reason: Reason | Callable[[AccountView], Reason] | None


def _recorded(view: AccountView) -> bool:
    status = view.status
    return status is not None and status.state is not AccountState.READY and status.reason in ANSWERED


def _in_doubt(view: AccountView) -> bool:
    """Something was begun and its end is not recorded. What a refusal left on record says more than that."""
    unsettled = view.status is not None and view.status.unsettled
    return unsettled or (view.unfinished_since is not None and not _recorded(view))


def _running_or_unclear(view: AccountView) -> Reason:
    since = view.unfinished_since
    young = since is not None and view.now - since < 2 * view.limits.http_deadline
    return Reason.REFRESH_RUNNING if young else Reason.REFRESH_UNCLEAR


def _circuit_reason(view: AccountView) -> Reason:
    return view.circuit.reason if view.circuit is not None else Reason.PROVIDER_INCIDENT


def _manual_date(view: AccountView) -> datetime | None:
    return view.account.expires if view.account else None


def _grant_end(view: AccountView) -> datetime | None:
    return view.status.refresh_expires_at if view.status and view.is_person else None


def _manual_date_passed(view: AccountView) -> bool:
    date = _manual_date(view)
    return date is not None and date <= view.now


def _manual_date_near(view: AccountView) -> bool:
    date = _manual_date(view)
    return date is not None and date - view.now <= _notice(view, date)


def _grant_ends_soon(view: AccountView) -> bool:
    end = _grant_end(view)
    return end is not None and end - view.now <= _notice(view, end)


def _notice(view: AccountView, date: datetime) -> timedelta:
    consented = view.status.consented_at if view.status else None
    return NOTICE if consented is None else min(NOTICE, max(date - consented, timedelta(0)) / 4)


def _no_token_yet(view: AccountView) -> bool:
    return not view.is_person and (view.observed.tokens is None or view.observed.tokens.newest is None)


def _access_dead(view: AccountView) -> bool:
    return view.timing is None or view.timing.expired


def _due_by_time(view: AccountView) -> bool:
    return view.timing is None or view.timing.due


def _recovered_or_fresh(view: AccountView) -> Reason:
    recovered = view.status is not None and view.status.reason is Reason.RECOVERED
    return Reason.RECOVERED if recovered else Reason.FRESH


S, R = AccountState, Reason

RULES: tuple[Rule, ...] = (
    Rule(lambda v: v.observed.unreadable != "", S.UNKNOWN, R.STORE_UNREADABLE),
    Rule(lambda v: v.foreign != "", S.MISCONFIGURED, R.FOREIGN_OWNER),
    Rule(lambda v: v.broken, S.MISCONFIGURED, R.MANIFEST_INVALID),
    Rule(lambda v: v.account is None, S.ORPHANED, R.NOT_DECLARED),
    Rule(lambda v: v.account is not None and v.account.suspend, S.SUSPENDED, R.SUSPENDED),
    Rule(_in_doubt, S.IN_DOUBT, _running_or_unclear),
    Rule(lambda v: v.provider is None or v.not_ready != "", S.HELD, R.PROVIDER_NOT_READY),
    Rule(lambda v: v.circuit is not None, S.HELD, _circuit_reason),
    Rule(lambda v: v.is_person and v.provider_differs, S.NEEDS_CONSENT, R.PROVIDER_CHANGED),
    Rule(lambda v: v.is_person and v.client_differs and v.has_grant, S.NEEDS_CONSENT, R.CLIENT_REPLACED),
    Rule(_recorded, None, None),
    Rule(lambda v: v.is_person and not v.has_grant, S.PENDING_CONSENT, R.NEVER_CONSENTED),
    Rule(lambda v: v.is_person and v.identity_differs, S.NEEDS_CONSENT, R.IDENTITY_CHANGED),
    Rule(lambda v: v.is_person and v.widened != (), S.NEEDS_CONSENT, R.SCOPES_WIDENED),
    Rule(lambda v: v.is_person and v.missing_scopes != (), S.NEEDS_CONSENT, R.SCOPES_NOT_GRANTED),
    Rule(_manual_date_passed, S.EXPIRED, R.MANUAL_EXPIRY),
    Rule(_no_token_yet, S.REFRESH_DUE, R.REFRESH_DUE),
    Rule(_access_dead, S.EXPIRED, R.ACCESS_TOKEN_EXPIRED),
    Rule(_grant_ends_soon, S.EXPIRING, R.REFRESH_TOKEN_EXPIRES_SOON),
    Rule(_manual_date_near, S.EXPIRING, R.MANUAL_EXPIRY),
    Rule(_due_by_time, S.REFRESH_DUE, R.REFRESH_DUE),
    Rule(lambda _: True, S.READY, _recovered_or_fresh),
)


def judge_account(view: AccountView) -> Health:
    """The account's health by the first rule of RULES that applies. Worked out once for each view, as its facts are."""
    known = view.__dict__.get(_JUDGED)
    if known is None:
        known = view.__dict__[_JUDGED] = _judged(view)
    health: Health = known
    return health


_JUDGED = "judged"
"""Where a view keeps it, beside what `cached_property` keeps there: no field, so no part of its equality or copies."""


def _judged(view: AccountView) -> Health:
    for rule in RULES:  # the last one always applies
        if rule.when(view):
            break
    status = view.status
    state = rule.state or (status.state if status else S.UNKNOWN)
    if rule.reason is None:
        reason = status.reason if status else R.STORE_UNREADABLE
    else:
        reason = rule.reason if isinstance(rule.reason, Reason) else rule.reason(view)
    timing = view.timing
    return Health(
        address=view.address,
        state=state,
        reason=reason,
        message=describe(view, state, reason),
        since=_since(view, state, reason),
        by=_by(view, state, reason),
        access_expires_at=view.access_expires_at,
        not_before=_not_before(view),
        due=is_due(view, state, reason),
        urgency=timing.urgency if timing else None,
        granted_scopes=status.granted_scopes if status else (),
        missing_scopes=() if view.account is None else tuple(sorted({*view.widened, *view.missing_scopes})),
        code=status.code if status and rule.state is None else "",
    )


_NOTHING_TO_SEND = (R.NEVER_CONSENTED, R.REFRESH_TOKEN_MISSING, R.REVOKED_HERE)


def may_be_refreshed(view: AccountView, state: AccountState, reason: Reason) -> bool:
    """Whether a refresh may be tried at its time at all: what the provider must not be sent is never due. Whoever is asked
    to consent again, for wider scopes say, keeps a grant that works until then."""
    if view.account is None or state in (S.UNKNOWN, S.SUSPENDED, S.ORPHANED) or view.broken or view.foreign:
        return False
    if view.provider is None or view.not_ready or reason in _NOTHING_TO_SEND:
        return False
    return not (view.is_person and (view.provider_differs or view.client_differs))


def is_due(view: AccountView, state: AccountState, reason: Reason) -> bool:
    """Whether a refresh is to be tried now."""
    if not may_be_refreshed(view, state, reason):
        return False
    if view.circuit is not None and view.circuit.probe_at > view.now:
        return False
    not_before = view.status.not_before if view.status else None
    if not_before is not None:
        # What was refused, or left unclear, is tried again at its time, whatever the access token's age.
        return not_before <= view.now
    return state is S.IN_DOUBT or _due_by_time(view) or _asks_for_another_token(view)


def _asks_for_another_token(view: AccountView) -> bool:
    """Without a person behind it, a changed scope, client, provider or subject needs no consent, just a new token."""
    status = view.status
    if view.is_person or view.account is None:
        return False
    if view.client_differs or view.provider_differs or view.speaks_for_another:
        return True
    return (
        status is not None
        and status.requested_scopes != ()
        and set(view.account.scopes) != set(status.requested_scopes)
    )


def _not_before(view: AccountView) -> datetime | None:
    """The later of what the account and its provider's incident ask for."""
    moments = [
        view.status.not_before if view.status else None,
        view.circuit.probe_at if view.circuit else None,
    ]
    known = [moment for moment in moments if moment is not None]
    return max(known) if known else None


def _since(view: AccountView, state: AccountState, reason: Reason) -> datetime | None:
    status = view.status
    if state is S.HELD and view.circuit is not None and reason is view.circuit.reason:
        return view.circuit.since
    if status is not None and status.reason is reason:
        return status.since
    timing = view.timing
    if state is S.IN_DOUBT:
        return view.unfinished_since
    if reason is R.MANUAL_EXPIRY and state is S.EXPIRED:
        return _manual_date(view)
    if state is S.EXPIRED:
        return timing.expires_at if timing else None
    if state is S.REFRESH_DUE:
        return timing.due_at if timing else None
    if state is S.READY:
        return view.published.created_time if view.published else None
    return None


def _by(view: AccountView, state: AccountState, reason: Reason) -> datetime | None:
    if state is S.EXPIRING or reason is R.MANUAL_EXPIRY:
        return _manual_date(view) if reason is R.MANUAL_EXPIRY else _grant_end(view)
    if state is S.ORPHANED or state is S.SUSPENDED:
        return view.grant_dies_at
    if state is S.NEEDS_CONSENT and reason not in (
        R.SCOPES_WIDENED,
        R.SCOPES_NOT_GRANTED,
        R.IDENTITY_CHANGED,
    ):
        return view.access_expires_at
    return _grant_end(view) if state in (S.READY, S.REFRESH_DUE, S.EXPIRED, S.NEEDS_CONSENT) else None
