"""The layout of a manifest file: where its lines stand, never what they say.

Rules:
- steps, each kept only where the file reads as the same documents afterwards and no line was lost or changed but in its
  blanks: comments stay, and travel with the key below them;
- a file that does not read is left alone;
- formatting what is formatted changes nothing.
Indentation and quotes are left as they are: both can mean something.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

Reader = Callable[[str], "list[Any] | None"]
"""The documents of a text; None where it does not read without a problem."""

_ROUNDS = 5
"""One lays out, one sees that nothing is left to do; a text that comes to no rest is left as it is."""
_ORDER = ("apiVersion", "kind", "metadata", "spec")
_KEY = re.compile(r"(apiVersion|kind|metadata|spec):(?=[ ]|$)")
_SCHEMA = re.compile(r"#[ ]*yaml-language-server:")


def laid_out(text: str, *, read: Reader, schema: str = "") -> str | None:
    """The text in its layout; None where it does not read. `schema`: what the first line names where nothing does yet."""
    documents = read(text)
    if documents is None:
        return None
    made = text
    for _ in range(_ROUNDS):
        before, made = made, _once(made, documents, read=read, schema=schema)
        if made == before:
            return made
    return text


def _once(text: str, documents: list[Any], *, read: Reader, schema: str) -> str:
    for step in (_line_ends, _no_trailing_blanks, _in_order, _schema_first, _separated, _one_end):
        changed = step(text)
        if _lines(changed) == _lines(text) and read(changed) == documents:
            text = changed
    if schema and not any(_SCHEMA.match(line) for line in text.split("\n")):
        changed = f"# yaml-language-server: $schema={schema}\n{text}"
        text = changed if read(changed) == documents else text
    return text


def _lines(text: str) -> Counter[str]:
    """What the text says, line by line, without blanks around and without marks between documents."""
    lines = (line.strip() for line in text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n"))
    return Counter(line for line in lines if line not in ("", "---"))


def _line_ends(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def _no_trailing_blanks(text: str) -> str:
    return "\n".join(line.rstrip(" \t") for line in text.split("\n"))


def _in_order(text: str) -> str:
    return "\n---\n".join(_ordered(part) for part in _parts(text))


def _ordered(document: str) -> str:
    """Its top-level blocks in order, each with the comments right above it."""
    lines = document.split("\n")
    keys = [number for number, line in enumerate(lines) if _KEY.match(line)]
    names = [lines[number].partition(":")[0] for number in keys]
    if len(set(names)) != len(names) or sorted(names, key=_ORDER.index) == names:
        return document
    starts = [
        _start(lines, number, floor=0 if at == 0 else keys[at - 1] + 1) for at, number in enumerate(keys)
    ]
    blocks = {
        name: _trimmed(lines[begin:end])
        for name, begin, end in zip(names, starts, [*starts[1:], len(lines)], strict=True)
    }
    head = lines[: starts[0]]
    return "\n".join([*head, *(line for name in _ORDER for line in blocks.get(name, ()))])


def _start(lines: list[str], key: int, *, floor: int) -> int:
    """The first of the comments that stand right above a key. What says where the schema is belongs to the file."""
    at = key
    while at > floor and lines[at - 1].startswith("#") and not _SCHEMA.match(lines[at - 1]):
        at -= 1
    return at


def _trimmed(lines: list[str]) -> list[str]:
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return lines


def _schema_first(text: str) -> str:
    lines = text.split("\n")
    at = next((number for number, line in enumerate(lines) if _SCHEMA.match(line)), 0)
    return "\n".join([lines[at], *lines[:at], *lines[at + 1 :]])


def _separated(text: str) -> str:
    """One mark between documents and no blank lines around it; none before the first where nothing stands there."""
    parts = [part.strip("\n") for part in _parts(text)]
    if len(parts) > 1 and not parts[0].strip():
        parts = parts[1:]
    elif len(parts) > 1 and _SCHEMA.match(parts[0]) and "\n" not in parts[0]:
        parts = [f"{parts[0]}\n{parts[1]}", *parts[2:]]
    return "\n---\n".join(parts)


def _one_end(text: str) -> str:
    return text.strip("\n") + "\n"


def _parts(text: str) -> list[str]:
    return re.split(r"^---\n|\n---\n", text)
