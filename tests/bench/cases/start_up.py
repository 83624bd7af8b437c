"""How long it takes to say a version: what every command costs before it does anything."""

import sys

from tests.bench.cases.case import Bench, Case
from tests.bench.commands import reconciler_argv
from tests.bench.finding import Comparison, Finding, Side, at_most
from tests.bench.measure import Command, alternate
from tests.bench.worlds import World


def measure(bench: Bench) -> list[Finding]:
    environment = World(folder=bench.folder, accounts=0, server="").environment
    samples = alternate(
        {
            "ours": Command(argv=[*reconciler_argv(), "--version"], environment=environment),
            "floor": Command(argv=[sys.executable, "-c", "pass"], environment=environment),
        },
        rounds=bench.size.rounds * 2,
        warm=bench.size.warm,
    )
    ours = Side(name="reconciler", words="`reconciler --version`", samples=samples["ours"])
    return [
        Comparison(
            title="Start-up",
            ours=ours,
            floors=(Side(name="floor", words="`python -c pass`", samples=samples["floor"]),),
            goals=(at_most(150, ours.wall.middle * 1000, unit="ms"),),
        )
    ]


CASE = Case(name="start-up", measure=measure)
