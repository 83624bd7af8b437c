"""What came of a case: a `Comparison` of a command with its floor, or `Readings` of what has no floor, each with its goals.

Pure values. The page renders whatever has these shapes, so that a new case needs nothing but a file of its own in
`tests/bench/cases/`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.bench.measure import Sample, Spread

MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of everything: accounts that are planned, accounts that are refreshed; counted and uncounted runs of each
    command."""

    accounts: int = 10_000
    refreshed: int = 1_000
    rounds: int = 4
    warm: int = 1


@dataclass(frozen=True, kw_only=True)
class Goal:
    """`words` is the goal, `figure` what was measured. `ceiling`: what the same requests come to without any client's work,
    where that is measured beside it and does not reach the goal either."""

    words: str
    figure: str
    met: bool
    ceiling: str = ""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the things that are compared. `words` say what ran."""

    name: str
    words: str
    samples: Sequence[Sample] = field(repr=False)

    @property
    def wall(self) -> Spread:
        return Spread.of([sample.wall for sample in self.samples])

    @property
    def cpu(self) -> Spread:
        return Spread.of([sample.cpu for sample in self.samples])

    @property
    def peak_mib(self) -> Spread:
        return Spread.of([sample.peak / MIB for sample in self.samples])

    def faster_than(self, other: "Side") -> Spread:
        """How many times, pair by pair: above 1 is faster."""
        pairs = zip(self.samples, other.samples, strict=True)
        return Spread.of([theirs.wall / mine.wall for mine, theirs in pairs])


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A command beside its floors, the first of which is the one that its goal speaks of. `count` items were worked on in
    each run; 0 where there are none to count."""

    title: str
    ours: Side
    floors: tuple[Side, ...]
    count: int = 0
    goals: tuple[Goal, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def speed_up(self) -> Spread:
        return self.ours.faster_than(self.floors[0])

    def cpu_each(self, side: Side) -> float:
        """Milliseconds of client CPU for one item, median."""
        return side.cpu.middle * 1000 / max(self.count, 1)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One figure without a floor, and how often it was taken."""

    what: str
    unit: str
    spread: Spread
    runs: int
    digits: int = 1


@dataclass(frozen=True, kw_only=True)
class Readings:
    """Figures that stand for themselves: a latency, a cost of one call. `notes` say how they were taken."""

    title: str
    readings: tuple[Reading, ...]
    goals: tuple[Goal, ...] = ()
    notes: tuple[str, ...] = ()


Finding = Comparison | Readings


def at_most(limit: float, measured: float, *, unit: str, digits: int = 0, of: str = "") -> Goal:
    """`measured` may not be above `limit`, both in `unit`."""
    said = f"{of} " if of else ""
    return Goal(
        words=f"{said}≤ {limit:g} {unit}", figure=f"{measured:.{digits}f} {unit}", met=measured <= limit
    )


def at_least_rate(wanted: float, finding: Comparison) -> Goal:
    """The command does at least `wanted` times what its floor does in the same time."""
    ratio = finding.speed_up.middle
    bare = [side.faster_than(finding.floors[0]).middle for side in finding.floors[1:]]
    out_of_reach = bool(bare) and max(bare) < wanted
    return Goal(
        words=f"≥ {wanted} × the floor's rate",
        figure=f"{ratio:.2f} ×",
        met=ratio >= wanted,
        ceiling=f"{max(bare):.2f} ×" if out_of_reach else "",
    )


def memory_goal(finding: Comparison) -> Goal:
    return at_most(250, finding.ours.peak_mib.high, unit="MiB", of="peak")
