"""A process was killed: whose intent may be taken over when, and what is said of it (DESIGN §6.10)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.model.answer import HttpAnswer
from reconciler.model.behaviour import Rotation
from reconciler.model.grant import Holder, Op, Phase
from reconciler.model.state import AccountState, Reason
from tests.engine.refresh_world import LAYOUT, dies_at, due, take_over
from tests.simulators.token_endpoint import answer


def test_two_pods_on_one_node_are_not_taken_for_each_other():
    world, _drive = due()
    pod = Holder("pod-a", "same-boot", "ns-1", 1, "500")
    dies_at(world, "refresh.intent-written", holder=pod)
    asked = []

    def is_dead(holder: Holder) -> bool:
        asked.append(holder)
        return False

    other = world.make_run(
        store=world.store.another_client(),
        holder=Holder("pod-b", "same-boot", "ns-2", 1, "500"),
        is_dead=is_dead,
    )
    (result,) = world.refresh(run=other)
    assert result.outcome == "held"
    assert result.code == 6
    assert asked
    assert set(asked) == {pod}
    assert world.server.seen == []


def test_a_provably_dead_holders_intent_is_taken_over_at_once():
    world, drive = due()
    dies_at(world, "refresh.intent-written")
    other = world.make_run(store=world.store.another_client(), is_dead=lambda holder: True)
    assert world.refresh(run=other)[0].outcome == "done"
    assert world.is_intact(drive)
    assert world.clock.slept == []


def test_an_intent_is_taken_over_after_its_own_deadline_and_two_http_deadlines():
    world, drive = due()
    dies_at(world, "refresh.intent-written")
    world.clock.advance(timedelta(minutes=15, seconds=50))
    assert world.refresh_one().outcome == "held"
    world.clock.advance(timedelta(seconds=11))
    assert world.refresh_one().outcome == "done"
    assert world.is_intact(drive)


def test_a_kill_between_rotation_and_commit_is_named_and_not_found_weeks_later():
    world, drive = due()
    dies_at(world, "refresh.answer-received")
    other = world.make_run(store=world.store.another_client(), is_dead=lambda holder: True)
    (result,) = world.refresh(run=other)
    assert result.outcome == "refused"
    assert result.reason == Reason.INTERRUPTED_ROTATION
    status = world.account_status(drive)
    assert (status.state, status.reason) == (AccountState.NEEDS_CONSENT, Reason.INTERRUPTED_ROTATION)
    assert world.grant(drive).refresh_token is not None, "old material is kept"


def test_a_kill_after_commit_costs_nothing():
    world, drive = due()
    dies_at(world, "refresh.committed")
    assert not world.is_served(drive)
    result = world.refresh_one()
    assert (result.action, result.outcome) == ("republish", "done")
    assert world.server.exchanges() == 1
    assert world.is_intact(drive)
    assert world.is_served(drive)


def test_two_interruptions_in_a_row_before_anything_was_sent_lose_nothing():
    world, drive = due()
    dies_at(world, "refresh.intent-written")
    dies_at(world, "refresh.intent-written", is_dead=lambda holder: True)
    assert world.grant(drive).intent.attempts == 2
    other = world.make_run(store=world.store.another_client(), is_dead=lambda holder: True)
    assert world.refresh(run=other)[0].outcome == "done"
    assert world.is_intact(drive)


def test_an_interruption_after_an_interruption_still_names_the_cause():
    world, _drive = due()
    dies_at(world, "refresh.answer-received")
    dies_at(world, "refresh.intent-written", is_dead=lambda holder: True)
    other = world.make_run(store=world.store.another_client(), is_dead=lambda holder: True)
    (result,) = world.refresh(run=other)
    assert result.reason == Reason.INTERRUPTED_ROTATION


@pytest.mark.parametrize(
    "busy", [answer(429, {}), answer(401, {"error": "invalid_client"})], ids=["429", "invalid_client"]
)
def test_an_interruption_is_still_named_when_the_provider_was_busy_at_the_takeover(busy: HttpAnswer):
    world, drive = due()
    dies_at(world, "refresh.answer-received")
    other = world.make_run(store=world.store.another_client(), is_dead=lambda holder: True)
    world.server.faults.append(busy)
    world.refresh(run=other)
    assert world.grant(drive).intent is None
    world.clock.advance(timedelta(hours=2))
    result = world.refresh_one()
    assert (result.outcome, result.reason) == ("refused", Reason.INTERRUPTED_ROTATION)
    assert world.account_status(drive).reason is Reason.INTERRUPTED_ROTATION


def test_a_doubt_ends_with_the_refresh_token_that_it_is_about():
    world, drive = due()
    dies_at(world, "refresh.intent-written")
    other = world.make_run(store=world.store.another_client(), is_dead=lambda holder: True)
    world.server.faults.append(answer(429, {}))
    world.refresh(run=other)
    assert world.grant(drive).doubt is not None
    world.clock.advance(timedelta(hours=2))
    assert world.refresh_one().outcome == "done"
    assert world.grant(drive).doubt is None


def test_whoever_waited_for_a_refresh_that_was_refused_for_now_does_not_call_again():
    """The loser uses the winner's result, and a busy provider is one (DESIGN §6.3)."""
    world, drive = due()
    take_over(world, drive)
    slept = world.clock.sleep

    def sleep(seconds: float) -> None:
        slept(seconds)
        their = world.grant(drive)
        if their.intent is not None:
            stands = world.store.read(LAYOUT.grant(drive.address))
            released = replace(their, intent=None, op=Op("theirs", Phase.RELEASED))
            world.store.write(LAYOUT.grant(drive.address), released.to_document(), cas=stands.version)

    world.clock.sleep = sleep  # the winner ends while we wait
    result = world.refresh_one()
    assert (result.outcome, result.code) == ("held", 6)
    assert world.server.seen == []


def test_ten_failed_intents_in_a_row_do_not_push_the_refresh_token_out():
    world, drive = due()
    before = world.token_of(drive)
    for _ in range(12):
        dies_at(world, "refresh.intent-written", is_dead=lambda holder: True)
    metadata = world.store.read_metadata(LAYOUT.grant(drive.address))
    for version in metadata.versions:
        document = world.store.read(LAYOUT.grant(drive.address), version=version).document
        if document is not None:
            assert document.secret("refresh_token") == before
    assert world.grant(drive).intent.attempts == 12
    other = world.make_run(store=world.store.another_client(), is_dead=lambda holder: True)
    assert world.refresh(run=other)[0].outcome == "done"
    assert world.is_intact(drive)


def test_a_grace_is_used_as_soon_as_the_intent_is_older_than_one_call():
    world, drive = due(Rotation.SINGLE_USE_WITH_GRACE, grace=timedelta(minutes=5))
    dies_at(world, "refresh.answer-received")
    world.clock.advance(timedelta(seconds=31))
    assert world.refresh_one().outcome == "done"
    assert world.is_intact(drive)
    assert world.is_served(drive)


def test_a_grace_shorter_than_one_call_is_not_relied_on():
    world, _drive = due(Rotation.SINGLE_USE_WITH_GRACE, grace=timedelta(seconds=20))
    dies_at(world, "refresh.intent-written")
    world.clock.advance(timedelta(seconds=61))
    assert world.refresh_one().outcome == "held"
