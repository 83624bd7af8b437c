"""Where something stands in a file, and a problem found there. Lines and columns count from 1."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """`file` is the path as a person would type it (POSIX separators, relative to where the command ran)."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong with a manifest. `address` is the object's, where it is known, else ''."""

    location: Location
    message: str
    hint: str = ""
    address: str = ""

    def __str__(self) -> str:
        subject = f"{self.address}: " if self.address else ""
        return f"{self.location}: error: {subject}{self.message}"
