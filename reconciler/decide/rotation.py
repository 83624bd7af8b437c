"""The refresh protocol as a generator: it yields effects, is sent their outcomes, and ends with a Conclusion.

The machine's rules (DESIGN §6):
- nothing is presented to a provider before the store's login is good for two HTTP deadlines, the grant was read, and
  client, origin and owner are those of the grant;
- where presenting a token twice could destroy the grant, an intent is written beside the token first, by check-and-set:
  lock, fence, journal, and proof that the store takes writes. Whoever loses that write waits for the winner's result
  for at most two HTTP deadlines, uses it, or reports `held`;
- a holder that was frozen between its intent and its call does not call: its intent may have been taken over. It looks
  again and, where its intent still stands, announces anew;
- one call, on a fresh connection where the token is single-use. Only after a definite refusal is it asked once more:
  without scope, or with the client credentials that last worked;
- whatever brings a new refresh token is committed, with or without an access token;
- a definite refusal releases the intent by one write that carries the verdict; any other end marks it `unclear`;
- every write carries the last known refresh token; another version met at a write ends our claim, never theirs.
It never sleeps, reads a clock or sees a store: `engine/refresh` does what it yields.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.decide.endings import conclude_answer, presentable
from reconciler.decide.intents import Way, judge_intent, next_intent
from reconciler.decide.presenting import present
from reconciler.decide.refresh_effects import (
    Conclusion,
    Conflict,
    Elapsed,
    Ending,
    EnsureLogin,
    Grant,
    GrantRead,
    HolderAlive,
    NewOp,
    Now,
    Pause,
    ReadGrant,
    RefreshTask,
    Step,
    Steps,
    StoreTrouble,
    WriteGrant,
    Written,
)
from reconciler.errors import HeldByAnother
from reconciler.model.grant import GrantRecord, Phase
from reconciler.model.state import Reason

_FIRST_POLL = 0.1
_LONGEST_POLL = 2.0
_MAX_AWAKENINGS = 5
_MAX_ROUNDS = 1000
"""Far more than waiting two deadlines takes: an end for a store that answers nonsense."""


def refresh(task: RefreshTask) -> Steps[Conclusion]:
    """One account. Yields Effects; see `decide/refresh_effects` for what each is sent."""
    trouble = yield EnsureLogin(2 * task.limits.http_deadline)
    if isinstance(trouble, StoreTrouble):
        return Conclusion(Ending.STORE_FAILED, trouble=trouble.error)
    read = yield ReadGrant()
    if isinstance(read, StoreTrouble):
        return Conclusion(Ending.STORE_FAILED, trouble=read.error)
    now: datetime = yield Now()
    grant = presentable(task, read, now=now)
    if isinstance(grant, Conclusion):
        return grant
    if task.needs_intent or grant.record.intent is not None:
        return (yield from _guarded(task, grant))
    started: float = yield Elapsed()
    op_id: str = yield NewOp()
    answer = yield from present(task, grant, started=None)
    if answer is None:
        return _held(grant)
    return (yield from conclude_answer(task, grant, answer, op_id=op_id, started=started))


def _guarded(task: RefreshTask, grant: Grant) -> Steps[Conclusion]:
    """Announce, present, conclude; or wait for whoever announced first."""
    own: set[str] = set()
    for _ in range(_MAX_AWAKENINGS):
        claim = yield from _claim(task, grant, own=own)
        if isinstance(claim, Conclusion):
            return claim
        answer = yield from present(task, claim.held, started=claim.started)
        if answer is not None:
            return (
                yield from conclude_answer(task, claim.held, answer, op_id=claim.op_id, started=claim.started)
            )
        looked = yield from _look_again(task, first=grant.version, own=own)
        if isinstance(looked, Conclusion):
            return looked
        grant = looked
    return _held(grant)


@dataclass(frozen=True, slots=True)
class _Claim:
    """Our intent stands and may be acted on. `started`: when its write was begun, by the monotonic clock."""

    held: Grant
    op_id: str
    started: float


def _claim(task: RefreshTask, grant: Grant, *, own: set[str]) -> Steps[Conclusion | _Claim]:
    """Put our intent into the grant, when nobody else's stands there, or end. `own`: our op ids so far, added to."""
    begun: float = yield Elapsed()
    patience = 2 * task.limits.http_deadline.total_seconds()
    first, poll = grant.version, _FIRST_POLL
    for _ in range(_MAX_ROUNDS):
        now: datetime = yield Now()
        wait = yield from _respect(task, grant, own=own, now=now)
        if isinstance(wait, Conclusion):
            return wait
        if wait:
            elapsed: float = yield Elapsed()
            if elapsed - begun >= patience or (yield Pause(min(poll, _LONGEST_POLL))):
                return _held(grant)
            poll *= 1.5
        else:
            claim = yield from _announce(task, grant, own=own, now=now)
            if claim is not None:
                return claim
        looked = yield from _look_again(task, first=first, own=own)
        if isinstance(looked, Conclusion):
            return looked
        grant = looked
    return _held(grant)


