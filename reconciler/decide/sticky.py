"""One comment and one issue that are kept up to date: which of what is there is ours, and what is to be done with it.

Rules:
- ours bears our marker in its first line and was written by a bot: what a person wrote, marker and all, is never touched;
- the oldest of ours is the one; what says the same already is not written again;
- an issue is opened when somebody is needed, reopened rather than opened twice, and closed when nobody is;
- an issue that nobody needs and that was never opened is not opened in order to be closed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Posted:
    """A comment or an issue as the forge tells of it. `id` is a comment's id or an issue's number."""

    id: int
    body: str
    by_bot: bool
    open: bool = True
    title: str = ""


class Deed(StrEnum):
    NOTHING = "nothing"
    CREATE = "create"
    UPDATE = "update"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What is to be done, and with which one (None: with a new one)."""

    deed: Deed
    id: int | None = None


def marker(kind: str, key: str = "") -> str:
    """The hidden first line. `key` tells several of a kind apart: the folder of the manifests."""
    plain = "".join(c for c in key if c.isascii() and (c.isalnum() or c in "._/-")).replace("--", "-")[:100]
    return f"<!-- reconciler:{kind} {plain} -->" if plain else f"<!-- reconciler:{kind} -->"


def keep_comment(found: Iterable[Posted], *, body: str) -> Upkeep:
    """`body` begins with its marker."""
    mine = _ours(found, body)
    if mine is None:
        return Upkeep(Deed.CREATE)
    return Upkeep(Deed.NOTHING if _same(mine.body, body) else Deed.UPDATE, mine.id)


def keep_issue(found: Iterable[Posted], *, title: str, body: str, needed: bool) -> Upkeep:
    """`needed`: somebody is to be asked."""
    mine = _ours(found, body)
    if mine is None:
        return Upkeep(Deed.CREATE if needed else Deed.NOTHING)
    if not needed:
        return Upkeep(Deed.CLOSE if mine.open else Deed.NOTHING, mine.id)
    same = mine.open and mine.title == title and _same(mine.body, body)
    return Upkeep(Deed.NOTHING if same else Deed.UPDATE, mine.id)


def _ours(found: Iterable[Posted], body: str) -> Posted | None:
    first = _lines(body)[0]
    mine = [one for one in found if one.by_bot and _lines(one.body)[0] == first]
    return min(mine, key=lambda one: one.id, default=None)


def _same(there: str, body: str) -> bool:
    return _lines(there) == _lines(body)


def _lines(text: str) -> list[str]:
    """A forge may store other line ends than it was sent."""
    return text.replace("\r\n", "\n").strip().split("\n")
