"""`python -m tests.bench`: measures, and writes docs/performance.md. What `make bench` runs.

With `--quick` the worlds are tiny and the page goes to stdout: a trial of the bench itself. `--cases` leaves others out.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.cases import CASES
from tests.bench.cases.case import Bench, Case
from tests.bench.finding import Finding, Size
from tests.bench.machine import describe_machine
from tests.bench.measure import BenchFailed
from tests.bench.page import render_page
from tests.bench.worlds import COMPILED
from tests.servers.found import vault_binary
from tests.servers.vault_server import VaultServer, version_of

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
QUICK = Size(accounts=30, refreshed=20, rounds=1, warm=0)


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    size = (
        QUICK
        if given.quick
        else Size(accounts=given.accounts, refreshed=given.refreshed, rounds=given.rounds)
    )
    names = given.cases.split(",") if given.cases else list(CASES)
    unknown = set(names) - set(CASES)
    if unknown:
        print(f"there is no case '{', '.join(sorted(unknown))}'", file=sys.stderr)
        return 64
    cases = [CASES[name] for name in names]
    binary = vault_binary()
    if binary is None and any(case.vault for case in cases):
        print(
            "Vault is not here: `make servers` installs it; or leave its cases out with --cases",
            file=sys.stderr,
        )
        return 1
    machine = describe_machine(f"{version_of(binary)}, raft storage" if binary else "not here")
    findings: list[Finding] = []
    try:
        for case in cases:
            print(f"bench: {case.name}", file=sys.stderr, flush=True)
            findings += _measured(case, size)
    except BenchFailed as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(COMPILED, ignore_errors=True)
    full = size == Size() and set(names) == set(CASES)
    page = render_page(findings, machine=machine, day=f"{datetime.now(UTC):%Y-%m-%d}", full=full)
    out = given.out or (PAGE if full else None)
    if out is None:
        print(page)
    else:
        out.write_text(page)
        print(f"bench: {out.name} written", file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny worlds, one run of each: a trial")
    parser.add_argument("--accounts", type=int, default=Size.accounts, help="for validate and plan")
    parser.add_argument("--refreshed", type=int, default=Size.refreshed, help="for refresh")
    parser.add_argument("--rounds", type=int, default=Size.rounds, help="counted runs of each command")
    parser.add_argument("--cases", help=f"of {','.join(CASES)}; all by default")
    parser.add_argument("--out", type=Path, help="where the page goes; of a trial: stdout")
    return parser


def _measured(case: Case, size: Size) -> list[Finding]:
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as name:
        world = Path(name) / "world"
        world.mkdir()
        if not case.vault:
            return case.measure(Bench(size=size, folder=world))
        with _vault(Path(name) / "vault") as server:
            return case.measure(Bench(size=size, folder=world, server=server))


@contextmanager
def _vault(folder: Path) -> Iterator[VaultServer]:
    binary = vault_binary()
    assert binary is not None, "asked for before"
    server = VaultServer.start(folder, binary=binary, storage="raft")
    try:
        yield server
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
