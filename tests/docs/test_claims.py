"""A test that a page names as proof is there. What nobody holds, no page may claim."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from reconciler.decide.access import Role
from tests.house.tree import ROOT

PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


@cache
def names_in(file: Path) -> frozenset[str]:
    """Functions and classes of a test file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef))


def named(page: Path) -> list[tuple[str, str]]:
    return _TEST.findall(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "page", [page for page in PAGES if named(page)], ids=lambda p: str(p.relative_to(ROOT))
)
def test_every_test_that_a_page_names_is_there(page: Path):
    missing = [
        f"{file}::{test}" if test else file
        for file, test in named(page)
        if not (ROOT / file).is_file() or (test and test not in names_in(ROOT / file))
    ]
    assert missing == []


def test_the_guide_to_vault_names_every_role():
    text = (ROOT / "docs" / "guide" / "vault.md").read_text(encoding="utf-8")
    assert [role.value for role in Role if f"\n| `{role.value}` | " not in text] == []


def test_every_row_of_the_threat_model_names_its_test():
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| threat \| control \| test \|\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    unproven = [row for table in rows for row in table.splitlines() if not _TEST.search(row.split(" | ")[-1])]
    assert rows
    assert unproven == []
