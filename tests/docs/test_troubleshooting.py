"""The messages that the guide explains are messages that the tool says: each fixed part of them stands in its source."""

import ast
import re
from functools import cache

from tests.house.tree import ROOT, modules

PAGE = ROOT / "docs" / "guide" / "troubleshooting.md"
_ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)
_SHORTEST = 6


@cache
def words_of_the_tool() -> str:
    """Every text in the source, one a line; what a template puts in is a `…`. Parts written apart are put together."""
    said = []
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                said.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = [str(p.value) if isinstance(p, ast.Constant) else "…" for p in node.values]
                said.append("".join(parts))
    return "\n".join(said)


def fixed_parts(message: str) -> list[str]:
    return [part.strip(" '():;") for part in message.split("…") if len(part.strip(" '():;")) >= _SHORTEST]


def test_every_message_that_is_explained_is_said_by_the_tool():
    messages = [m for m in _ROW.findall(PAGE.read_text(encoding="utf-8")) if " " in m]
    unknown = [m for m in messages if not all(part in words_of_the_tool() for part in fixed_parts(m))]
    assert len(messages) > 25
    assert unknown == []
