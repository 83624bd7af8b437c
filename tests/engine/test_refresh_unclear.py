"""Answers that tell nothing: the same token is tried again, nobody is asked (DESIGN §6.8)."""

from datetime import timedelta

from reconciler.model.grant import Holder, Phase
from reconciler.model.state import AccountState, Reason
from tests.engine.refresh_world import MINUTE, due
from tests.simulators.token_endpoint import Fault, answer


def test_an_unclear_answer_may_be_tried_again_after_a_minute_by_anybody():
    world, drive = due()
    world.server.faults.append(Fault.LOST_BEFORE)
    result = world.refresh_one()
    assert result.outcome == "failed"
    assert world.grant(drive).intent.phase is Phase.UNCLEAR
    world.clock.advance(timedelta(seconds=30))
    assert world.refresh_one().outcome == "held"
    world.clock.advance(timedelta(seconds=31))
    other = world.make_run(store=world.store.another_client(), holder=Holder("other", "b", "n", 9, "9"))
    assert world.refresh(run=other)[0].outcome == "done"
    assert world.is_intact(drive)


def test_an_unclear_answer_that_was_dated_by_a_clock_ahead_holds_nobody_up_until_then():
    world, drive = due()
    world.clock.advance(timedelta(days=1))
    world.server.faults.append(Fault.LOST_BEFORE)
    assert world.refresh_one().outcome == "failed"
    world.clock.advance(timedelta(hours=-23))
    assert world.refresh_one().outcome == "done"
    assert world.is_intact(drive)


def test_answers_that_stay_unclear_are_tried_for_ever_and_never_ask_a_person():
    world, drive = due()
    for _ in range(15):
        world.server.faults.append(answer(503, b"<html>busy</html>", {"content-type": "text/html"}))
        world.refresh_one()
        world.clock.advance(2 * MINUTE)
    assert world.grant(drive).verdict is None
    assert world.account_status(drive).state is AccountState.READY
    assert world.refresh_one().outcome == "done"
    assert world.is_intact(drive)


def test_an_answer_that_was_lost_after_the_rotation_is_named_as_an_interruption():
    world, drive = due()
    world.server.faults.append(Fault.LOST_AFTER)
    world.refresh_one()
    world.clock.advance(timedelta(minutes=10))
    result = world.refresh_one()
    assert result.reason == Reason.INTERRUPTED_ROTATION, "the access token is dead by now: confirmed at once"
    assert world.account_status(drive).state is AccountState.NEEDS_CONSENT
