"""Short lives, stops, races, surprises: a refresh as a run sees it (DESIGN §6)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.decide.results import Outcome, Result
from reconciler.decide.rotation import refresh
from reconciler.model.answer import Loss, NoAnswer
from reconciler.model.behaviour import AccessTokenRules, Rotation
from reconciler.model.grant import Holder
from reconciler.model.state import AccountState
from tests.engine.refresh_world import (
    LAYOUT,
    MINUTE,
    SOON,
    RefreshWorld,
    dies_at,
    due,
)
from tests.simulators.token_endpoint import answer


def test_tokens_that_live_five_minutes_are_kept_alive_for_a_day():
    world = RefreshWorld(lifetime=timedelta(minutes=5))
    drive = world.consented()
    for _ in range(24 * 30):
        world.clock.advance(2 * MINUTE)
        world.refresh_one()
        assert world.server.access_tokens is not None
        published = world.store.read(LAYOUT.token(drive.address))
        assert published.document is not None
        assert published.document["expires_at"] > world.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert world.is_intact(drive)
    assert world.server.exchanges() < 24 * 30


def test_a_changed_client_id_is_seen_before_the_refresh_token_is_sent():
    world, _drive = due()
    world.client = replace(world.client, client_id="another")
    result = world.refresh_one(force=True)
    assert result.outcome == "skipped" or result.code == 3
    assert world.server.seen == []


def test_a_stop_starts_nothing_more_and_says_so():
    world = RefreshWorld()
    for number in range(4):
        world.consented(f"team/n{number}")
    world.clock.advance(SOON)
    run = world.make_run(jobs=1)
    world.server.on_request = lambda form: run.stop.set()
    results = world.refresh(run=run)
    assert [result.outcome for result in results].count(Outcome.DONE) == 1
    assert [result.reason for result in results].count("Stopped") == 3
    assert len(world.server.seen) == 1


def test_one_account_that_breaks_costs_only_its_own_slot():
    world = RefreshWorld()
    drives = [world.consented(f"team/n{number}") for number in range(4)]
    world.clock.advance(SOON)

    def explode(form):
        if form["refresh_token"] == world.token_of(drives[2]).reveal():
            raise RuntimeError("with a secret inside: " + form["refresh_token"])

    world.server.on_request = explode
    results = world.refresh()
    assert [result.outcome for result in results] == ["done", "done", "failed", "done"]
    assert "secret" not in str(results[2])
    assert results[2].code == 1


def test_the_loser_of_a_race_waits_for_the_winner_and_uses_its_result():
    world, drive = due()
    loser = world.make_run(store=world.store.another_client(), holder=Holder("other", "b", "n", 9, "9"))
    results: list[Result] = []

    def race(name: str) -> None:
        if name == "refresh.intent-written":
            world.clock.on_sleep = lambda seconds: None

    winner = world.make_run(store=world.store.another_client(), failpoint=race)
    # The loser reads, then the winner goes all the way before the loser's intent is written.
    loser.store.before(
        "write", lambda: results.extend(world.refresh(run=winner)), path=LAYOUT.grant(drive.address)
    )
    results.extend(world.refresh(run=loser))
    assert [result.outcome for result in results] == ["done", "done"]
    assert "another run" in results[1].message
    assert world.server.exchanges() == 1


def test_a_loser_whose_winner_is_slow_reports_held():
    world, _drive = due()
    dies_at(world, "refresh.intent-written")
    before = world.clock.monotonic()
    result = world.refresh_one()
    assert (result.outcome, result.code) == ("held", 6)
    assert world.clock.monotonic() - before <= 2 * world.limits.http_deadline.total_seconds() + 5


def test_a_suspended_account_is_left_alone():
    world, _drive = due()
    world.moves("team/drive", suspend=True)
    assert world.refresh_one(force=True).outcome == "skipped"
    assert world.server.seen == []


def test_force_ignores_the_time_and_nothing_else():
    world = RefreshWorld()
    world.consented()
    assert world.refresh_one(force=True).outcome == "done"
    world.server.faults.append(answer(429, {}, {"retry-after": "300"}))
    world.refresh_one(force=True)
    assert world.refresh_one(force=True).outcome == "skipped"


@pytest.mark.parametrize("rotation", [Rotation.SINGLE_USE, Rotation.REUSABLE])
@pytest.mark.parametrize(
    "rules", [{"min_age": timedelta(minutes=50)}, {"last_of_life": timedelta(minutes=10)}]
)
def test_force_keeps_to_the_age_that_the_provider_itself_asks_for(rotation, rules):
    world = RefreshWorld(rotation=rotation, behaves={"access_token": AccessTokenRules(**rules)})
    world.consented()
    world.clock.advance(timedelta(minutes=49))
    assert world.refresh_one(force=True).outcome == "skipped"
    assert world.server.seen == [], "it would have been refused"
    world.clock.advance(2 * MINUTE)
    assert world.refresh_one(force=True).outcome == "done"


@pytest.mark.parametrize("rotation", [Rotation.SINGLE_USE, Rotation.REUSABLE])
def test_a_token_that_was_dated_by_a_clock_ahead_is_not_believed_to_live_longer(rotation):
    """A laptop's clock may be hours ahead until it has asked the network for the time."""
    world = RefreshWorld(rotation=rotation)
    world.consented()
    world.clock.advance(timedelta(hours=5))
    assert world.refresh_one().outcome == "done"
    world.clock.advance(timedelta(hours=-3))
    assert world.refresh_one().outcome == "done"


def test_a_lost_network_is_never_a_verdict():
    world, drive = due(Rotation.REUSABLE)
    world.server.faults.append(NoAnswer(Loss.NOT_SENT, "the name does not resolve"))
    result = world.refresh_one()
    assert result.outcome == "held"
    assert world.grant(drive).verdict is None
    assert world.account_status(drive).state is AccountState.READY


def test_the_protocol_needs_nothing_but_what_it_is_sent():
    """It is a generator over values: nothing in it touches a clock, a store or a socket."""
    assert refresh.__module__ == "reconciler.decide.rotation"
