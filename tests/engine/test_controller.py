"""The controller over a day on simulators: what it does when, what it costs, and what no failure ends."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from reconciler.decide.plan_options import PlanOptions
from reconciler.engine.controller import Controller, Cycle, Kind
from reconciler.engine.provider_ports import ProviderPorts
from reconciler.engine.run import Run
from reconciler.errors import UsageError
from reconciler.model.desired import Desired
from reconciler.model.location import Location, Problem
from reconciler.model.names import Address
from reconciler.model.observed import Observed
from tests.engine.reconcile_world import (
    HOUR,
    LAYOUT,
    MINUTE,
    ReconcileWorld,
    attention,
    machine,
    provider_of,
    settled,
)
from tests.simulators.manifests import make_account
from tests.simulators.memory_store import Fault

EVERY = timedelta(minutes=30)


@dataclass(frozen=True)
class Work:
    run: Run
    ports: ProviderPorts
    observed: Observed


@dataclass
class Hands:
    """Of a ReconcileWorld. `looks`: how much was looked at, each time (None: everything)."""

    world: ReconcileWorld
    looks: list[frozenset[Address] | None] = field(default_factory=list)
    version: int = 0
    gone: bool = False
    """The manifests cannot be read: their checkout is not there."""

    def declared(self) -> Desired:
        if self.gone:
            raise UsageError("there is no such folder")
        return self.world.desired

    def fingerprint(self) -> str:
        return "" if self.gone else f"{id(self.world.desired)}-{self.version}"

    @contextmanager
    def working(self, desired: Desired, accounts: Collection[Address] | None) -> Iterator[Work]:
        self.looks.append(None if accounts is None else frozenset(accounts))
        more = {} if accounts is None else {"accounts": frozenset(accounts)}
        yield Work(self.world.run(), self.world.ports(), self.world.observe(**more))


@dataclass
class Day:
    """A world and its controller; `live` lets time pass in small steps and does what is due."""

    world: ReconcileWorld

    def __post_init__(self) -> None:
        self.hands = Hands(self.world)
        self.controller = Controller(self.hands, PlanOptions(), EVERY)
        self.cycles: list[tuple[timedelta, Cycle]] = []
        self.began = self.world.clock.now()

    def live(self, span: timedelta, *, step: timedelta = timedelta(seconds=30)) -> list[Cycle]:
        done = []
        until = self.world.clock.now() + span
        while self.world.clock.now() < until:
            now = self.world.clock.now()
            kind = self.controller.due(now)
            if kind is not None:
                cycle = self.controller.cycle(kind, now)
                done.append(cycle)
                self.cycles.append((now - self.began, cycle))
            self.world.advance(step)
        return done


def kinds(cycles: list[Cycle]) -> list[str]:
    return [cycle.kind.value for cycle in cycles]


def test_everything_is_looked_at_first_and_then_once_an_interval():
    day = Day(settled())
    cycles = day.live(timedelta(minutes=95))
    assert kinds(cycles).count("reconcile") == 4
    assert all(cycle.error is None for cycle in cycles)


def test_an_account_is_refreshed_at_its_own_time_and_no_other_is_looked_at_then():
    world = ReconcileWorld()
    world.declare(provider_of(), make_account(), *(make_account(f"team/other{n}") for n in range(20)))
    world.reconcile()
    world.consents("team/drive")
    day = Day(world)
    day.controller.every = timedelta(hours=12)
    day.hands.looks.clear()
    cycles = day.live(timedelta(minutes=40))
    assert kinds(cycles) == ["reconcile", "refresh"]
    assert cycles[1].report is not None
    assert [str(result.address) for result in cycles[1].report.results] == ["account/team/drive"]
    assert day.hands.looks[0] is None
    assert {len(look) for look in day.hands.looks[1:] if look is not None} == {1}


def test_no_token_dies_over_a_day():
    world = settled()
    day = Day(world)
    day.controller.every = timedelta(hours=12)
    for _ in range(24 * 4):
        day.live(timedelta(minutes=15))
        newest = world.status().accounts[0].health
        assert newest.access_expires_at is not None
        assert newest.access_expires_at > world.clock.now()
    assert 24 <= world.calls() <= 48


def test_changed_manifests_are_applied_at_once():
    day = Day(settled())
    day.live(MINUTE)
    day.world.declare(provider_of(), make_account(), machine())
    (cycle,) = day.live(MINUTE)
    assert cycle.kind is Kind.RECONCILE
    assert day.world.published("team/robot")


def test_the_stores_failure_ends_nothing_and_is_tried_again_soon_and_then_later():
    day = Day(settled())
    day.live(MINUTE)
    day.world.declare(provider_of(), make_account(), machine())
    day.world.store.down = Fault.SEALED
    failed = day.live(timedelta(minutes=10))
    assert {cycle.error.exit_code for cycle in failed if cycle.error} == {8}
    assert 4 <= len(failed) <= 9
    day.world.store.down = None
    day.live(EVERY)
    assert day.world.published("team/robot")


def test_a_machine_whose_clock_is_ahead_of_the_stores_does_not_wait_for_it_after_an_outage():
    """While the store is gone only our own clock tells the time."""
    day = Day(settled())
    day.live(MINUTE)
    now = day.world.clock.now()
    day.world.store.down = Fault.SEALED
    day.controller.cycle(Kind.RECONCILE, now + 5 * HOUR)
    day.world.store.down = None
    assert day.controller.wait(now) == timedelta(0)
    assert day.controller.due(now + EVERY) is Kind.RECONCILE
    assert day.controller.cycle(Kind.RECONCILE, now + 5 * HOUR).error is None
    assert day.controller.due(now + EVERY) is Kind.RECONCILE


def test_a_token_that_lives_shorter_than_the_interval_is_kept_alive_while_its_owner_is_asked_for_more():
    world = settled()
    wider = make_account(scopes=("read", "write"), digest="b" * 16, consent_digest="c" * 16)
    world.declare(provider_of(), wider)
    day = Day(world)
    day.controller.every = timedelta(hours=12)
    day.live(3 * HOUR, step=5 * MINUTE)
    assert [(state, reason) for _, state, reason in attention(world.status())] == [
        ("needs-consent", "ScopesWidened")
    ]
    newest = world.status().accounts[0].health
    assert newest.access_expires_at is not None
    assert newest.access_expires_at > world.clock.now()


def test_an_invalid_manifest_changes_nothing_and_refreshes_go_on():
    world = settled()
    day = Day(world)
    day.live(MINUTE)
    wrong = Problem(Location("manifests/x.yaml", 1, 1), "unknown key 'x'")
    world.declare(provider_of(), make_account(), problems=[wrong])
    cycles = day.live(HOUR)
    assert any(c.report and c.report.problems for c in cycles)
    done = [r for c in cycles if c.report for r in c.report.results if r.action == "refresh"]
    assert {result.outcome.value for result in done} == {"done"}


def test_manifests_that_are_gone_change_nothing_and_refreshes_go_on():
    """A checkout that fails for hours must not cost a token."""
    day = Day(settled())
    day.live(MINUTE)
    before = day.world.store.count("write", under=LAYOUT.grants)
    day.hands.gone = True
    for _ in range(12):
        day.live(15 * MINUTE)
        newest = day.world.status().accounts[0].health
        assert newest.access_expires_at is not None
        assert newest.access_expires_at > day.world.clock.now()
    told = [cycle for _, cycle in day.cycles if cycle.error is not None]
    assert 6 <= len(told) <= 24, "it is told, the next try comes soon, and later if it stays"
    assert day.world.store.count("write", under=LAYOUT.grants) > before
    day.hands.gone = False
    day.world.declare(provider_of(), make_account(), machine())
    day.live(EVERY)
    assert day.world.published("team/robot")


def test_manifests_that_were_never_read_are_waited_for():
    day = Day(settled())
    day.hands.gone = True
    assert {cycle.error.exit_code for cycle in day.live(10 * MINUTE) if cycle.error} == {64}
    day.hands.gone = False
    assert kinds(day.live(EVERY))[0] == "reconcile"


@pytest.mark.parametrize("minutes", [0, 7, 29])
def test_how_long_it_may_sleep_is_never_past_what_is_due(minutes):
    day = Day(settled())
    day.live(MINUTE)
    day.world.advance(timedelta(minutes=minutes))
    now = day.world.clock.now()
    wait = day.controller.wait(now)
    assert timedelta(0) <= wait <= EVERY
