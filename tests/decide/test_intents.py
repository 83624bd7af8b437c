"""Whose intent may be taken over when: the table of DESIGN §6.10."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.decide.intents import Way, doubt_left, judge_intent, next_intent
from reconciler.model.behaviour import Rotation
from reconciler.model.grant import Doubt, Phase
from reconciler.model.limits import RefreshLimits
from tests.decide.rotation_model import ME, T0, intent, record, task

SECOND = timedelta(seconds=1)
MIN = timedelta(minutes=1)


def with_grace(grace: timedelta):
    made = task(Rotation.SINGLE_USE_WITH_GRACE)
    rules = made.behaviour.refresh_token.model_copy(update={"grace": grace})
    return replace(made, behaviour=made.behaviour.model_copy(update={"refresh_token": rules}))


@pytest.mark.parametrize(
    ("age", "way"),
    [
        (timedelta(0), Way.WAIT),
        (59 * SECOND, Way.WAIT),
        (60 * SECOND, Way.HOLD),
        (15 * MIN, Way.HOLD),
        (16 * MIN - SECOND, Way.HOLD),
        (16 * MIN, Way.TAKE),
    ],
)
def test_a_sent_intent_is_waited_for_then_held_then_taken_over(age, way):
    judged = judge_intent(intent(), task(), created=T0, now=T0 + age, alive=True)
    assert judged.way is way


@pytest.mark.parametrize("age", [timedelta(0), 5 * MIN, 60 * MIN])
def test_a_dead_holders_intent_is_taken_over_at_any_age(age):
    assert judge_intent(intent(), task(), created=T0, now=T0 + age, alive=False).way is Way.TAKE


def test_the_deadline_is_the_one_that_the_intent_carries_not_ours():
    mine = task(limits=RefreshLimits(commit_deadline=timedelta(seconds=1)))
    assert judge_intent(intent(), mine, created=T0, now=T0 + 10 * MIN, alive=True).way is Way.HOLD


@pytest.mark.parametrize(
    ("grace", "age", "way"),
    [
        (5 * MIN, 30 * SECOND, Way.WAIT),
        (5 * MIN, 31 * SECOND, Way.TAKE),
        (5 * MIN, 5 * MIN - SECOND, Way.TAKE),
        (5 * MIN, 5 * MIN, Way.HOLD),
        (30 * SECOND, 31 * SECOND, Way.WAIT),
    ],
)
def test_a_grace_longer_than_one_call_lets_the_old_token_be_tried_while_it_lasts(grace, age, way):
    assert judge_intent(intent(), with_grace(grace), created=T0, now=T0 + age, alive=True).way is way


@pytest.mark.parametrize(("age", "way"), [(59 * SECOND, Way.HOLD), (60 * SECOND, Way.TAKE)])
def test_an_unclear_intent_may_be_tried_again_after_a_minute(age, way):
    assert judge_intent(intent(Phase.UNCLEAR), task(), created=T0, now=T0 + age, alive=True).way is way


def test_our_intent_says_who_holds_it_and_for_how_long():
    made = next_intent(task(commit="c0ffee"), record(), op_id="op", fingerprint="fp", now=T0, own=False)
    assert (made.phase, made.holder, made.deadline, made.commit) == (Phase.SENT, ME, 15 * MIN, "c0ffee")
    assert (made.attempts, made.since, made.interrupted) == (1, T0, False)


def test_taking_over_a_sent_intent_remembers_the_interruption_from_then_on():
    first = next_intent(
        task(), record(intent=intent(since=T0)), op_id="b", fingerprint="fp", now=T0 + MIN, own=False
    )
    assert (first.attempts, first.since, first.interrupted) == (2, T0, True)
    unclear = replace(first, phase=Phase.UNCLEAR)
    second = next_intent(
        task(), record(intent=unclear), op_id="c", fingerprint="fp", now=T0 + 2 * MIN, own=False
    )
    assert (second.attempts, second.since, second.interrupted) == (3, T0, True)


def test_taking_over_an_unclear_intent_is_no_interruption():
    made = next_intent(
        task(), record(intent=intent(Phase.UNCLEAR)), op_id="b", fingerprint="fp", now=T0, own=False
    )
    assert (made.attempts, made.interrupted) == (2, False)


def test_announcing_anew_over_our_own_intent_counts_as_the_same_attempt():
    made = next_intent(task(), record(intent=intent()), op_id="b", fingerprint="fp", now=T0, own=True)
    assert (made.attempts, made.interrupted) == (1, False)


def test_a_doubt_outlives_a_refusal_that_said_nothing_of_the_grant():
    held = record(intent=intent(attempts=2, interrupted=True, since=T0))
    doubt = doubt_left(held, now=T0 + MIN)
    assert doubt == Doubt(T0, 1, True)
    made = next_intent(task(), record(doubt=doubt), op_id="b", fingerprint="fp", now=T0 + 2 * MIN, own=False)
    assert (made.attempts, made.since, made.interrupted) == (2, T0, True)


def test_a_first_attempt_that_is_refused_leaves_no_doubt():
    assert doubt_left(record(intent=intent()), now=T0) is None
