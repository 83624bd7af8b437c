"""What a refresh costs, counted at the store: the budgets of DESIGN §5."""

from datetime import timedelta

import pytest

from reconciler.model.behaviour import Rotation
from tests.engine.refresh_world import LAYOUT, RefreshWorld

SOON = timedelta(minutes=55)


def costs(world: RefreshWorld) -> dict[str, int]:
    store = world.store
    return {
        "grant reads": store.count("read", under=LAYOUT.grants),
        "token reads": store.count("read", under=LAYOUT.tokens),
        "writes": store.count("write"),
        "metadata writes": store.count("write_metadata", under=LAYOUT.tokens),
    }


@pytest.mark.parametrize(
    ("rotation", "writes"),
    [
        (Rotation.REUSABLE, 1),
        (Rotation.OLD_STAYS_VALID, 2),
        (Rotation.SINGLE_USE, 3),
        (Rotation.UNKNOWN, 3),
    ],
)
def test_a_refresh_costs_one_read_one_call_and_its_writes(rotation, writes):
    world = RefreshWorld(rotation=rotation)
    drive = world.consented()
    world.clock.advance(SOON)
    world.refresh_one()
    world.clock.advance(SOON)
    before = len(world.server.seen)
    result = world.refresh_one()
    assert result.outcome == "done", result
    assert len(world.server.seen) - before == 1
    assert costs(world) == {"grant reads": 1, "token reads": 0, "writes": writes, "metadata writes": 0}
    assert world.is_intact(drive)
    assert world.is_served(drive)


@pytest.mark.parametrize(("rotation", "writes"), [(Rotation.REUSABLE, 1), (Rotation.SINGLE_USE, 2)])
def test_a_refused_refresh_costs_a_verdict_and_one_metadata_write(rotation, writes):
    world = RefreshWorld(rotation=rotation)
    drive = world.consented()
    world.revoke(drive)
    world.clock.advance(SOON)
    result = world.refresh_one()
    assert result.outcome == "refused", result
    assert costs(world) == {"grant reads": 1, "token reads": 0, "writes": writes, "metadata writes": 1}


def test_nothing_due_makes_no_request_at_all():
    world = RefreshWorld()
    world.consented()
    result = world.refresh_one()
    assert result.outcome == "skipped"
    assert world.store.requests == []
    assert world.server.seen == []


def test_a_run_asks_once_for_the_time_and_once_what_it_may_write():
    world = RefreshWorld()
    for number in range(6):
        world.consented(f"team/n{number}")
    world.clock.advance(SOON)
    assert all(result.outcome == "done" for result in world.refresh())
    assert world.store.count("server_time") == 1
    assert world.store.count("capabilities") == 1
    assert world.store.count("write") == 18
