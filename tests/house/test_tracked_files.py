"""What is in Git runs anywhere: no path of one machine, no address of a package registry, no secret file."""

import re
from pathlib import Path

import pytest

from tests.house.tree import text_of, tracked

# The character classes keep this file from finding itself.
MACHINE_PATH = re.compile(r"(?<![\w.}$~])/(?:ro[o]t|wor[k]|hom[e]/[a-z][\w-]*|User[s]/\w+)/\w|/bash[_]jobs")
REGISTRY = re.compile(
    r"\b(?:pypi[.]org|files[.]pythonhosted[.]org|test[.]pypi|registry[.]npmjs[.]|registry[.]yarnpkg|proxy[.]golang[.]org"
    r"|sum[.]golang[.]org|index[.]crates[.]io|static[.]crates[.]io|repo1?[.]maven[.]|deb[.]debian[.]org)",
    re.IGNORECASE,
)


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{file}:{number}"
        for file in tracked()
        for number, line in enumerate(text_of(file).splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_tracked_file_names_a_path_of_one_machine():
    assert lines_with(MACHINE_PATH) == []


def test_no_tracked_file_names_a_package_registry():
    assert lines_with(REGISTRY) == []


@pytest.mark.parametrize(
    "name", ["/ro" + "ot/x", " /wor" + "k/main", "'/ho" + "me/ana/x'", "/Us" + "ers/ana/x"]
)
def test_a_machine_path_is_known_where_it_stands(name: str):
    assert MACHINE_PATH.search(name)


@pytest.mark.parametrize("name", ["https://example.com/root/x", "${HOME}/work/x", "~/work/x", "net/home/x/y"])
def test_a_path_that_is_nobodys_machine_is_fine(name: str):
    assert not MACHINE_PATH.search(name)


def test_nothing_that_a_run_leaves_behind_is_tracked():
    left = {
        ".venv",
        "node_modules",
        "__pycache__",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".hypothesis",
    }
    assert [str(file) for file in tracked() if left & set(file.parts)] == []


def test_no_store_or_key_file_is_tracked():
    assert [
        str(f)
        for f in tracked()
        if f.suffix in {".sqlite", ".db", ".key", ".pem", ".p12"} or f.name == ".env"
    ] == []


def test_no_merge_was_left_half_done():
    conflict = re.compile(r"^(?:<{7}|>{7}) ")
    assert lines_with(conflict) == []


def test_every_script_is_executable_and_says_what_runs_it():
    scripts = [Path(".ci/run"), Path("tests/servers/install")]
    assert [str(s) for s in scripts if not text_of(s).startswith("#!/usr/bin/env bash\n")] == []
