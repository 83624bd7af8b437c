"""An examination as text and as JSON: what is wrong first, each with what to run; what is well in a line each."""

from __future__ import annotations

from reconciler.decide.doctor import Examination, Finding, Level
from reconciler.model.duration import format_instant
from reconciler.report.contract_ops import DoctorDocument, FindingDocument
from reconciler.report.json_text import json_text
from reconciler.report.style import Ink, Style
from reconciler.report.text_lines import head, labelled
from reconciler.report.words import ATTENTION, FAILED, UNCHANGED

_ORDER = (Level.FAILED, Level.WARNING, Level.SKIPPED, Level.OK)
_SYMBOLS = {
    Level.FAILED: (FAILED, Ink.BAD),
    Level.WARNING: (ATTENTION, Ink.ASK),
    Level.SKIPPED: ("?", Ink.QUIET),
    Level.OK: (UNCHANGED, Ink.QUIET),
}
_COLUMN = 10


def render_doctor(examination: Examination, style: Style) -> str:
    """The whole examination; ends with a line break."""
    lines = [*style.wrap(f"store {examination.store}", indent=0), ""]
    for level in _ORDER:
        for finding in examination.findings:
            if finding.level is level:
                lines += _lines(finding, style=style)
    return "\n".join([*lines, "", *style.wrap(f"Doctor: {doctor_sentence(examination)}", indent=0)]) + "\n"


def doctor_sentence(examination: Examination) -> str:
    """`9 well, 1 warning, 2 failed, 1 not looked at.`"""
    counts = examination.counts()
    warnings = counts[Level.WARNING.value]
    parts = [f"{counts[Level.OK.value]} well"]
    parts += [f"{warnings} warning{'s' if warnings > 1 else ''}"] if warnings else []
    parts += [f"{counts[Level.FAILED.value]} failed"] if counts[Level.FAILED.value] else []
    parts += [f"{counts[Level.SKIPPED.value]} not looked at"] if counts[Level.SKIPPED.value] else []
    return ", ".join(parts) + "."


def _lines(finding: Finding, *, style: Style) -> list[str]:
    symbol, ink = _SYMBOLS[finding.level]
    lines = head(symbol, finding.check.value, finding.message, style=style, ink=ink, column=_COLUMN)
    lines += labelled("do", finding.hint, style=style)
    return lines + labelled("run", finding.run, style=style, whole=True)


def doctor_document(examination: Examination, *, tool: str) -> str:
    document: DoctorDocument = {
        "format_version": 1,
        "kind": "doctor",
        "tool": tool,
        "store": examination.store,
        "time": format_instant(examination.now),
        "summary": examination.counts(),
        "findings": [_finding(found) for found in examination.findings],
        "exit_code": examination.exit_code(),
    }
    return json_text(document)


def _finding(found: Finding) -> FindingDocument:
    return {
        "check": found.check,
        "level": found.level,
        "message": found.message,
        "hint": found.hint or None,
        "command": found.run or None,
        "code": found.code if found.level is Level.FAILED else 0,
    }
