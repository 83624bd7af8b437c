"""Telling and remembering: at least once, normally once, and one destination's trouble is its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from reconciler.decide.notices import Matter, Notice, NoticeKind
from reconciler.decide.notify_results import NotifyReport, Told
from reconciler.engine.notify import MOST_A_RUN, notify, read_marks
from reconciler.errors import RecordInvalid
from reconciler.model.names import account_address
from reconciler.model.secret import Document
from reconciler.model.store_path import Layout, own_path
from tests.simulators.clocks import ManualClock
from tests.simulators.memory_store import MemoryStore

LAYOUT = Layout(own_path("reconciler"))


class Killed(BaseException):
    """The process dies here."""


@dataclass
class Ear:
    """A destination. `takes`: how many it takes before it says no."""

    name: str = "webhook"
    takes: int = 10_000
    heard: list[Notice] = field(default_factory=list)
    dies: bool = False
    where: str = "https://ear.example"

    def tell(self, notices: Sequence[Notice]) -> Told:
        taken = list(notices)[: self.takes]
        self.heard += taken
        if self.dies:
            raise Killed
        return Told(frozenset(n.id for n in taken), "" if len(taken) == len(notices) else "HTTP 500")


class World:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(clock=self.clock.now)

    def tells(
        self, *ears: Ear, wrong: Sequence[str] = (), good: Sequence[str] = (), **more: Any
    ) -> NotifyReport:
        matters = (*(trouble(name) for name in wrong), *(fine(name) for name in good))
        more.setdefault("known", frozenset(m.topic for m in matters))
        return notify(self.store, LAYOUT, matters=matters, notifiers=ears, now=self.clock.now(), **more)

    def marked(self) -> set[str]:
        return {topic for _, marks in read_marks(self.store, LAYOUT).values() for topic in marks.told}


def trouble(name: str) -> Matter:
    address = account_address("team", name)
    return Matter(str(address), address, "needs-consent:GrantRevoked", NoticeKind.NEEDS_CONSENT)


def fine(name: str) -> Matter:
    address = account_address("team", name)
    return Matter(str(address), address, "good")


def test_a_transition_is_told_once_and_its_end_once():
    world, ear = World(), Ear()
    for _ in range(3):
        world.tells(ear, wrong=["drive"], good=["mail"])
    for _ in range(3):
        world.tells(ear, good=["drive", "mail"])
    assert [(n.address.name, n.kind) for n in ear.heard] == [
        ("drive", NoticeKind.NEEDS_CONSENT),
        ("drive", NoticeKind.RECOVERED),
    ]


def test_with_nothing_to_tell_nothing_is_written():
    world, ear = World(), Ear()
    world.tells(ear, good=["drive"])
    assert world.store.writes() == []


def test_a_dry_run_tells_nobody_and_marks_nothing():
    world, ear = World(), Ear()
    report = world.tells(ear, wrong=["drive"], dry=True)
    assert (len(report.deliveries[0].notices), ear.heard, report.exit_code()) == (1, [], 0)
    assert world.store.writes() == []


def test_what_was_not_taken_is_told_by_the_next_run_with_the_same_id():
    world, ear = World(), Ear(takes=1)
    report = world.tells(ear, wrong=["a", "b", "c"])
    assert (report.deliveries[0].failed, report.exit_code()) == (2, 4)
    ear.takes = 10
    world.tells(ear, wrong=["a", "b", "c"])
    assert [n.address.name for n in ear.heard] == ["a", "b", "c"]


def test_a_crash_between_telling_and_marking_tells_it_again_with_the_same_id():
    world, ear = World(), Ear(dies=True)
    with pytest.raises(Killed):
        world.tells(ear, wrong=["drive"])
    ear.dies = False
    world.tells(ear, wrong=["drive"])
    assert len(ear.heard) == 2
    assert len({n.id for n in ear.heard}) == 1


def test_one_destinations_failure_costs_no_other():
    world, deaf, good = World(), Ear("webhook", takes=0), Ear("mail")
    report = world.tells(deaf, good, wrong=["drive"])
    assert (len(good.heard), report.exit_code()) == (1, 4)
    world.tells(deaf, good, wrong=["drive"])
    assert len(good.heard) == 1


def test_a_destination_that_is_new_is_told_what_is_the_matter_now():
    world, old, new = World(), Ear("webhook"), Ear("mail")
    world.tells(old, wrong=["drive"])
    world.tells(old, new, wrong=["drive"])
    assert (len(old.heard), len(new.heard)) == (1, 1)


def test_a_run_tells_so_many_and_leaves_the_rest_to_the_next():
    world, ear = World(), Ear()
    names = [f"a{number}" for number in range(MOST_A_RUN + 20)]
    assert world.tells(ear, wrong=names).deliveries[0].left == 20
    assert len(ear.heard) == MOST_A_RUN
    assert world.tells(ear, wrong=names).deliveries[0].left == 0
    assert len({n.id for n in ear.heard}) == len(names) == len(ear.heard)


def test_marks_of_what_is_gone_are_dropped_unless_it_is_not_known_what_is():
    world, ear = World(), Ear()
    world.tells(ear, wrong=["drive", "mail"])
    world.tells(ear, wrong=["drive"], known=None)
    assert world.marked() == {"account/team/drive", "account/team/mail"}
    world.tells(ear, wrong=["drive"])
    assert world.marked() == {"account/team/drive"}


def test_two_runs_at_once_lose_none_of_each_others_marks():
    world = World()

    class Meanwhile(Ear):
        def tell(self, notices: Sequence[Notice]) -> Told:
            if not self.heard:
                self.heard += list(notices)
                world.tells(Ear("mail"), wrong=["drive"])
            return Told(frozenset(n.id for n in notices))

    world.tells(Meanwhile(), wrong=["drive"])
    (marks,) = [marks for _, marks in read_marks(world.store, LAYOUT).values()]
    assert set(marks.told["account/team/drive"]) == {"webhook", "mail"}


def test_marks_that_cannot_be_read_tell_nothing_rather_than_everything():
    world, ear = World(), Ear()
    world.store.write(LAYOUT.notified.child("0"), Document({"told": [1]}), cas=0)
    with pytest.raises(RecordInvalid):
        world.tells(ear, wrong=["drive"])
    assert ear.heard == []
