"""How the protocol's writes are settled: an unclear answer, a conflict, a store that is down (DESIGN §6.6, §6.8).

Rules:
- an unclear write is settled by reading back its operation id, never by hoping;
- a commit that meets another version is put on top of it where the stored refresh token is still the one that we
  spent, whoever holds the intent, and remembers that somebody else may have presented it too; where it is a newer
  one (a consent landed meanwhile) ours is dropped and said so;
- tokens that the provider gave are held in memory while the store does not take them, and tried again until the
  commit deadline by the monotonic clock, logging in again; at least once after any pause, however long we were frozen;
- what is too large for a record is stored without the access token, which costs no more than another refresh; what is too
  large even so is told at once, since no waiting makes it less;
- a record that releases an intent is not worth that: a few tries, then the intent is left to be taken over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

from reconciler.decide.refresh_effects import (
    Conflict,
    Elapsed,
    EnsureLogin,
    Grant,
    GrantRead,
    Now,
    Pause,
    ReadGrant,
    RefreshTask,
    Step,
    Steps,
    StoreTrouble,
    Unclear,
    WriteGrant,
    Written,
    grant_of,
)
from reconciler.errors import ReconcilerError, RecordTooLarge
from reconciler.model.grant import Doubt, GrantRecord, Op, Phase
from reconciler.model.secret import Secret

Rebase: TypeAlias = Callable[[GrantRecord], GrantRecord]
"""Puts what we have to say on top of a record: ours, or a newer version that still holds the spent token."""

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 15.0
_RELEASE_TRIES = 4
_MAX_CONFLICTS = 20


@dataclass(frozen=True, slots=True)
class Stored:
    """Our write is the newest version, or was."""

    record: GrantRecord
    version: int


@dataclass(frozen=True, slots=True)
class Newer:
    """Somebody else's version is the newest, and it is not ours to write over. `read.record` None: it was removed."""

    read: GrantRead


@dataclass(frozen=True, slots=True)
class NotStored:
    """The store did not take it in time."""

    error: ReconcilerError


Settled: TypeAlias = Stored | Newer | NotStored


def commit(
    task: RefreshTask,
    rebase: Rebase,
    *,
    onto: Grant,
    spent: str,
    brought: Secret | None,
    op_id: str,
    started: float,
) -> Steps[Settled]:
    """Store what the provider gave, come what may. `spent` is the fingerprint of the token that was presented,
    `brought` the new one; `started` the monotonic time of the intent (or of the call)."""
    record, cas, pause, tries = rebase(onto.record), onto.version, _FIRST_PAUSE, 0
    while True:
        tries += 1
        outcome = yield WriteGrant(record, cas, Step.COMMIT)
        if isinstance(outcome, Written):
            return Stored(record, outcome.version)
        if isinstance(outcome, StoreTrouble) and isinstance(outcome.error, RecordTooLarge):
            if record.token_set is None:
                return NotStored(outcome.error)
            record = replace(record, token_set=None)
            continue
        if not isinstance(outcome, StoreTrouble):
            read = yield ReadGrant()
            if isinstance(read, GrantRead):
                if _is_ours(read, op_id, brought):
                    return Stored(read.record or record, read.version)
                newest = grant_of(read)
                if newest is None or newest.refresh_token.fingerprint(task.fingerprint_key) != spent:
                    return Newer(read)
                moved, cas, record = read.version != cas, read.version, rebase(newest.record)
                if read.version != onto.version:
                    record = yield from _doubted(record)
                if moved and isinstance(outcome, Conflict) and tries < _MAX_CONFLICTS:
                    continue
            else:
                outcome = read
        now: float = yield Elapsed()
        if tries > 1 and now - started >= task.limits.commit_deadline.total_seconds():
            return NotStored(_error_of(outcome))
        yield Pause(pause, through_stop=True)
        pause = min(pause * 2, _LONGEST_PAUSE)
        yield EnsureLogin(2 * task.limits.http_deadline)


def _doubted(record: GrantRecord) -> Steps[GrantRecord]:
    """Somebody took our intent over: they may have presented the token after us, and a strict server may have revoked
    what it gave us for that. If it refuses our new token, this is why."""
    now: datetime = yield Now()
    return replace(record, doubt=Doubt(now, 1, interrupted=True))


def release(record: GrantRecord, *, cas: int, step: Step) -> Steps[Settled]:
    """Store a record that ends an intent (or a verdict alone). `record.op` says which write it is."""
    error: ReconcilerError | None = None
    for tried in range(_RELEASE_TRIES):
        if tried:
            yield Pause(_FIRST_PAUSE * 2**tried, through_stop=True)
        outcome = yield WriteGrant(record, cas, step)
        if isinstance(outcome, Written):
            return Stored(record, outcome.version)
        if isinstance(outcome, StoreTrouble):
            error = outcome.error
            continue
        read = yield ReadGrant()
        if isinstance(read, StoreTrouble):
            error = read.error
            continue
        if read.record is not None and read.record.op == record.op:
            return Stored(record, read.version)
        if read.version != cas:
            return Newer(read)
        error = None
    return NotStored(error or ReconcilerError("the store gave no clear answer to a write"))


def _is_ours(read: GrantRead, op_id: str, brought: Secret | None) -> bool:
    """Our own commit landed after all, perhaps with somebody's next intent on top of it already; or a server with a
    grace gave two of us the same new token."""
    if read.record is None:
        return False
    same = brought is not None and read.record.refresh_token == brought
    return read.record.op == Op(op_id, Phase.DONE) or same


def _error_of(outcome: object) -> ReconcilerError:
    if isinstance(outcome, StoreTrouble):
        return outcome.error
    kind = "no clear answer" if isinstance(outcome, Unclear) else "only conflicts"
    return ReconcilerError(f"the store gave {kind} to a write")


def settled(record: GrantRecord, *, op_id: str, phase: Phase, **changes: Any) -> GrantRecord:
    """`record` without an intent, as the write `op_id` leaves it. `changes`: what else is another in it."""
    return replace(record, intent=None, op=Op(op_id, phase), **changes)
