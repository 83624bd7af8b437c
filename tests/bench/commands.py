"""The commands that cases run: reconciler itself, a floor, and the checks that all of the work was done.

A run counts only where the command's own report says so; anything else ends the bench.
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.bench.measure import BenchFailed, Command
from tests.bench.worlds import World, vault_store
from tests.servers.vault_server import VaultServer

THREADS = 8
"""Of every command and every floor."""


def reconciler_argv() -> list[str]:
    script = Path(sys.executable).with_name("reconciler")
    return [str(script)] if script.exists() else [sys.executable, "-m", "reconciler"]


def command(world: World, *arguments: str, check: Callable[[str], None]) -> Command:
    """`reconciler ARGUMENTS` over the world's manifests and store."""
    jobs = [] if arguments[0] == "validate" else ["--jobs", str(THREADS)]
    return Command(
        argv=[*reconciler_argv(), *arguments, "-f", str(world.manifests), "-o", "json", *jobs],
        environment=world.environment,
        folder=world.folder,
        check=check,
    )


def floor(
    name: str, *arguments: str, count: int = 0, environment: Mapping[str, str] | None = None
) -> Command:
    """One of `floors.py` or, by the name's beginning, `same_requests.py`; it must have done at least `count` items."""

    def check(output: str) -> None:
        if int(output) < count:
            raise BenchFailed(f"the floor {name} did {output.strip()} of {count}")

    own = environment or World(folder=Path(), accounts=0, server="").environment
    script = "same_requests.py" if name.startswith("same-") else "floors.py"
    return Command(
        argv=[sys.executable, str(Path(__file__).with_name(script)), name, *arguments],
        environment=own,
        check=check,
    )


def vault_place(server: VaultServer, *, mount: str) -> dict[str, str]:
    """A mount of the world's own, and a token that may use it."""
    server.mount_kv(mount)
    allowed = ["create", "read", "update", "delete", "list"]
    server.write_policy(mount, {f"{mount}/*": allowed})
    return vault_store(server.address, server.create_token(policies=[mount], ttl="6h"), mount=mount)


# -------------------------------------------------------------------------------------------------------- checks


def is_valid(world: World) -> Callable[[str], None]:
    def check(output: str) -> None:
        summary = json.loads(output)["summary"]
        expect(summary["accounts"] == world.accounts and not summary["problems"], summary)

    return check


def is_empty(world: World) -> Callable[[str], None]:
    def check(output: str) -> None:
        plan = json.loads(output)
        whole = plan["summary"]["unchanged"] == world.accounts + len(world.teams)
        idle = not (plan["changes"] or plan["maintenance"] or plan["attention"] or plan["blocked"])
        expect(whole and idle, plan["summary"])

    return check


def all_done(count: int) -> Callable[[str], None]:
    def check(output: str) -> None:
        report = json.loads(output)
        done = sum(result["outcome"] == "done" for result in report["results"])
        expect(done == count and not report["attention"], report["summary"])

    return check


def expect(true: bool, said: object) -> None:
    if not true:
        raise BenchFailed(f"not all of the work was done: {said}")
