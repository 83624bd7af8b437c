"""The findings as a page of documentation. Pure: it says what was measured, goals that were missed included."""

from collections.abc import Sequence

from tests.bench.finding import Comparison, Finding, Readings, Side
from tests.bench.measure import Spread

_HEAD = """# Performance

This page is written by `make bench` and not by hand. Every figure was measured in one run, on one machine, each command beside
its floor: the least that the same work costs with the usual libraries and none of this tool's promises.

"""
_HOW = """
## How it is measured

- A command is a fresh process every time, so start-up, imports and reading manifests count; its modules are compiled, as pip
  leaves them. Time is wall time; CPU and peak
  memory are the system's own account of that one process (`wait4`), its own only: no server's.
- A command and its floor run in turn, one uncounted run of each first. A figure is the median, with minimum and maximum
  beside it; a ratio is the median of the pairs' ratios. Above 1 the command is faster than its floor.
- Client, Vault and the sandbox share this machine's processors, so a rate is that of all of them together.
- The manifests have ten accounts a file, teams of 500 with a provider and a client secret each. Vault is a real server with
  raft storage on local disk, not `-dev`, and the login is a token with a policy of its own. The authorization server is
  `reconciler sandbox`, a process of its own. Both sides read, refresh and write the same number of accounts of the same client.
- A run counts only where the command's own report says that all was done, and the sandbox saw exactly that many exchanges.
- The floors are in `tests/bench/floors.py`: what one would write, with the kinder choice where there is one (a session a thread,
  kept connections).
- "Same requests" (`tests/bench/same_requests.py`) sends what the command sends, byte for byte about as much, and does nothing
  else. Its time is the servers' work: where it needs longer than the floor, no client that asks for the same can reach the
  floor's rate, and how near a command comes to it says what the command itself costs.

## How to repeat

```sh
make servers bench
```

`python -m tests.bench --help` tells how to take fewer accounts or fewer cases. Figures of a machine that does other things at the
same time are worth little; the spread shows it.
"""


def render_page(
    findings: Sequence[Finding], *, machine: Sequence[tuple[str, str]], day: str, full: bool
) -> str:
    """Markdown. `full` False: a trial with small numbers, which the page says of itself."""
    met = sum(goal.met for finding in findings for goal in finding.goals)
    count = sum(len(finding.goals) for finding in findings)
    lines = [_HEAD.rstrip("\n"), ""]
    if not full:
        lines += ["**A trial with small numbers: it proves that the bench runs, and nothing else.**", ""]
    lines += [f"Measured on {day}: {met} of {count} goals met.", "", "## Goals", ""]
    lines += ["| what | goal | measured | |", "| --- | --- | --- | --- |"]
    for finding in findings:
        for goal in finding.goals:
            verdict = "met" if goal.met else "**missed**"
            if goal.ceiling and not goal.met:
                verdict += f": the same requests and nothing else come to {goal.ceiling}"
            lines.append(f"| {finding.title} | {goal.words} | {goal.figure} | {verdict} |")
    lines += ["", "## Figures", ""]
    for finding in findings:
        lines += _section(finding)
    lines += ["## The machine", "", "| | |", "| --- | --- |"]
    lines += [f"| {what} | {which} |" for what, which in machine]
    return "\n".join(lines) + "\n" + _HOW


def _section(finding: Finding) -> list[str]:
    match finding:
        case Comparison():
            return _comparison(finding)
        case Readings():
            return _readings(finding)


def _comparison(finding: Comparison) -> list[str]:
    unit = " | rate, /s | CPU each, ms" if finding.count else ""
    rule = " | --- | ---" if finding.count else ""
    runs = len(finding.ours.samples)
    return [
        f"### {finding.title}",
        "",
        f"| | wall, s | CPU, s | peak, MiB{unit} |",
        f"| --- | --- | --- | ---{rule} |",
        *(_row(finding, side) for side in (finding.ours, *finding.floors)),
        "",
        f"- command: {finding.ours.words}",
        *(f"- {side.name}: {side.words}" for side in finding.floors),
        *(
            f"- times as fast as the {side.name}: {_spread(finding.ours.faster_than(side), 2)}; {runs} runs of each"
            for side in finding.floors
        ),
        *(
            f"- {side.name}: {_spread(side.faster_than(finding.floors[0]), 2)} times as fast as the floor"
            for side in finding.floors[1:]
        ),
        *(f"- {note}" for note in finding.notes),
        "",
    ]


def _row(finding: Comparison, side: Side) -> str:
    cells = [side.name, _spread(side.wall, 3), _spread(side.cpu, 3), _spread(side.peak_mib, 0)]
    if finding.count:
        rate = Spread.of([finding.count / sample.wall for sample in side.samples])
        cells += [_spread(rate, 0), f"{finding.cpu_each(side):.2f}"]
    return f"| {' | '.join(cells)} |"


def _readings(finding: Readings) -> list[str]:
    return [
        f"### {finding.title}",
        "",
        "| what | median (least to most) | runs |",
        "| --- | --- | --- |",
        *(
            f"| {reading.what} | {_spread(reading.spread, reading.digits)} {reading.unit} | {reading.runs:,} |"
            for reading in finding.readings
        ),
        "",
        *(f"- {note}" for note in finding.notes),
        *([""] if finding.notes else []),
    ]


def _spread(figure: Spread, digits: int) -> str:
    low, middle, high = (f"{value:,.{digits}f}" for value in (figure.low, figure.middle, figure.high))
    return f"{middle} ({low} to {high})"
