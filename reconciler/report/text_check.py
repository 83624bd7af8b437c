"""What `check` found, one line an account; what helps stands below the line that needs it."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.decide.checking import PERSON, Check
from reconciler.report.style import Ink, Style
from reconciler.report.text_lines import column_of, head, labelled
from reconciler.report.words import ATTENTION, FAILED, UNCHANGED


def render_checks(checks: Sequence[Check], style: Style) -> str:
    """`= account/sales/crm  ready: 52 min left`; ends with a line break."""
    column = column_of(checks)
    lines: list[str] = []
    for found in checks:
        symbol = UNCHANGED if found.fit else ATTENTION if found.code == PERSON else FAILED
        ink = Ink.QUIET if found.fit else Ink.ASK if found.code == PERSON else Ink.BAD
        words = f"{found.state.value}: {found.message}"
        lines += head(symbol, str(found.address), words, style=style, ink=ink, column=column)
        if not found.fit:
            lines += labelled("run", found.command, style=style, whole=True)
    return "\n".join(lines) + "\n"
