"""What an account's custom_metadata says after a refresh or a consent, and whether it has to be written (DESIGN §5).

Rules:
- it is a projection of the grant and of what the provider just said: nothing is kept here alone;
- only states that an answer made are recorded; what follows from manifest and clock is judged when shown;
- times that move at every refresh are not part of it: it is written when what it says changes, and the recorded
  lifetime only where the real one is shorter, or longer by a fifth;
- what another run does, a client's refusal or an outage, says nothing of the account.
"""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import assert_never

from reconciler.decide.refresh_effects import Conclusion, Ending
from reconciler.decide.timing import idle_limit
from reconciler.decide.token_response import TokenError, granted_scopes
from reconciler.decide.verdicts import may_try_from
from reconciler.model.behaviour import Behaviour
from reconciler.model.desired import DesiredAccount
from reconciler.model.grant import GrantRecord, Imported, TokenSet, Verdict
from reconciler.model.limits import RefreshLimits
from reconciler.model.secret import Secret
from reconciler.model.state import AccountState, ErrorClass, Reason
from reconciler.model.status import AccountStatus

_LONGER = 1.2
"""A token that lives up to a fifth longer than recorded is refreshed a little early: not worth a write."""
_SHORTER = 0.02
_SHORTER_CAP = timedelta(seconds=10)
"""What the way from the provider to the store takes differs by seconds: not worth a write either."""


def blank_status(account: DesiredAccount, *, owner_mark: str, now: datetime) -> AccountStatus:
    """A declared account of which nothing is known but its manifest."""
    return AccountStatus(
        managed_by=owner_mark,
        provider=str(account.provider),
        state=AccountState.PENDING_CONSENT if account.grant.needs_person else AccountState.READY,
        reason=Reason.NEVER_CONSENTED if account.grant.needs_person else Reason.REFRESH_DUE,
        since=now,
        manifest_digest=account.digest,
        owner=account.owner or "",
        source=str(account.location),
        protect=account.protect,
        deletion_policy=account.deletion_policy.value,
        labels=account.labels,
    )


def with_grant(
    status: AccountStatus, record: GrantRecord, *, version: int, behaviour: Behaviour, key: bytes
) -> AccountStatus:
    """`status` with everything that the grant says of itself. `key`: the fingerprint key."""
    rules = behaviour.refresh_token
    return replace(
        status,
        consent_digest=record.consent_digest,
        grant_version=version,
        rotation=rules.rotation.value,
        granted_scopes=record.scopes,
        requested_scopes=record.requested_scopes,
        subject="" if not record.subject else Secret(record.subject).fingerprint(key),
        consented_at=record.consented_at,
        refresh_expires_at=record.refresh_expires_at,
        refresh_idle=record.refresh_idle or idle_limit(rules),
        client_id=record.client_id,
        imported_at=None if record.imported is None else record.imported.at,
        imported_by="" if record.imported is None else _importer(record.imported),
    )


def _importer(imported: Imported) -> str:
    """`ana@laptop (commit 1234567)`."""
    return f"{imported.by} (commit {imported.commit[:12]})" if imported.commit else imported.by


def in_state(
    status: AccountStatus,
    state: AccountState,
    reason: Reason,
    *,
    now: datetime,
    not_before: datetime | None = None,
    code: str = "",
) -> AccountStatus:
    """`status` in this state; `since` stays where state and reason were the same before."""
    same = status.state is state and status.reason is reason
    since = status.since if same else now
    return replace(status, state=state, reason=reason, since=since, not_before=not_before, code=code)


def after_conclusion(
    status: AccountStatus,
    ended: Conclusion,
    *,
    behaviour: Behaviour,
    key: bytes,
    now: datetime,
    access_expires_at: datetime | None,
    limits: RefreshLimits,
) -> AccountStatus:
    """What the account's metadata says after `ended`. Equal to `status` where it says nothing new."""
    record, seen = ended.record, status
    if record is not None and record.refresh_token is not None and ended.ending is not Ending.NOT_OURS:
        seen = with_grant(status, record, version=ended.version, behaviour=behaviour, key=key)
    match ended.ending:
        case Ending.REFRESHED | Ending.FRESH | Ending.WAITED:
            reason = Reason.RECOVERED if ended.recovered else Reason.FRESH
            settled = replace(seen, unsettled=False) if seen.unsettled else seen
            return in_state(settled, AccountState.READY, reason, now=now)
        case Ending.REFUSED | Ending.WAITING:
            verdict = None if record is None else record.verdict
            if ended.error is not None and ended.error.judge in _PASSING:
                return _after_passing(seen, ended.error, verdict, now=now)
            return _judged(seen, verdict, now=now, access_expires_at=access_expires_at, limits=limits)
        case Ending.NO_GRANT:
            return _without_grant(seen, ended, now=now)
        case Ending.MISMATCH:
            reason = ended.reason or Reason.PROVIDER_CHANGED
            return in_state(seen, AccountState.NEEDS_CONSENT, reason, now=now)
        case Ending.KEPT:
            return replace(seen, unsettled=False)
        case (
            Ending.HELD
            | Ending.UNCLEAR
            | Ending.SUPERSEDED
            | Ending.NOT_STORED
            | Ending.STORE_FAILED
            | Ending.NOT_OURS
        ):
            return status
        case _:
            assert_never(ended.ending)


