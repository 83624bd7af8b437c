"""How a refresh ends: what stops it before a token is presented, and what an answer means for the record.

Rules (DESIGN §6):
- a refresh token is sent only for the client and to the origin that the grant was given to, or its base's successor;
- tokens that another run just stored are as good as our own, whatever was asked for;
- a grant's record is written only where the answer changed it; reusable grants usually are not;
- where another version is met at a write, no verdict of ours is stored: somebody else knows better.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from reconciler.decide.grant_end import renewed_end
from reconciler.decide.grant_writes import Newer, NotStored, Settled, Stored, commit, release, settled
from reconciler.decide.intents import doubt_left
from reconciler.decide.presenting import Presented
from reconciler.decide.refresh_effects import (
    Conclusion,
    Ending,
    Grant,
    GrantRead,
    NoteRefusal,
    Now,
    RefreshTask,
    Step,
    Steps,
    grant_of,
)
from reconciler.decide.timing import allowed_from, assess_account
from reconciler.decide.token_response import TokenError, granted_scopes
from reconciler.decide.verdicts import may_try_from, next_verdict, speaks_of_grant, standing_verdict
from reconciler.model.grant import GrantRecord, Phase, TokenSet
from reconciler.model.state import ErrorClass, Reason


def presentable(
    task: RefreshTask, read: GrantRead, *, now: datetime, waited: bool = False
) -> Grant | Conclusion:
    """The grant whose token may be presented, or why not. `waited`: this version is another run's, waited for."""
    record = read.record
    if record is None:
        return _end(Ending.NO_GRANT, read, Reason.NEVER_CONSENTED)
    if record.owner != task.owner_mark:
        return _end(Ending.NOT_OURS, read, Reason.FOREIGN_OWNER)
    if record.forgotten:
        return _end(Ending.NO_GRANT, read, Reason.NOT_DECLARED)
    grant = grant_of(read)
    if grant is None:
        return _end(Ending.NO_GRANT, read, Reason.REFRESH_TOKEN_MISSING)
    if record.client_id != task.client_id:
        return _end(Ending.MISMATCH, read, Reason.CLIENT_REPLACED)
    if record.origin != task.origin and record.origin not in task.former_origins:
        return _end(Ending.MISMATCH, read, Reason.PROVIDER_CHANGED)
    if record.intent is not None:
        return grant
    if (
        task.needs_intent
        and record.token_set is not None
        and not record.is_unproved
        and _is_fresh(task, record.token_set, now=now, waited=waited)
    ):
        ending = Ending.WAITED if waited else Ending.FRESH
        return replace(_end(ending, read, Reason.FRESH), tokens=record.token_set)
    verdict = standing_verdict(record, fingerprint=task.fingerprint(record))
    again = may_try_from(verdict, access_expires_at=task.access_expires_at(record), limits=task.limits)
    if verdict is not None and again is not None and now < again and (waited or not task.force):
        return replace(_end(Ending.WAITING, read, verdict.reason), not_before=again)
    return grant


def _is_fresh(task: RefreshTask, tokens: TokenSet, *, now: datetime, waited: bool) -> bool:
    if tokens.access_token is None:
        return False
    issued_at = tokens.expires_at - tokens.lifetime
    timing = assess_account(
        task.address,
        lifetime=tokens.lifetime,
        issued_at=issued_at,
        now=now,
        access=task.behaviour.access_token,
        refresh=task.behaviour.refresh_token,
        window=task.window,
        due_within=task.due_within,
        limits=task.limits,
    )
    if task.force and not waited:
        access = task.behaviour.access_token
        return now < allowed_from(
            issued_at, tokens.expires_at, min_age=access.min_age, last_of_life=access.last_of_life
        )
    return not timing.due


def _end(ending: Ending, read: GrantRead | Grant, reason: Reason) -> Conclusion:
    return Conclusion(
        ending, reason=reason, record=read.record, version=read.version, created_time=read.created_time
    )


