"""What a definite refusal means for the grant on record, and when it may be tried again (DESIGN §6.9).

Rules:
- a refusal of the grant is a suspicion at first, confirmed by a second answer ten minutes or more later, or at once
  where the access token is dead already; nothing is confirmed while it looks like the provider's own incident;
- after the takeover of an interrupted refresh it is confirmed at once, and its reason is the interruption: the token
  was spent by an exchange whose answer nobody stored;
- providers do err: a confirmed grant is tried once a day, what needs an administrator or a change once an hour;
- client refusals and transient ones say nothing of the grant: what stands on record stays;
- a verdict speaks of one refresh token; on another one it is void. It never removes material.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from reconciler.decide.token_response import TokenError
from reconciler.model.grant import GrantRecord, Intent, Verdict
from reconciler.model.limits import RefreshLimits
from reconciler.model.state import ErrorClass, Reason


def standing_verdict(record: GrantRecord, *, fingerprint: str) -> Verdict | None:
    """The verdict on this very refresh token, if any."""
    verdict = record.verdict
    return verdict if verdict is not None and verdict.refresh_fingerprint in ("", fingerprint) else None


def speaks_of_grant(judge: ErrorClass) -> bool:
    """True for refusals that are about this grant; False for those about the client, the moment, or nobody knows."""
    match judge:
        case ErrorClass.NEEDS_CONSENT | ErrorClass.NEEDS_ADMIN | ErrorClass.SCOPE | ErrorClass.CONFIG:
            return True
        case ErrorClass.TRANSIENT | ErrorClass.CLIENT | ErrorClass.UNKNOWN:
            return False
        case _:
            assert_never(judge)


def next_verdict(
    record: GrantRecord,
    error: TokenError,
    *,
    intent: Intent | None,
    fingerprint: str,
    now: datetime,
    access_dead: bool,
    incident: bool,
    limits: RefreshLimits,
) -> Verdict | None:
    """The verdict to store after `error`. `intent` is the one that this attempt was made under."""
    before = standing_verdict(record, fingerprint=fingerprint)
    if not speaks_of_grant(error.judge):
        return before
    fresh = Verdict(
        judge=error.judge,
        reason=Reason.SCOPE_REFUSED if error.judge is ErrorClass.SCOPE else error.reason,
        first_at=now,
        last_at=now,
        confirmed=True,
        code=error.code,
        refresh_fingerprint=fingerprint,
    )
    if before is not None and before.judge is error.judge:
        fresh = replace(fresh, first_at=before.first_at)
    if error.judge is not ErrorClass.NEEDS_CONSENT:
        return fresh
    interrupted = intent is not None and intent.interrupted
    doubtful = interrupted or (intent is not None and intent.attempts > 1)
    if doubtful or (before is not None and before.reason is Reason.INTERRUPTED_ROTATION):
        fresh = replace(fresh, reason=Reason.INTERRUPTED_ROTATION)
    seen_twice = now - fresh.first_at >= limits.suspicion_confirmed_after
    was = before is not None and before.judge is error.judge and before.confirmed
    return replace(fresh, confirmed=was or (not incident and (interrupted or access_dead or seen_twice)))


def may_try_from(
    verdict: Verdict | None, *, access_expires_at: datetime | None, limits: RefreshLimits
) -> datetime | None:
    """From when on the grant may be tried again; None: at any time."""
    if verdict is None:
        return None
    if verdict.judge is ErrorClass.NEEDS_CONSENT:
        if verdict.confirmed:
            return verdict.last_at + limits.confirmed_retry_every
        second = verdict.first_at + limits.suspicion_confirmed_after
        # Where the access token dies before that, the second answer may come as soon as it is dead.
        second = second if access_expires_at is None else min(second, access_expires_at)
        return max(second, verdict.last_at + limits.unclear_retry_after)
    return verdict.last_at + limits.refused_retry_every
