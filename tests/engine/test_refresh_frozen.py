"""A store that was restored from an older snapshot brings spent refresh tokens back: none of them is presented."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.decide.results import Result
from reconciler.engine.refresh import refresh_accounts
from reconciler.model.behaviour import Rotation
from tests.engine.refresh_world import LAYOUT, RefreshWorld, due


def refreshed(world: RefreshWorld, *, restored: timedelta | None) -> Result:
    """`restored`: how long after now the restore is said to have been; None: the run is not frozen."""
    frozen = None if restored is None else world.clock.now() + restored
    (result,) = refresh_accounts(
        world.make_run(frozen=frozen), world.work("team/drive"), now=world.clock.now(), force=True
    )
    return result


@pytest.mark.parametrize("rotation", [Rotation.SINGLE_USE, Rotation.UNKNOWN])
def test_a_single_use_token_from_before_the_restore_is_not_presented(rotation: Rotation):
    world, drive = due(rotation)
    before = world.store.read(LAYOUT.grant(drive.address)).version
    result = refreshed(world, restored=timedelta(0))
    assert (result.outcome, result.reason, result.code) == ("held", "Frozen", 4)
    assert result.hint == "reconciler consent team/drive"
    assert world.server.seen == []
    assert world.store.read(LAYOUT.grant(drive.address)).version == before, "not even an intent is written"
    assert world.is_intact(drive)


def test_a_grant_that_was_stored_since_the_restore_is_refreshed_as_ever():
    world, drive = due()
    result = refreshed(world, restored=-timedelta(days=1))
    assert result.outcome == "done"
    assert world.is_intact(drive)
    assert refreshed(world, restored=-timedelta(seconds=1)).outcome == "done", (
        "its own refresh stored it again"
    )


def test_a_reusable_token_cannot_be_spent_and_is_refreshed():
    world, _ = due(Rotation.REUSABLE)
    assert refreshed(world, restored=timedelta(0)).outcome == "done"


def test_a_spent_token_that_a_snapshot_brought_back_would_cost_the_whole_grant_and_frozen_keeps_it():
    """The story of the runbook: snapshot, refresh, restore."""
    world, drive = due()
    path = LAYOUT.grant(drive.address)
    snapshot = world.store.read(path)
    assert snapshot.document is not None
    spent = snapshot.document.secret("refresh_token")
    assert spent is not None
    assert refreshed(world, restored=None).outcome == "done"
    world.store.write(path, snapshot.document, cas=world.store.read(path).version)
    world.clock.advance(timedelta(minutes=1))
    held = refreshed(world, restored=timedelta(0))
    assert (held.outcome, held.reason) == ("held", "Frozen")
    assert not world.server.family(spent).revoked
    refreshed(world, restored=None)
    assert world.server.family(spent).revoked, "without it the provider takes the grant back"
