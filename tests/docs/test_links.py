"""Links between our pages lead somewhere: the file is there, and the heading too."""

import re
from pathlib import Path

import pytest

from tests.docs.pages.markdown import anchor
from tests.house.tree import ROOT

FILES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
]
_LINK = re.compile(r"(?<!\!)\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def name_of(file: Path) -> str:
    return str(file.relative_to(ROOT))


def links(file: Path) -> list[str]:
    text = re.sub(r"`[^`\n]*`", "`code`", _FENCED.sub("", file.read_text(encoding="utf-8")))
    return [link for link in _LINK.findall(text) if not re.match(r"[a-z]+:", link)]


def anchors(file: Path) -> set[str]:
    """Every heading's anchor; a second heading of the same words gets `-1`, as GitHub does it."""
    found: dict[str, int] = {}
    made = set()
    for line in _FENCED.sub("", file.read_text(encoding="utf-8")).splitlines():
        if heading := re.match(r"#{1,6} +(.*)", line):
            name = anchor(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]))
            count = found.get(name, 0)
            found[name] = count + 1
            made.add(name if count == 0 else f"{name}-{count}")
    return made


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(file: Path):
    dead = []
    for link in links(file):
        path, _, fragment = link.partition("#")
        target = (file.parent / path).resolve() if path else file
        if not target.exists() or (fragment and target.suffix == ".md" and fragment not in anchors(target)):
            dead.append(link)
    assert dead == []


def test_no_page_is_left_without_a_way_to_it():
    """Every page of docs/ can be reached from the README."""
    reached, left = {ROOT / "README.md"}, [ROOT / "README.md"]
    while left:
        file = left.pop()
        for link in links(file):
            target = (file.parent / link.partition("#")[0]).resolve()
            target = target / "README.md" if target.is_dir() else target
            if target.suffix == ".md" and target.exists() and target not in reached:
                reached.add(target)
                left.append(target)
    pages = set((ROOT / "docs").rglob("*.md"))
    assert sorted(str(page.relative_to(ROOT)) for page in pages - reached) == []
