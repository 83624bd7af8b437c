"""A refused grant: suspicion, confirmation, daily retry, recovery; many at once (DESIGN §6.9)."""

from datetime import timedelta

import pytest

from reconciler.model.behaviour import Rotation
from reconciler.model.state import AccountState, ErrorClass, Reason
from tests.engine.refresh_world import MINUTE, RefreshWorld, due


def test_one_refusal_is_a_suspicion_and_a_second_one_ten_minutes_later_a_verdict():
    world, drive = due(lifetime=timedelta(hours=4))
    world.clock.advance(timedelta(minutes=140))
    world.revoke(drive)
    result = world.refresh_one()
    assert result.reason == Reason.GRANT_SUSPECTED
    status = world.account_status(drive)
    assert (status.state, status.reason) == (AccountState.IN_DOUBT, Reason.GRANT_SUSPECTED)
    assert status.not_before == world.clock.now() + 10 * MINUTE
    world.clock.advance(5 * MINUTE)
    assert world.refresh_one().outcome == "skipped"
    world.clock.advance(5 * MINUTE)
    assert world.refresh_one().reason == Reason.GRANT_REVOKED
    assert world.account_status(drive).state is AccountState.NEEDS_CONSENT
    assert world.grant(drive).refresh_token is not None


def test_a_refusal_is_confirmed_at_once_where_the_access_token_is_dead():
    world, drive = due()
    world.clock.advance(timedelta(hours=1))
    world.revoke(drive)
    assert world.refresh_one().reason == Reason.GRANT_REVOKED
    assert world.account_status(drive).state is AccountState.NEEDS_CONSENT


@pytest.mark.parametrize("rotation", [Rotation.SINGLE_USE, Rotation.REUSABLE])
def test_a_confirmed_grant_is_tried_once_a_day_and_may_recover(rotation):
    world, drive = due(rotation)
    world.clock.advance(timedelta(hours=1))
    family = world.server.family(world.token_of(drive))
    family.revoked = True
    world.refresh_one()
    calls = len(world.server.seen)
    world.clock.advance(timedelta(hours=23))
    assert world.refresh_one().outcome == "skipped"
    assert len(world.server.seen) == calls
    world.clock.advance(timedelta(hours=1))
    assert world.refresh_one().outcome == "refused"
    family.revoked = False
    world.clock.advance(timedelta(days=1))
    result = world.refresh_one()
    assert result.reason == Reason.RECOVERED
    assert world.grant(drive).verdict is None
    assert world.account_status(drive).state is AccountState.READY
    assert world.is_served(drive)


def test_a_mass_of_refused_grants_is_the_providers_incident():
    world = RefreshWorld()
    drives = [world.consented(f"team/n{number}") for number in range(12)]
    families = [world.server.family(world.token_of(drive)) for drive in drives]
    for family in families:
        family.revoked = True
    world.clock.advance(timedelta(hours=2))
    results = world.refresh(run=world.make_run(jobs=1))
    circuit = world.provider_status().circuit
    assert circuit is not None
    assert circuit.reason is Reason.PROVIDER_INCIDENT
    tried = sum(result.outcome == "refused" for result in results)
    assert tried == 5
    assert sum(result.outcome == "held" for result in results) == 7
    # Within the hour nobody is tried; then three are.
    world.clock.advance(30 * MINUTE)
    calls = len(world.server.seen)
    assert {r.outcome for r in world.refresh()} <= {"held", "skipped"}
    assert len(world.server.seen) == calls
    world.clock.advance(31 * MINUTE)
    world.refresh()
    assert len(world.server.seen) == calls + 3
    assert world.provider_status().circuit is not None
    # It is over: one probe shows it, and everybody comes back, the first ones too.
    for family in families:
        family.revoked = False
    world.clock.advance(timedelta(hours=1))
    results = world.refresh()
    assert [result.outcome for result in results] == ["done"] * 12
    assert world.provider_status().circuit is None
    assert all(world.account_status(drive).state is AccountState.READY for drive in drives)


def test_a_few_people_who_are_really_gone_do_not_hold_the_others_for_days():
    """Five of 25 look like the provider's incident. Those who are probed are others than the five, who are the most urgent
    by then; and what is refused beside as many that work is told as each account's own, not as the next incident."""
    world = RefreshWorld()
    drives = [world.consented(f"team/n{number:02}") for number in range(25)]
    gone = drives[:5]
    for drive in gone:
        world.revoke(drive)
    world.clock.advance(55 * MINUTE)
    results = world.refresh(run=world.make_run(jobs=1))
    assert [result.outcome.value for result in results].count("held") == 20
    world.clock.advance(61 * MINUTE)
    results = world.refresh(run=world.make_run(jobs=1))
    assert [result.outcome.value for result in results].count("done") == 20
    assert world.provider_status().circuit is None
    assert {world.account_status(drive).state for drive in gone} == {AccountState.NEEDS_CONSENT}
    for _ in range(8):
        world.clock.advance(45 * MINUTE)
        assert "held" not in {result.outcome for result in world.refresh(run=world.make_run(jobs=1))}


def test_an_incident_that_is_over_for_a_few_only_asks_no_more_people_than_those_it_works_for():
    world = RefreshWorld()
    drives = [world.consented(f"team/n{number:02}") for number in range(30)]
    families = [world.server.family(world.token_of(drive)) for drive in drives]
    for family in families:
        family.revoked = True
    world.clock.advance(55 * MINUTE)
    world.refresh(run=world.make_run(jobs=1))
    for family in families[-3:]:
        family.revoked = False
    world.clock.advance(61 * MINUTE)
    world.refresh(run=world.make_run(jobs=1))
    asked = [d for d in drives if world.account_status(d).state is AccountState.NEEDS_CONSENT]
    assert len(asked) <= 3


def test_a_few_dead_grants_of_many_are_their_owners_business_though_only_they_are_refreshed():
    """A fifth of the provider's accounts, not of those that somebody named on the command line."""
    world = RefreshWorld()
    drives = [world.consented(f"team/n{number}") for number in range(6)]
    for drive in drives:
        world.revoke(drive)
    world.clock.advance(timedelta(hours=2))
    results = world.refresh(fleet={drives[0].provider: 1000})
    assert {(r.outcome, r.reason) for r in results} == {("refused", Reason.GRANT_REVOKED)}
    assert world.provider_status().circuit is None
    assert {world.account_status(drive).state for drive in drives} == {AccountState.NEEDS_CONSENT}


def test_an_incident_that_lasts_a_day_asks_an_administrator_and_then_each_person():
    world = RefreshWorld()
    drives = [world.consented(f"team/n{number}") for number in range(6)]
    for drive in drives:
        world.revoke(drive)
    world.clock.advance(timedelta(hours=2))
    world.refresh()
    for _ in range(25):
        world.clock.advance(timedelta(hours=1))
        world.refresh()
    circuit = world.provider_status().circuit
    assert circuit is not None
    assert circuit.judge is ErrorClass.NEEDS_ADMIN
    for _ in range(24):
        world.clock.advance(timedelta(hours=1))
        world.refresh()
    assert world.provider_status().circuit is None
    states = {world.account_status(drive).state for drive in drives}
    assert states == {AccountState.NEEDS_CONSENT}
