"""Lines of the text report: a head line with symbol, address, words and place; labelled lines below it.

Rules: the place stands at the end of the head line where it fits, else on a line of its own; what can be pasted (a
command, a path) is never broken; nothing is wider than the terminal but what cannot be broken.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from reconciler.decide.results import Attention
from reconciler.errors import clean
from reconciler.model.location import Location
from reconciler.model.names import Address
from reconciler.report.style import Ink, Style
from reconciler.report.words import ATTENTION, moment, where


class HasAddress(Protocol):
    @property
    def address(self) -> Address: ...


_LABEL = 6
_INDENT = 4
_LEAST_ROOM = 48


def head(
    symbol: str,
    subject: str,
    words: str,
    *,
    style: Style,
    ink: Ink,
    column: int,
    location: Location | None = None,
) -> list[str]:
    """`+ provider/sales/ml    register: static client      manifests/sales/ml.yaml:3`; `column` is the subject's width."""
    place, said = clean(where(location), cap=400), clean(words, cap=1000)
    start = f"{symbol} {subject.ljust(column)}  "
    painted = style.paint(symbol, ink) + start[len(symbol) :]
    free = style.columns - len(start) - len(said)
    if place and free >= len(place) + 2:
        return [painted + said + " " * (free - len(place)) + style.paint(place, Ink.QUIET)]
    if free >= 0:
        lines = [painted + said]
    elif style.columns - len(start) >= _LEAST_ROOM:
        first, *rest = style.wrap(said, indent=len(start))
        lines = [painted + first, *(" " * len(start) + line for line in rest)]
    else:
        lines = [painted.rstrip(), *(" " * _INDENT + line for line in style.wrap(said, indent=_INDENT))]
    return [*lines, *labelled("at", place, style=style, whole=True)]


def labelled(label: str, text: str, *, style: Style, whole: bool = False) -> list[str]:
    """`    owner   ana@acme.example`. `whole`: never broken, because it is to be pasted."""
    said = clean(text, cap=1000)
    if not said:
        return []
    start = " " * _INDENT + label.ljust(_LABEL) + " "
    painted = " " * _INDENT + style.paint(label.ljust(_LABEL), Ink.QUIET) + " "
    if whole:
        return [painted + style.paint(said, Ink.STRONG)]
    first, *rest = style.wrap(said, indent=len(start))
    return [painted + first, *(" " * len(start) + line for line in rest)]


def column_of(*groups: Iterable[HasAddress]) -> int:
    """How wide the addresses' column is: the widest, within reason."""
    return min(max((len(str(part.address)) for group in groups for part in group), default=20), 44)


def attention_lines(line: Attention, *, now: datetime, style: Style, column: int) -> list[str]:
    """Everything that a person needs to know in order to act."""
    lines = head(
        ATTENTION,
        str(line.address),
        f"needs a person: {line.message}",
        style=style,
        ink=Ink.ASK,
        column=column,
        location=line.location,
    )
    lines += labelled("state", f"{line.state.value} ({line.reason.value})", style=style)
    if line.since is not None:
        lines += labelled("since", moment(line.since, now), style=style)
    if line.by is not None:
        lines += labelled("by", moment(line.by, now), style=style)
    lines += labelled("owner", line.owner, style=style)
    lines += labelled("do", line.remedy, style=style)
    if line.page and line.page not in line.remedy:
        lines += labelled("page", line.page, style=style, whole=True)
    return lines + labelled("run", line.command, style=style, whole=True)
