"""`validate` and `plan` over the same manifests, with an embedded store."""

from dataclasses import replace

from tests.bench.cases.case import Bench, Case
from tests.bench.commands import command, floor, is_empty, is_valid
from tests.bench.finding import Comparison, Finding, Side, at_most, memory_goal
from tests.bench.measure import alternate
from tests.bench.worlds import World, sqlite_store


def measure(bench: Bench) -> list[Finding]:
    count = bench.size.accounts
    world = World(
        folder=bench.folder, accounts=count, server="https://sso.example", store=sqlite_store(bench.folder)
    )
    world.write_manifests()
    world.seed(init=["--trust", "tofu"])
    validate = alternate(
        {
            "ours": command(world, "validate", check=is_valid(world)),
            "floor": floor("read-yaml", str(world.manifests), count=count + len(world.teams)),
        },
        rounds=bench.size.rounds,
        warm=bench.size.warm,
    )
    plan = alternate(
        {
            "ours": command(world, "plan", check=is_empty(world)),
            "floor": floor("read-sqlite", str(bench.folder / "store" / "store.db")),
        },
        rounds=bench.size.rounds,
        warm=bench.size.warm,
    )
    return [
        _with_goals(
            Comparison(
                title=f"validate, {count:,} accounts",
                ours=Side(name="reconciler", words="`reconciler validate`", samples=validate["ours"]),
                floors=(
                    Side(
                        name="floor",
                        words="libyaml by PyYAML's CSafeLoader over the same files, nothing checked",
                        samples=validate["floor"],
                    ),
                ),
                count=count,
            )
        ),
        _with_goals(
            Comparison(
                title=f"plan on SQLite, {count:,} accounts",
                ours=Side(
                    name="reconciler",
                    words="`reconciler plan`, embedded store, an empty plan",
                    samples=plan["ours"],
                ),
                floors=(
                    Side(
                        name="floor",
                        words="bare sqlite3, the rows of the same keys one by one; no manifest is read",
                        samples=plan["floor"],
                    ),
                ),
                count=count,
            )
        ),
    ]


def _with_goals(finding: Comparison) -> Comparison:
    seconds = at_most(4, finding.ours.wall.middle, unit="s", digits=2)
    return replace(finding, goals=(seconds, memory_goal(finding)))


CASE = Case(name="sqlite", measure=measure)
