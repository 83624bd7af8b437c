"""Runs a command as a whole process and says what it cost: wall, CPU and peak memory, by the system's own account of it.

Rules:
- a command is a fresh process every time; start-up and imports count, since a user pays for them too;
- what is compared runs in turn, A B A B, so that a machine whose speed drifts is unfair to nobody;
- a figure is quoted with its minimum, median and maximum; a ratio is taken pair by pair, then its median;
- a command that fails ends the bench: nothing is measured that did not happen.
"""

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

KIB = 1024
_LAUNCHER = Path(__file__).with_name("launch.py")


class BenchFailed(AssertionError):
    """A measured command did not do what it was measured for; the message carries the end of its output."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One run. Seconds; `peak` is the largest resident size in bytes."""

    wall: float
    user: float
    system: float
    peak: int

    @property
    def cpu(self) -> float:
        return self.user + self.system


@dataclass(frozen=True)
class Spread:
    """Minimum, median and maximum of one figure."""

    low: float
    middle: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> "Spread":
        return Spread(min(values), statistics.median(values), max(values))


@dataclass(frozen=True, kw_only=True)
class Command:
    """What is run. `check` is given its stdout and raises BenchFailed where the work was not done."""

    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    check: Callable[[str], None] = lambda _: None


def run(command: Command) -> Sample:
    """One run of `command`, alone."""
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-run-") as folder:
        cost, out, err = (Path(folder) / name for name in ("cost", "out", "err"))
        subprocess.run(
            [sys.executable, "-I", "-S", _LAUNCHER, cost, out, err, command.folder or folder, *command.argv],
            stdin=subprocess.DEVNULL,
            env=dict(command.environment),
            check=True,
        )
        wall, user, system, peak, code = map(float, cost.read_text().split())
        output, complaint = out.read_text(), err.read_text(errors="replace")
    if code:
        tail = (complaint + output)[-2000:]
        raise BenchFailed(f"{' '.join(command.argv[:4])} …: exit {code:.0f}\n{tail}")
    command.check(output)
    return Sample(wall=wall, user=user, system=system, peak=int(peak) * KIB)


def alternate(commands: Mapping[str, Command], *, rounds: int, warm: int = 1) -> dict[str, list[Sample]]:
    """`rounds` counted runs of each command, in turn, after `warm` uncounted ones."""
    kept: dict[str, list[Sample]] = {name: [] for name in commands}
    for number in range(warm + rounds):
        for name, command in commands.items():
            sample = run(command)
            if number >= warm:
                kept[name].append(sample)
    return kept
