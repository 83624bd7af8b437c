"""A store that is down, sealed, denied or unclear while a grant is refreshed (DESIGN §6.1, §6.6)."""

from datetime import timedelta

import pytest

from reconciler.engine.refresh import refresh_accounts
from reconciler.errors import PathDenied
from reconciler.model.limits import RefreshLimits
from reconciler.model.state import Reason
from tests.engine.refresh_world import LAYOUT, SOON, RefreshWorld, due
from tests.simulators.memory_store import Fault as StoreFault


def test_a_store_that_is_down_at_commit_gets_the_tokens_when_it_is_back():
    world, drive = due()
    world.server.on_request = lambda form: setattr(world.store, "down", StoreFault.UNREACHABLE)
    world.clock.on_sleep = lambda seconds: (
        setattr(world.store, "down", None) if sum(world.clock.slept) > 120 else None
    )
    result = world.refresh_one()
    assert result.outcome == "done", result
    assert world.is_intact(drive)
    assert world.server.exchanges() == 1
    assert sum(world.clock.slept) > 120


def test_tokens_that_cannot_be_stored_until_the_deadline_are_reported_as_that():
    world, drive = due(limits=RefreshLimits(commit_deadline=timedelta(minutes=2)))
    world.server.on_request = lambda form: setattr(world.store, "down", StoreFault.UNREACHABLE)
    result = world.refresh_one()
    assert result.outcome == "failed"
    assert result.reason == Reason.INTERRUPTED_ROTATION
    assert result.code == 8
    assert "new tokens" in result.message
    world.store.down = None
    assert world.grant(drive).intent is not None, "whoever comes next sees that something was under way"


def test_a_login_that_ended_at_commit_is_repeated():
    world, drive = due()
    world.server.on_request = lambda form: world.store.fail_next(
        "write", StoreFault.LOGIN_REFUSED, path=LAYOUT.grant(drive.address), times=2
    )
    result = world.refresh_one()
    assert result.outcome == "done"
    assert world.store.count("ensure_login") >= 3
    assert world.is_intact(drive)


@pytest.mark.parametrize("operation", ["write", "read", "ensure_login"])
def test_a_surprise_in_the_store_costs_no_token_that_was_just_given(operation):
    """A fault of ours, or of a library, that no adapter has foreseen."""
    world, drive = due()

    def surprises() -> None:
        raise RuntimeError("secret text that nobody may see")

    def given(form) -> None:
        path = LAYOUT.grant(drive.address)
        world.store.fail_next("write", StoreFault.UNCLEAR_BEFORE, path=path)
        world.store.before(operation, surprises, path=None if operation == "ensure_login" else path)

    world.server.on_request = given
    result = world.refresh_one()
    assert result.outcome == "done", result
    assert world.is_intact(drive)
    assert "secret text" not in repr((result, world.events.lines))


@pytest.mark.parametrize("fault", [StoreFault.UNCLEAR_AFTER, StoreFault.UNCLEAR_BEFORE])
def test_an_unclear_commit_is_settled_by_reading_it_back(fault):
    world, drive = due()
    world.server.on_request = lambda form: world.store.fail_next(
        "write", fault, path=LAYOUT.grant(drive.address)
    )
    assert world.refresh_one().outcome == "done"
    assert world.is_intact(drive)
    assert world.is_served(drive)


@pytest.mark.parametrize("fault", [StoreFault.UNCLEAR_AFTER, StoreFault.UNCLEAR_BEFORE])
def test_an_unclear_intent_is_settled_before_anything_is_sent(fault):
    world, drive = due()
    world.store.fail_next("write", fault, path=LAYOUT.grant(drive.address))
    assert world.refresh_one().outcome == "done"
    assert world.server.exchanges() == 1
    assert world.is_intact(drive)


@pytest.mark.parametrize(
    "fault", [StoreFault.SEALED, StoreFault.UNREACHABLE, StoreFault.LOGIN_REFUSED, StoreFault.DENIED]
)
def test_a_store_that_takes_no_intent_costs_no_refresh_token(fault):
    world, drive = due()
    world.store.fail_next("write", fault, path=LAYOUT.grant(drive.address))
    result = world.refresh_one()
    assert result.outcome == "failed"
    assert world.server.seen == []
    assert result.code == (4 if fault is StoreFault.DENIED else 8)


def test_a_sealed_store_stops_the_run_before_any_token_is_spent():
    world = RefreshWorld()
    for number in range(5):
        world.consented(f"team/n{number}")
    world.clock.advance(SOON)
    work = world.work()
    world.store.down = StoreFault.SEALED
    results = refresh_accounts(world.run, work, now=world.clock.now())
    assert {result.code for result in results} == {8}
    assert world.server.seen == []


def test_a_namespace_that_may_not_be_written_is_refused_before_any_token_is_spent():
    world, _drive = due()
    world.store.deny(LAYOUT.folder("grants", "team"), "write")
    result = world.refresh_one()
    assert result.outcome == "failed"
    assert result.reason == PathDenied.__name__
    assert result.code == 4
    assert world.server.seen == []


def test_a_login_that_cannot_last_is_refused_before_any_token_is_spent():
    world, _drive = due()
    world.store.fail_next("ensure_login", StoreFault.LOGIN_REFUSED, times=9)
    assert world.refresh_one().code == 8
    assert world.server.seen == []
