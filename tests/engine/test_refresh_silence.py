"""A provider that gives no clear answers costs a run a few calls and a probe, not a deadline for each of its accounts."""

from datetime import timedelta

import pytest

from reconciler.decide.results import Outcome
from reconciler.model.behaviour import RateRules, Rotation
from reconciler.model.state import AccountState, ErrorClass, Reason
from tests.engine.refresh_world import LAYOUT, MINUTE, SOON, RefreshWorld
from tests.simulators.token_endpoint import Fault, answer

MANY = 500
FEW = 5
"""So many in a row are an incident (`RefreshLimits.incident_accounts`)."""
BROKEN = answer(503, b"<html>", {"content-type": "text/html"})
BUSY = answer(429, {"error": "slow_down"})


def many(rotation: Rotation = Rotation.REUSABLE, *, count: int = MANY, **world) -> RefreshWorld:
    made = RefreshWorld(rotation=rotation, **world)
    for number in range(count):
        made.consented(f"team/n{number:03}")
    made.clock.advance(SOON)
    return made


def silenced(world: RefreshWorld, fault=Fault.LOST_BEFORE) -> None:
    world.server.faults.extend([fault] * 10 * MANY)


def outcomes(results) -> list[int]:
    """How many are done, failed, and held."""
    found = [result.outcome for result in results]
    return [found.count(outcome) for outcome in (Outcome.DONE, Outcome.FAILED, Outcome.HELD)]


@pytest.mark.parametrize("fault", [Fault.LOST_BEFORE, Fault.NOT_SENT, BROKEN, BUSY])
def test_a_provider_that_answers_nobody_is_asked_six_times_in_a_run_and_once_in_the_next(fault):
    world = many()
    silenced(world, fault)
    results = world.refresh(run=world.make_run(jobs=1))
    assert len(world.server.seen) == FEW + 1, "five in a row, and a probe"
    held = [result for result in results if result.message.startswith("not tried")]
    assert len(held) == MANY - FEW - 1
    assert len({(result.reason, result.message) for result in held}) == 1, "one line in the report"
    circuit = world.provider_status().circuit
    assert circuit is not None
    assert circuit.judge is ErrorClass.TRANSIENT
    world.refresh(run=world.make_run(jobs=1))
    assert len(world.server.seen) == FEW + 2, "a later run sends one probe"
    world.server.faults.clear()
    world.clock.advance(MINUTE)
    results = world.refresh(run=world.make_run(jobs=1))
    assert outcomes(results) == [MANY, 0, 0]
    assert world.provider_status().circuit is None


def test_those_that_are_asked_at_the_same_time_are_all_that_it_costs():
    world = many(behaves={"rate": RateRules(concurrency=8)})
    silenced(world)
    world.refresh(run=world.make_run(jobs=8))
    assert FEW + 1 <= len(world.server.seen) <= FEW + 8


def test_nothing_is_written_for_those_that_were_held():
    world = many(Rotation.SINGLE_USE, count=20)
    silenced(world)
    results = world.refresh(run=world.make_run(jobs=1))
    tried = [a for a in world.accounts.values() if world.grant(a).intent is not None]
    assert len(tried) == FEW + 1
    assert outcomes(results) == [0, FEW + 1, 20 - FEW - 1]
    versions = [world.store.read(LAYOUT.grant(a.address)).version for a in world.accounts.values()]
    assert sorted(versions)[: 20 - FEW - 1] == [1] * (20 - FEW - 1)
    assert all(world.is_intact(account) for account in world.accounts.values())


def test_a_silence_that_passes_within_the_run_holds_nobody_up():
    world = many(count=40)
    world.server.faults.extend([Fault.NOT_SENT] * FEW)
    before = world.clock.monotonic()
    results = world.refresh(run=world.make_run(jobs=1))
    assert outcomes(results) == [40 - FEW, 0, FEW]
    assert world.clock.monotonic() - before >= 30, "the probe comes one deadline later"
    assert world.provider_status().circuit is None


def test_a_refusal_is_an_answer_and_ends_a_silence():
    world = many(count=12)
    dead = list(world.accounts.values())[FEW - 1]
    world.revoke(dead)
    world.server.faults.extend([Fault.LOST_BEFORE] * (FEW - 1))
    results = world.refresh(run=world.make_run(jobs=1))
    assert len(world.server.seen) == 12
    assert outcomes(results)[0] == 12 - FEW


def test_accounts_whose_own_refresh_gets_no_answer_hold_up_no_others():
    """The most urgent are the ones that always time out: the probe is the least urgent, and tells the difference."""
    world = many(count=30)
    sick = {f"team/n{number:03}" for number in range(12)}

    def times_out(form) -> None:
        family = world.server.families[form["refresh_token"]]
        if family.subject in sick:
            world.server.faults.append(Fault.LOST_BEFORE)

    world.server.on_request = times_out
    for _ in range(2):
        results = world.refresh(run=world.make_run(jobs=1))
        assert {r.address.short for r in results if r.outcome is not Outcome.DONE} == sick
        assert len([r for r in results if r.outcome is Outcome.FAILED]) == 12, "each of them was asked"
        assert world.provider_status().circuit is None
        world.refresh(run=world.make_run(jobs=1))
        assert world.provider_status().circuit is not None, "nobody but they were asked"
        world.clock.advance(SOON)


def test_held_is_a_warning_while_what_workloads_read_outlives_the_next_run():
    world = many(count=10)
    silenced(world)
    results = world.refresh(run=world.make_run(jobs=1), due_within=timedelta(minutes=8))
    assert {result.code for result in results} == {0}
    results = world.refresh(run=world.make_run(jobs=1), due_within=timedelta(minutes=30))
    assert {result.code for result in results} == {4}


def test_a_silence_is_no_state_of_an_account():
    world = many(count=10)
    silenced(world)
    world.refresh(run=world.make_run(jobs=1))
    states = {world.account_status(account).state for account in world.accounts.values()}
    assert states == {AccountState.READY}


def test_a_provider_that_asks_for_time_is_not_probed_before():
    world = many(count=10)
    busy = answer(429, {"error": "slow_down"}, {"content-type": "application/json", "retry-after": "600"})
    silenced(world, busy)
    world.refresh(run=world.make_run(jobs=1))
    asked = len(world.server.seen)
    world.clock.advance(timedelta(minutes=2))
    results = world.refresh(run=world.make_run(jobs=1))
    assert len(world.server.seen) == asked
    assert {result.reason for result in results if result.outcome is Outcome.HELD} == {Reason.RATE_LIMITED}
    world.clock.advance(timedelta(minutes=9))
    world.server.faults.clear()
    world.refresh(run=world.make_run(jobs=1))
    assert world.provider_status().circuit is None


def test_a_client_that_is_refused_after_a_silence_opens_the_circuit_of_the_client():
    world = many(count=10)
    silenced(world)
    world.refresh(run=world.make_run(jobs=1))
    world.server.faults.clear()
    world.server.clients["client"] = "another"
    world.clock.advance(MINUTE)
    world.refresh(run=world.make_run(jobs=1))
    circuit = world.provider_status().circuit
    assert circuit is not None
    assert circuit.judge is ErrorClass.CLIENT
