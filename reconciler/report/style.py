"""How text looks on this terminal: colours only where asked for, lines no longer than the terminal is wide.

Rules: words before symbols, symbols before colour; without colour nothing is lost; no cursor is ever moved.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from enum import Enum

MIN_WIDTH = 60
MAX_WIDTH = 160


class Ink(Enum):
    """ANSI colours, by what they are for."""

    GOOD = "32"
    CHANGE = "33"
    BAD = "31"
    QUIET = "2"
    UPKEEP = "36"
    ASK = "35"
    STRONG = "1"


@dataclass(frozen=True, slots=True)
class Style:
    """`width` is in columns."""

    color: bool = False
    width: int = 100

    @property
    def columns(self) -> int:
        return max(MIN_WIDTH, min(self.width, MAX_WIDTH))

    def paint(self, text: str, ink: Ink) -> str:
        return f"\x1b[{ink.value}m{text}\x1b[0m" if self.color and text else text

    def wrap(self, text: str, *, indent: int) -> list[str]:
        """`text` in lines that fit after `indent` columns. A word that is longer is not broken: it may be a path."""
        room = max(20, self.columns - indent)
        return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
