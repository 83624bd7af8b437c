"""What import-linter's contracts cannot say: who may read the environment and the clock, and which adapter speaks what.

The floors themselves are contracts in pyproject.toml; one test here runs them, so that a plain test run sees a breach.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOT, Module, modules

PURE = {"errors", "model", "catalog", "decide", "report"}
CLOCKLESS = PURE | {"engine", "ports", "ports_people"}
ENVIRONMENT = {"os.environ", "os.environb", "os.getenv", "os.putenv", "environ", "getenv"}
CLOCKS = {"now", "utcnow", "today", "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "sleep"}
FILES = {"open", "Path.open", "Path.read_text", "Path.write_text", "Path.read_bytes", "Path.write_bytes"}
# Technology → the adapter families that may import it. A family is an adapter's name up to its first underscore.
TECHNOLOGY = {
    "hvac": {"vault"},
    "requests": {"vault"},
    "urllib3": {"vault"},
    "httpx": {"http", "github"},
    "httpcore": {"http"},
    "sqlite3": {"sqlite"},
    "yaml": {"manifest"},
    "prometheus_client": {"metric"},
    "smtplib": {"smtp"},
}
# Modules that several families may share; `system` is this machine's clock and randomness.
SHARED = {"http", "system"}


def family(module: Module) -> str:
    """`vault` for `reconciler.adapters.vault_login`, `manifest` for `manifests` and for `manifest_files`."""
    parts = module.name.split(".")
    return family_of(parts[2]) if len(parts) > 2 else ""


def family_of(adapter: str) -> str:
    return adapter.split("_", maxsplit=1)[0].removesuffix("s")


def on(*floors: str) -> Iterator[Module]:
    return (module for module in modules() if module.floor in floors)


def test_the_contracts_hold():
    said = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-logo", "--no-cache"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=110,
    )
    assert said.returncode == 0, said.stdout[-3000:]


def test_the_environment_is_read_by_the_command_line_alone():
    readers = [
        f"{module.file}:{line}"
        for module in modules()
        if module.floor not in {"cli", "sandbox"}
        for name, line in module.calls_and_names()
        if name in ENVIRONMENT
    ]
    assert readers == []


def test_no_clock_is_read_where_now_is_an_argument():
    readers = [
        f"{module.file}:{node.lineno}: {ast.unparse(node.func)}"
        for module in on(*CLOCKLESS)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CLOCKS
        and ast.unparse(node.func.value) in {"datetime", "datetime.datetime", "date", "time"}
    ]
    assert readers == []


def test_pure_floors_open_no_file():
    openers = [
        f"{module.file}:{node.lineno}"
        for module in on(*(PURE - {"catalog"}))
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in FILES
    ]
    assert openers == []


def test_adapters_do_not_import_each_other():
    for module in on("adapters"):
        mine = family(module)
        strangers = [
            f"{module.file}:{line}: {name}"
            for name, line in module.imports()
            if name.startswith("reconciler.adapters.")
            and family_of(name.split(".")[2]) not in {mine, *SHARED}
        ]
        assert strangers == []


@pytest.mark.parametrize("technology", TECHNOLOGY)
def test_a_technology_is_spoken_by_its_own_adapter_alone(technology):
    speakers = {
        module.name if module.floor != "adapters" else family(module)
        for module in modules()
        for name, _ in module.imports()
        if name.split(".")[0] == technology
        and module.floor not in {"cli", "sandbox"}
        and module.name != "reconciler.client"
    }
    assert speakers - TECHNOLOGY[technology] == set()
