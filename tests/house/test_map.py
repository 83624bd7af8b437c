"""The map names every module where it is at home, so that a newcomer finds the place that a change belongs to."""

import re
from collections import Counter

from tests.house.tree import ROOT, modules

MAP = ROOT / "docs" / "map.md"
_LINE = re.compile(r"^- \*\*([a-z ]+)\*\*: (.+)$", re.MULTILINE)
PACKAGE = "the package"
"""How the map calls the folder `reconciler/` itself."""


def on_the_map() -> Counter[str]:
    """`decide/plan` -> how often it stands there."""
    return Counter(
        name if floor == PACKAGE else f"{floor}/{name}"
        for floor, names in _LINE.findall(MAP.read_text(encoding="utf-8"))
        for name in re.findall(r"`([a-z0-9_/]+)`", names)
    )


def in_the_house() -> set[str]:
    """Every module but the doors of folders (`__init__`, `__main__`)."""
    return {
        "/".join(module.file.with_suffix("").parts[1:])
        for module in modules()
        if not module.file.stem.startswith("__")
    }


def test_every_module_has_its_place_on_the_map():
    assert sorted(in_the_house() - set(on_the_map())) == [], "put it into a line of docs/map.md"


def test_nothing_on_the_map_is_gone():
    assert sorted(set(on_the_map()) - in_the_house()) == []


def test_a_module_has_one_home():
    assert [name for name, times in on_the_map().items() if times > 1] == []
