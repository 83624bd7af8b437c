"""One document as it was read: plain data, and where each part of it stands. Made by the loader, judged by `decide`.

Rules:
- data is dicts with text keys, lists, texts (`spec.Quoted` where quotes stood) and FLAW, nothing else;
- FLAW stands where something was refused already, so that nobody complains of it twice;
- positions are one flat array, two numbers a node, in document order: cheap to keep for all, walked when one is asked for.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from reconciler.model.location import Location, Problem

PathPart = str | int


class _Flaw(Enum):
    FLAW = "refused"


FLAW: Final = _Flaw.FLAW


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """`data` None: not even the outermost shape could be read."""

    file: str
    """As a person would type it."""
    line: int
    """Of the document's first content, from 1."""
    column: int
    data: Any = None
    positions: array[int] = field(default_factory=lambda: array("I"), repr=False, compare=False)
    """Line and column from 0 of each node in document order; a mapping's keys are nodes of their own."""
    first_line: int = 0
    """Added to the lines in `positions`."""
    namespace: str | None = None
    """Of the folder that the file stands in; None at the root."""
    complete: bool = True
    """False: reading stopped half-way, so what is missing may stand in the rest."""
    flawed: bool = False
    """True where something in it was refused: it is not used, whatever else it says."""

    @property
    def location(self) -> Location:
        return Location(self.file, self.line, self.column)

    def where(self, path: Sequence[PathPart], *, key: bool = False) -> Location:
        """Location of the value at `path`, or of its key; where there is none, of the nearest part that is there."""
        data, index, shown = self.data, 0, 0
        for part in path:
            step = _step(data, part, index)
            if step is None:
                break
            key_index, index, data = step
            shown = key_index if key else index
        if 2 * shown + 1 >= len(self.positions):
            return self.location
        line, column = self.positions[2 * shown], self.positions[2 * shown + 1]
        return Location(self.file, self.first_line + line + 1, column + 1)

    def has(self, path: Sequence[PathPart]) -> bool:
        """True where there is a value at `path`."""
        data, index = self.data, 0
        for part in path:
            step = _step(data, part, index)
            if step is None:
                return False
            _, index, data = step
        return True


def _step(data: Any, part: PathPart, index: int) -> tuple[int, int, Any] | None:
    """(index of the key, index of the value, the value) of `part` within `data`, whose own index is `index`."""
    if isinstance(data, dict) and part in data:
        at = index + 1
        for name, value in data.items():
            if name == part:
                return at, at + 1, value
            at += 1 + _size(value)
    if isinstance(data, list) and isinstance(part, int) and 0 <= part < len(data):
        at = index + 1 + sum(_size(item) for item in data[:part])
        return at, at, data[part]
    return None


def _size(data: Any) -> int:
    if isinstance(data, dict):
        return 1 + sum(1 + _size(value) for value in data.values())
    if isinstance(data, list):
        return 1 + sum(_size(item) for item in data)
    return 1


@dataclass(frozen=True, slots=True)
class Loaded:
    """Everything that was read from one root."""

    documents: tuple[SourceDocument, ...] = ()
    """In order of file name, then of place in the file."""
    problems: tuple[Problem, ...] = ()
    unreadable: bool = False
    """True where a whole file or document could not be read, so that absence of an object proves nothing."""
    file_count: int = 0