def conclude_answer(
    task: RefreshTask, held: Grant, presented: Presented, *, op_id: str, started: float
) -> Steps[Conclusion]:
    """Store what the answer means and end. `held` is the version that we read, or the one that holds our intent."""
    answer = presented.answer
    if isinstance(answer, TokenSet):
        ending = yield from _granted(task, held, answer, op_id=op_id, started=started)
        warnings = (*presented.warnings, *answer.warnings, *ending.warnings)
        if not (warnings or presented.last_good_used):
            return ending
        return replace(ending, last_good_used=presented.last_good_used, warnings=warnings)
    if answer.refresh_token is not None:
        ending = yield from _kept(task, held, answer, op_id=op_id, started=started)
    elif answer.definite:
        ending = yield from _refused(task, held, answer, op_id=op_id)
    else:
        ending = yield from _unclear(held, answer)
    return replace(ending, error=answer, warnings=(*presented.warnings, *ending.warnings))


def _granted(
    task: RefreshTask, held: Grant, tokens: TokenSet, *, op_id: str, started: float
) -> Steps[Conclusion]:
    now: datetime = yield Now()
    record = held.record
    ending = Ending.REFRESHED if tokens.access_token is not None else Ending.KEPT
    spent = task.fingerprint(record)
    verdict = standing_verdict(record, fingerprint=spent)
    recovered = verdict is not None and verdict.judge is ErrorClass.NEEDS_CONSENT

    def rebase(onto: GrantRecord) -> GrantRecord:
        return _renewed(task, onto, tokens, op_id=op_id, now=now)

    if record.intent is None and not _must_commit(task, record, rebase(record)):
        return replace(_end(ending, held, Reason.FRESH), tokens=tokens)
    outcome = yield from commit(
        task,
        rebase,
        onto=held,
        spent=spent,
        brought=tokens.refresh_token,
        op_id=op_id,
        started=started,
    )
    return _committed(outcome, ending=ending, tokens=tokens, recovered=recovered)


def _kept(
    task: RefreshTask, held: Grant, error: TokenError, *, op_id: str, started: float
) -> Steps[Conclusion]:
    """The answer was no grant, but its refresh token may be the only living one."""
    now: datetime = yield Now()

    def rebase(onto: GrantRecord) -> GrantRecord:
        done = settled(onto, op_id=op_id, phase=Phase.DONE, origin=task.origin)
        return replace(done, refresh_token=error.refresh_token, doubt=None, last_try=now)

    outcome = yield from commit(
        task,
        rebase,
        onto=held,
        spent=task.fingerprint(held.record),
        brought=error.refresh_token,
        op_id=op_id,
        started=started,
    )
    return _committed(outcome, ending=Ending.KEPT, tokens=None, recovered=False)


def _committed(outcome: Settled, *, ending: Ending, tokens: TokenSet | None, recovered: bool) -> Conclusion:
    match outcome:
        case Stored():
            return Conclusion(
                ending,
                reason=Reason.RECOVERED if recovered else Reason.FRESH,
                record=outcome.record,
                version=outcome.version,
                tokens=tokens,
                recovered=recovered,
            )
        case Newer():
            return _end(Ending.SUPERSEDED, outcome.read, Reason.FRESH)
        case NotStored():
            return Conclusion(
                Ending.NOT_STORED, reason=Reason.INTERRUPTED_ROTATION, trouble=outcome.error, tokens=tokens
            )


def _refused(task: RefreshTask, held: Grant, error: TokenError, *, op_id: str) -> Steps[Conclusion]:
    record = held.record
    incident = False
    if error.judge is ErrorClass.NEEDS_CONSENT and not _is_explained(task, record):
        incident = yield NoteRefusal(error)
    now: datetime = yield Now()
    expires_at = task.access_expires_at(record)
    verdict = next_verdict(
        record,
        error,
        intent=record.intent,
        fingerprint=task.fingerprint(record),
        now=now,
        access_dead=expires_at is None or now >= expires_at,
        incident=incident,
        limits=task.limits,
    )
    ending = _end(Ending.REFUSED, held, verdict.reason if verdict is not None else error.reason)
    if record.intent is None and not speaks_of_grant(error.judge):
        return ending
    left = replace(record, verdict=verdict, doubt=doubt_left(record, now=now), last_try=now)
    released = settled(left, op_id=op_id, phase=Phase.RELEASED, owner=task.owner_mark, removal=task.removal)
    step = Step.VERDICT if record.intent is None else Step.RELEASE
    outcome = yield from release(released, cas=held.version, step=step)
    return _released(task, outcome, ending=ending, now=now)


