"""`output.deleteAfterExpiry`: a dead token does not stay readable, a living one is never deleted, and it costs no write."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.decide.output_expiry import kept_for, outlives, with_expiry
from reconciler.decide.projection import blank_status
from reconciler.decide.results import Outcome
from reconciler.engine.removal import withdraw
from reconciler.model.state import GrantType
from tests.engine.reconcile_world import ReconcileWorld, provider_of
from tests.engine.refresh_world import LAYOUT, RefreshWorld
from tests.simulators.clocks import ManualClock
from tests.simulators.manifests import make_account
from tests.simulators.memory_store import Fault

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def expiring(world: RefreshWorld, name: str = "team/drive"):
    """A consented account that wants it, as `track` leaves it."""
    drive = world.consented(name, delete_after_expiry=True)
    world.store.forget_requests()
    return drive


def readable(world: RefreshWorld, account) -> bool:
    return world.store.read(LAYOUT.token(account.address)).document is not None


def test_a_consented_token_is_readable_for_as_long_as_it_lives_and_not_for_long_after():
    world = RefreshWorld()
    drive = expiring(world)
    world.clock.advance(HOUR - MINUTE)
    assert readable(world, drive)
    world.clock.advance(15 * MINUTE)
    assert not readable(world, drive)


def test_so_is_every_one_that_a_refresh_publishes_and_it_costs_no_further_write():
    world, plain = RefreshWorld(), RefreshWorld()
    drive, other = expiring(world), plain.consented("team/drive")
    for each in (world, plain):
        each.store.forget_requests()
        each.clock.advance(50 * MINUTE)
        assert each.refresh_one("team/drive").outcome is Outcome.DONE
    assert world.store.writes() == plain.store.writes()
    for each, account in ((world, drive), (plain, other)):
        each.clock.advance(74 * MINUTE)
        assert readable(each, account) == (each is plain)


def test_the_older_versions_go_too():
    world = RefreshWorld()
    drive = expiring(world)
    world.clock.advance(50 * MINUTE)
    world.refresh_one("team/drive")
    world.clock.advance(30 * MINUTE)
    first = world.store.read(LAYOUT.token(drive.address), version=1)
    assert (first.document, first.deleted) == (None, True)
    assert readable(world, drive)


def test_a_token_that_lives_longer_than_all_before_is_provided_for_before_it_is_published():
    world = RefreshWorld()
    drive = expiring(world)
    world.clock.advance(50 * MINUTE)
    world.server.lifetime = 24 * HOUR
    world.refresh_one("team/drive")
    world.clock.advance(23 * HOUR)
    assert readable(world, drive)
    world.clock.advance(7 * HOUR)
    assert not readable(world, drive)


def test_a_deleted_dead_token_is_refreshed_like_any_dead_one():
    world = RefreshWorld()
    drive = expiring(world)
    world.clock.advance(5 * HOUR)
    assert not readable(world, drive)
    assert world.refresh_one("team/drive").outcome is Outcome.DONE
    assert readable(world, drive)


def test_the_first_token_without_a_person_is_provided_for_as_well():
    world = RefreshWorld()
    robot = world.declared("team/robot", grant=GrantType.CLIENT_CREDENTIALS, delete_after_expiry=True)
    world.refresh_one("team/robot")
    assert readable(world, robot)
    world.clock.advance(75 * MINUTE)
    assert not readable(world, robot)


def test_a_store_that_does_not_take_the_setting_still_gets_the_token():
    world = RefreshWorld()
    robot = world.declared("team/robot", grant=GrantType.CLIENT_CREDENTIALS, delete_after_expiry=True)
    world.store.fail_next("write_metadata", Fault.DENIED, path=LAYOUT.token(robot.address), times=1)
    assert world.refresh_one("team/robot").outcome is Outcome.DONE
    assert readable(world, robot)


# ------------------------------------------------------------------------------------------------------------- spans


@pytest.mark.parametrize("life", [timedelta(seconds=s) for s in (1, 60, 300, 3600, 86_400, 31_536_000)])
@pytest.mark.parametrize("drift", [0.81, 0.99, 1.0, 1.01, 1.199])
def test_lives_that_differ_by_less_than_a_write_are_covered_by_one_span(life: timedelta, drift: float):
    kept = kept_for(life)
    assert not outlives(life * min(drift, 1.0), kept)
    status = blank_status(make_account(), owner_mark="x", now=ManualClock().now())
    old = replace(status, lifetime=life, delete_after=kept)
    assert with_expiry(replace(old, lifetime=life * drift), old, asked=True).delete_after == kept


def test_it_is_switched_off_by_zero_and_an_operators_own_setting_is_left_alone():
    from reconciler.decide.output_expiry import setting

    status = blank_status(make_account(), owner_mark="x", now=ManualClock().now())
    on = replace(status, delete_after=HOUR)
    assert setting(on, status) == HOUR
    assert setting(status, on) == timedelta(0)
    assert setting(status, status) is None
    assert setting(status, None) is None


# ---------------------------------------------------------------------------------------------------------- withdrawn


def test_a_withdrawn_account_leaves_no_version_readable():
    world = RefreshWorld()
    drive = world.consented("team/drive")
    world.clock.advance(50 * MINUTE)
    world.refresh_one("team/drive")
    observed = world.observed(drive)
    assert withdraw(world.run, drive, observed).warnings == ()
    path = LAYOUT.token(drive.address)
    assert [world.store.read(path, version=n).document for n in (1, 2)] == [None, None]


def test_where_the_policy_is_older_the_newest_still_goes_and_it_is_said():
    world = RefreshWorld()
    drive = world.consented("team/drive")
    world.clock.advance(50 * MINUTE)
    world.refresh_one("team/drive")
    observed = world.observed(drive)
    world.store.fail_next("delete_versions", Fault.DENIED)
    result = withdraw(world.run, drive, observed)
    assert result.outcome is Outcome.DONE
    assert "the policy needs update on delete/" in result.warnings[0]
    assert not readable(world, drive)


# ---------------------------------------------------------------------------------------------- declared and undeclared


def test_the_manifest_switches_it_on_and_off_by_one_metadata_write_each():
    world = ReconcileWorld()
    world.reconcile()
    world.consents("team/drive")
    path = LAYOUT.token(world.account("team/drive").address)
    spans = []
    for asked in (True, False):
        world.declare(provider_of(), make_account(delete_after_expiry=asked, digest=f"{asked:d}" * 16))
        (change,) = world.plan().changes
        assert [field.name for field in change.fields] == ["deleteAfterExpiry"]
        world.store.forget_requests()
        world.reconcile()
        assert world.store.writes() == [f"write_metadata {path}"]
        spans.append(world.store.world.keys[path].delete_after)
        assert world.plan().changes == ()
    assert spans == [kept_for(HOUR), timedelta(0)]
