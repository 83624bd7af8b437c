"""What to do about an intent that is found in a grant, and what our own says (DESIGN §6.3, §6.10).

Rules:
- a `sent` intent is a refresh under way or a dead holder's. It may be taken over once the deadline that it carries
  plus two HTTP deadlines have passed by the store's clock, or where its holder is provably dead;
- where the base has a grace longer than one HTTP deadline, also as soon as the intent is older than one HTTP deadline,
  while grace remains: that is what a grace is for;
- until an intent is two HTTP deadlines old its result is worth waiting for; after that it is `held`;
- an `unclear` intent may be tried again by anybody after a minute, for as long as answers are unclear;
- a refusal that says nothing of the grant releases an intent, and settles nothing of the intents before it.
Ages are the version's `created_time` against the store's clock, never ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from reconciler.decide.refresh_effects import RefreshTask
from reconciler.model.behaviour import Rotation
from reconciler.model.grant import Doubt, GrantRecord, Intent, Phase


class Way(Enum):
    TAKE = auto()
    """Write our intent over it."""
    WAIT = auto()
    """Its result may come any moment."""
    HOLD = auto()
    """Leave it alone until `until`."""


@dataclass(frozen=True, slots=True)
class IntentJudgement:
    way: Way
    until: datetime
    """WAIT, HOLD: from when on the answer will be another one."""


def judge_intent(
    intent: Intent, task: RefreshTask, *, created: datetime, now: datetime, alive: bool
) -> IntentJudgement:
    """`created` is the created_time of the version that holds the intent; `alive` False: the holder is provably dead."""
    limits = task.limits
    if intent.phase is Phase.UNCLEAR:
        again = created + limits.unclear_retry_after
        # One from the future was written by a clock that was put back since: trying it again asks for no more patience.
        waits = created - limits.unclear_retry_after <= now < again
        return IntentJudgement(Way.HOLD if waits else Way.TAKE, again)
    over = created + intent.deadline + 2 * limits.http_deadline
    if not alive or now >= over or _in_grace(task, age=now - created):
        return IntentJudgement(Way.TAKE, now)
    answered = created + 2 * limits.http_deadline
    if now < answered:
        return IntentJudgement(Way.WAIT, answered)
    return IntentJudgement(Way.HOLD, over)


def _in_grace(task: RefreshTask, *, age: timedelta) -> bool:
    rules = task.behaviour.refresh_token
    if rules.rotation is not Rotation.SINGLE_USE_WITH_GRACE or rules.grace is None:
        return False
    deadline = task.limits.http_deadline
    return rules.grace > deadline and deadline < age < rules.grace


def next_intent(
    task: RefreshTask, record: GrantRecord, *, op_id: str, fingerprint: str, now: datetime, own: bool
) -> Intent:
    """Our intent on top of `record`, after what stands in it (`own`: an earlier intent of this very refresh)."""
    before, doubt = record.intent, record.doubt
    attempts, since, interrupted = 1, now, False
    if doubt is not None:
        attempts, since, interrupted = doubt.attempts + 1, doubt.since, doubt.interrupted
    if before is not None:
        attempts = before.attempts + (0 if own else 1)
        since = before.since or now
        interrupted = before.interrupted or (before.phase is Phase.SENT and not own)
    return Intent(
        op_id=op_id,
        phase=Phase.SENT,
        refresh_fingerprint=fingerprint,
        holder=task.holder,
        deadline=task.limits.commit_deadline,
        tool=task.tool,
        commit=task.commit,
        attempts=attempts,
        since=since,
        interrupted=interrupted,
    )


def doubt_left(record: GrantRecord, *, now: datetime) -> Doubt | None:
    """What stays doubtful when the intent in `record` is released by a refusal: those before it had no known end."""
    intent = record.intent
    if intent is None or not (intent.interrupted or intent.attempts > 1):
        return record.doubt
    return Doubt(intent.since or now, max(intent.attempts - 1, 1), intent.interrupted)