_PASSING = (ErrorClass.TRANSIENT, ErrorClass.CLIENT, ErrorClass.UNKNOWN)
_OUTLASTS_A_RUN = timedelta(seconds=30)


def _after_passing(
    status: AccountStatus, error: TokenError, verdict: Verdict | None, *, now: datetime
) -> AccountStatus:
    """A refusal that says nothing of the grant: at most that it is to be left alone for a while."""
    if error.retry_after is None or error.retry_after < _OUTLASTS_A_RUN or verdict is not None:
        return status
    return in_state(
        status,
        AccountState.HELD,
        Reason.RATE_LIMITED,
        now=now,
        not_before=now + error.retry_after,
        code=error.code,
    )


def _judged(
    status: AccountStatus,
    verdict: Verdict | None,
    *,
    now: datetime,
    access_expires_at: datetime | None,
    limits: RefreshLimits,
) -> AccountStatus:
    if verdict is None:
        return status
    state, reason = verdict_state(verdict)
    again = may_try_from(verdict, access_expires_at=access_expires_at, limits=limits)
    said = in_state(status, state, reason, now=now, not_before=again, code=verdict.code)
    return replace(said, since=verdict.first_at, unsettled=False)


def verdict_state(verdict: Verdict) -> tuple[AccountState, Reason]:
    """The account state that a verdict stands for."""
    match verdict.judge:
        case ErrorClass.NEEDS_CONSENT:
            if verdict.confirmed:
                return AccountState.NEEDS_CONSENT, verdict.reason
            return AccountState.IN_DOUBT, Reason.GRANT_SUSPECTED
        case ErrorClass.NEEDS_ADMIN | ErrorClass.SCOPE:
            return AccountState.NEEDS_ADMIN, verdict.reason
        case ErrorClass.CONFIG:
            return AccountState.MISCONFIGURED, verdict.reason
        case ErrorClass.TRANSIENT | ErrorClass.CLIENT | ErrorClass.UNKNOWN:
            return AccountState.HELD, verdict.reason
        case _:
            assert_never(verdict.judge)


def after_client_credentials(
    status: AccountStatus,
    answer: TokenSet | TokenError,
    *,
    account: DesiredAccount,
    behaviour: Behaviour,
    client_id: str,
    now: datetime,
    limits: RefreshLimits,
) -> AccountStatus:
    """What the metadata says of an account without a grant after a token call. There is no record to keep a verdict
    in: it stands here, and a refusal is asked about again after an hour; nobody can consent, so an administrator is
    asked instead."""
    if isinstance(answer, TokenSet):
        granted = granted_scopes(account.scopes, answer.scope, behaviour.scopes)
        seen = replace(
            status,
            provider=str(account.provider),
            granted_scopes=granted,
            requested_scopes=account.scopes,
            on_behalf_of=account.subject or client_id,
            client_id=client_id,
            unsettled=False,
        )
        return in_state(seen, AccountState.READY, Reason.FRESH, now=now)
    if answer.judge in _PASSING:
        return _after_passing(status, answer, None, now=now)
    state = AccountState.NEEDS_ADMIN
    reason = Reason.SCOPE_REFUSED if answer.judge is ErrorClass.SCOPE else Reason.ADMIN_ACTION_REQUIRED
    if answer.judge is ErrorClass.CONFIG:
        state, reason = AccountState.MISCONFIGURED, answer.reason
    again = now + limits.refused_retry_every
    return in_state(status, state, reason, now=now, not_before=again, code=answer.code)


def _without_grant(status: AccountStatus, ended: Conclusion, *, now: datetime) -> AccountStatus:
    settled = replace(status, unsettled=False)
    if ended.reason is Reason.NEVER_CONSENTED and status.consented_at is None:
        return in_state(settled, AccountState.PENDING_CONSENT, Reason.NEVER_CONSENTED, now=now)
    if ended.reason is Reason.NOT_DECLARED:
        # A tombstone under a status that knows of no end: it was revoked while another run was publishing.
        ready = settled.state is AccountState.READY
        return (
            in_state(settled, AccountState.NEEDS_CONSENT, Reason.REVOKED_HERE, now=now) if ready else settled
        )
    return in_state(settled, AccountState.NEEDS_CONSENT, Reason.REFRESH_TOKEN_MISSING, now=now)


def must_write(old: AccountStatus | None, new: AccountStatus) -> bool:
    """Whether `new` says something that `old` does not. Which commit, tool or line said it, and for which version,
    is no news by itself."""
    if old is None:
        return True
    said = any(getattr(new, name) != getattr(old, name) for name in _NEWS)
    return said or is_another_lifetime(old.lifetime, new.lifetime)


_NO_NEWS = frozenset({"grant_version", "lifetime", "commit", "actor", "run_url", "tool", "since", "source"})
_NEWS = tuple(field.name for field in fields(AccountStatus) if field.name not in _NO_NEWS)


def is_another_lifetime(recorded: timedelta | None, real: timedelta | None) -> bool:
    """Whether the recorded life has to be written again: the real one is shorter, or longer by a fifth."""
    if real is None:
        return False
    if recorded is None:
        return True
    return real < recorded - min(recorded * _SHORTER, _SHORTER_CAP) or real > recorded * _LONGER
