"""Problems of one document, each put where it stands in the file. A small value that the resolving functions write to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from reconciler.model.document import PathPart, SourceDocument
from reconciler.model.location import Problem
from reconciler.model.names import Address


@dataclass(slots=True)
class Complaints:
    source: SourceDocument
    address: Address
    found: list[Problem] = field(default_factory=list)

    def at(self, path: Sequence[PathPart], message: str, *, hint: str = "", key: bool = False) -> None:
        """Said of the value (or key) at `path`, or of the nearest part of it that is there."""
        self.found.append(Problem(self.source.where(path, key=key), message, hint, str(self.address)))

    def at_first(self, paths: Sequence[Sequence[PathPart]], message: str, *, hint: str = "") -> None:
        """Said of the first of `paths` that is there, else of the document."""
        for path in paths:
            if self.source.has(path):
                self.at(path, message, hint=hint)
                return
        self.at((), message, hint=hint)

    def __bool__(self) -> bool:
        return bool(self.found)
