"""Puts a Markdown comment together within its budget: what must be seen is kept, the rest is cut where it says so.

Rules: parts are added in order of importance; a part marked `always` is never dropped; a table keeps its head; what
was cut is counted in a line that stands where the cut is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from reconciler.decide.sticky import marker
from reconciler.report.escape import code

BUDGET_BYTES = 60 * 1024
_RESERVE = 1024
"""Kept free for the lines that tell of cuts, and for the footer."""


@dataclass(frozen=True, slots=True)
class Row:
    """`why` is Markdown already; the others are plain."""

    what: str
    address: str
    why: str
    place: str


@dataclass
class Page:
    """`title` is our own words. `kind` and `key` make the marker by which a bot finds its earlier comment."""

    kind: str
    title: str
    key: str = ""
    _lines: list[str] = field(default_factory=list)
    _spent: int = 0
    _has_table: bool = False
    _footer: str = ""
    _unsaid: int = 0

    def __post_init__(self) -> None:
        self._add(marker(self.kind, self.key))
        self._add(f"**{self.title}**")
        self._add("")

    def always(self, line: str) -> None:
        """Never folded, and first in line for the room that there is; what is beyond even that is counted in bold."""
        if self._fits(line):
            self._add(line)
            self._add("")
        else:
            self._unsaid += 1

    def line(self, text: str) -> None:
        """Kept while there is room."""
        if self._fits(text):
            self._add("")
            self._add(text)

    def table(self, rows: Sequence[Row], *, again: bool = False) -> None:
        """What, object, why, where. `again`: further rows of the table before, where there is one."""
        if not rows:
            return
        if not (again and self._has_table):
            self._add("| what | object | why | where |")
            self._add("|---|---|---|---|")
            self._has_table = True
        for index, row in enumerate(rows):
            text = f"| {row.what} | {code(row.address)} | {row.why} | {code(row.place)} |"
            if not self._fits(text):
                self._add(f"| … | {len(rows) - index} more | cut: too long for a comment | |")
                return
            self._add(text)

    def details(self, summary: str, lines: Sequence[str]) -> None:
        """Folded; cut where the room ends."""
        shown = [line for line in lines if line]
        if not shown or not self._fits(summary + shown[0]):
            return
        self._add("")
        self._add(f"<details><summary>{summary}</summary>")
        self._add("")
        for index, line in enumerate(shown):
            if not self._fits(line):
                self._add(f"- … {len(shown) - index} more: cut, too long for a comment")
                break
            self._add(line)
        self._add("")
        self._add("</details>")

    def footer(self, *, tool: str, commit: str = "", digest: str = "", run: str = "") -> None:
        """`run`: where the whole of it can be found."""
        facts = [code(tool)]
        facts += [f"commit {code(commit[:12])}"] if commit else []
        facts += [f"plan digest {code(digest[:16])}"] if digest else []
        facts += [f"[the whole plan]({run})"] if run else []
        self._footer = f"\n<sub>{' · '.join(facts)}</sub>"

    def text(self) -> str:
        unsaid = f"\n**… and {self._unsaid} more refusals or removals: too long for a comment**\n"
        return "\n".join([*self._lines, *([unsaid] if self._unsaid else []), self._footer]).rstrip() + "\n"

    def _fits(self, text: str) -> bool:
        return self._spent + len(text.encode()) + _RESERVE <= BUDGET_BYTES

    def _add(self, line: str) -> None:
        self._lines.append(line)
        self._spent += len(line.encode()) + 1