def _is_explained(task: RefreshTask, record: GrantRecord) -> bool:
    """A refusal that is no news of the provider: of a grant known to be dead, or after an interruption."""
    verdict = standing_verdict(record, fingerprint=task.fingerprint(record))
    dead = verdict is not None and verdict.judge is ErrorClass.NEEDS_CONSENT and verdict.confirmed
    return dead or (record.intent is not None and record.intent.interrupted)


def _unclear(held: Grant, error: TokenError) -> Steps[Conclusion]:
    record = held.record
    ending = _end(Ending.UNCLEAR, held, Reason.REFRESH_UNCLEAR)
    if record.intent is None:
        return replace(ending, reason=error.reason)
    marked = record.with_intent(replace(record.intent, phase=Phase.UNCLEAR))
    outcome = yield from release(marked, cas=held.version, step=Step.UNCLEAR)
    match outcome:
        case Stored():
            return replace(ending, record=outcome.record, version=outcome.version)
        case Newer():
            return _end(Ending.SUPERSEDED, outcome.read, Reason.REFRESH_UNCLEAR)
        case NotStored():
            return replace(ending, trouble=outcome.error)


def _released(task: RefreshTask, outcome: Settled, *, ending: Conclusion, now: datetime) -> Conclusion:
    match outcome:
        case Stored():
            return replace(ending, record=outcome.record, version=outcome.version, created_time=None)
        case NotStored():
            return replace(ending, trouble=outcome.error)
        case Newer():
            theirs = presentable(task, outcome.read, now=now, waited=True)
            if isinstance(theirs, Conclusion):
                return theirs
            if theirs.record.intent is not None:
                return _end(Ending.HELD, outcome.read, Reason.REFRESH_RUNNING)
            return _end(Ending.SUPERSEDED, outcome.read, Reason.FRESH)


def _renewed(
    task: RefreshTask, onto: GrantRecord, tokens: TokenSet, *, op_id: str, now: datetime
) -> GrantRecord:
    """`onto` as this answer leaves it. A token set is kept only where a crash before publishing would cost one."""
    refresh_token = tokens.refresh_token or onto.refresh_token
    scopes = onto.scopes
    if tokens.scope is not None:
        asked = tuple(sorted({*onto.requested_scopes, *onto.scopes}))
        scopes = granted_scopes(asked, tokens.scope, task.behaviour.scopes)
    has_access = tokens.access_token is not None
    ends_at, idle = renewed_end(onto, tokens.refresh_expires_at, rules=task.behaviour.refresh_token, now=now)
    return settled(
        onto,
        op_id=op_id,
        phase=Phase.DONE,
        refresh_token=refresh_token,
        origin=task.origin,
        scopes=scopes,
        kept={**onto.kept, **tokens.kept},
        refresh_expires_at=ends_at,
        refresh_idle=idle,
        token_set=(tokens if has_access else onto.token_set) if task.needs_intent else None,
        verdict=None,
        doubt=None,
        last_try=now,
        owner=task.owner_mark,
        removal=task.removal,
    )


def _must_commit(task: RefreshTask, before: GrantRecord, after: GrantRecord) -> bool:
    """Whether a grant without intent has to be written: something in it is another than before."""
    return (
        before.refresh_expires_at != after.refresh_expires_at
        or before.refresh_idle != after.refresh_idle
        or task.fingerprint(before) != task.fingerprint(after)
        or before.scopes != after.scopes
        or before.kept != after.kept
        or before.verdict is not None
        or before.origin != after.origin
        or before.token_set is not None
    )