def _look_again(task: RefreshTask, *, first: int, own: set[str]) -> Steps[Conclusion | Grant]:
    """What stands there now. `first`: the version that we began with; another's later one is what we waited for."""
    read = yield ReadGrant()
    if isinstance(read, StoreTrouble):
        return Conclusion(Ending.STORE_FAILED, trouble=read.error)
    now: datetime = yield Now()
    waited = read.version != first and not _is_own(read, own)
    found = presentable(task, read, now=now, waited=waited)
    if waited and isinstance(found, Grant) and _was_released(found.record):
        # The winner was refused for now, and that is its result: the provider is not asked the same again.
        return _held(found)
    return found


def _respect(task: RefreshTask, grant: Grant, *, own: set[str], now: datetime) -> Steps[bool | Conclusion]:
    """Whether to wait for the intent that stands in the grant: True, False (there is none to respect), or the end."""
    intent = grant.record.intent
    if intent is None or intent.op_id in own:
        return False
    alive: bool = True
    if intent.phase is Phase.SENT:
        alive = yield HolderAlive(intent.holder)
    judged = judge_intent(intent, task, created=grant.created_time or now, now=now, alive=alive)
    if judged.way is Way.TAKE:
        return False
    if judged.way is Way.WAIT:
        return True
    unclear = intent.phase is Phase.UNCLEAR
    return Conclusion(
        Ending.HELD,
        reason=Reason.REFRESH_UNCLEAR if unclear else Reason.REFRESH_RUNNING,
        record=grant.record,
        version=grant.version,
        created_time=grant.created_time,
        not_before=judged.until,
    )


def _announce(
    task: RefreshTask, grant: Grant, *, own: set[str], now: datetime
) -> Steps[Conclusion | _Claim | None]:
    """Write our intent. None: somebody else was first: read again."""
    record = grant.record
    started: float = yield Elapsed()
    trouble = yield EnsureLogin(2 * task.limits.http_deadline)
    if isinstance(trouble, StoreTrouble):
        return Conclusion(Ending.STORE_FAILED, trouble=trouble.error, record=record, version=grant.version)
    op_id: str = yield NewOp()
    intent = next_intent(
        task,
        record,
        op_id=op_id,
        fingerprint=task.fingerprint(record),
        now=now,
        own=record.intent is not None and record.intent.op_id in own,
    )
    announced = record.with_intent(intent, owner=task.owner_mark, removal=task.removal, last_try=now)
    own.add(op_id)
    outcome = yield WriteGrant(announced, grant.version, Step.INTENT)
    if isinstance(outcome, StoreTrouble):
        return Conclusion(Ending.STORE_FAILED, trouble=outcome.error, record=record, version=grant.version)
    if isinstance(outcome, Conflict):
        return None
    if not isinstance(outcome, Written):
        back = yield ReadGrant()
        if isinstance(back, StoreTrouble):
            # Nothing was presented: if the intent landed it is taken over like a dead holder's.
            return Conclusion(Ending.STORE_FAILED, trouble=back.error, record=record, version=grant.version)
        if back.record is None or back.record.op != announced.op:
            return None
        outcome = Written(back.version)
    return _Claim(replace(grant, record=announced, version=outcome.version), op_id, started)


def _was_released(record: GrantRecord) -> bool:
    return record.intent is None and record.op is not None and record.op.phase is Phase.RELEASED


def _is_own(read: GrantRead, own: set[str]) -> bool:
    return read.record is not None and read.record.op is not None and read.record.op.id in own


def _held(grant: Grant) -> Conclusion:
    return Conclusion(
        Ending.HELD,
        reason=Reason.REFRESH_RUNNING,
        record=grant.record,
        version=grant.version,
        created_time=grant.created_time,
        trouble=HeldByAnother("another run is refreshing this account"),
    )
