"""Drift as text, JSON and Markdown: each difference with what was applied, what is there, and what to run."""

from __future__ import annotations

from reconciler.decide.drift import Drift, DriftReport, NotSeen
from reconciler.model.duration import format_instant
from reconciler.report.contract_ops import DifferenceDocument, DriftDocument, NotSeenDocument
from reconciler.report.escape import code, prose
from reconciler.report.json_text import json_text
from reconciler.report.markdown_page import Page, Row
from reconciler.report.style import Ink, Style
from reconciler.report.text_lines import head, labelled
from reconciler.report.words import FAILED, counted

_STORE = "the store"


def render_drift(report: DriftReport, style: Style) -> str:
    """The whole report; ends with a line break."""
    subjects = [*map(_subject, report.drifts), *map(_subject, report.not_seen)]
    column = min(max((len(subject) for subject in subjects), default=20), 44)
    lines = [*style.wrap(f"store {report.store}", indent=0), ""]
    before = len(lines)
    for drift in report.drifts:
        words = f"{drift.kind.value}: {drift.message}"
        lines += head("~", _subject(drift), words, style=style, ink=Ink.CHANGE, column=column)
        lines += labelled("was", drift.before, style=style)
        lines += labelled("is", drift.after, style=style)
        lines += labelled("run", drift.run, style=style, whole=True)
    for missed in report.not_seen:
        words = f"not looked at: {missed.message}"
        lines += head(FAILED, _subject(missed), words, style=style, ink=Ink.BAD, column=column)
    for address in report.kept:
        words = "its server replaced the registration token while it was read; the new one is stored"
        lines += head("^", str(address), words, style=style, ink=Ink.UPKEEP, column=column)
    if len(lines) > before:
        lines.append("")
    return "\n".join([*lines, *style.wrap(f"Drift: {drift_sentence(report)}", indent=0)]) + "\n"


def drift_sentence(report: DriftReport) -> str:
    """`2 differences in 14 objects, 1 ignored; 1 not looked at.`"""
    found = counted(len(report.drifts), "difference") if report.drifts else "none"
    said = f"{found} in {counted(report.looked_at, 'object')}"
    said += f", {len(report.ignored)} ignored" if report.ignored else ""
    return said + (f"; {len(report.not_seen)} not looked at." if report.not_seen else ".")


def _subject(part: Drift | NotSeen) -> str:
    return _STORE if part.address is None else str(part.address)


def render_drift_markdown(report: DriftReport, *, tool: str, commit: str = "") -> str:
    page = Page("drift", f"OAuth drift: {drift_sentence(report)}")
    rows = [Row(drift.kind.value, _subject(drift), _why(drift), drift.run or "") for drift in report.drifts]
    rows += [Row("not looked at", _subject(missed), prose(missed.message), "") for missed in report.not_seen]
    rows += [
        Row("kept", str(address), "its server replaced the registration token; the new one is stored", "")
        for address in report.kept
    ]
    page.table(rows)
    page.footer(tool=tool, commit=commit)
    return page.text()


def _why(drift: Drift) -> str:
    moved = f" {code(drift.before)} → {code(drift.after)}" if drift.before and drift.after else ""
    return prose(drift.message) + moved


def drift_document(report: DriftReport, *, tool: str, commit: str = "") -> str:
    document: DriftDocument = {
        "format_version": 1,
        "kind": "drift",
        "tool": tool,
        "commit": commit or None,
        "store": report.store,
        "time": format_instant(report.now),
        "looked_at": report.looked_at,
        "differences": [_difference(drift) for drift in report.drifts],
        "ignored": [_difference(drift) for drift in report.ignored],
        "not_seen": [_not_seen(missed) for missed in report.not_seen],
        "registration_tokens_kept": [str(address) for address in report.kept],
        "exit_code": report.exit_code(),
    }
    return json_text(document)


def _difference(drift: Drift) -> DifferenceDocument:
    return {
        "address": None if drift.address is None else str(drift.address),
        "reason": drift.kind,
        "message": drift.message,
        "before": drift.before or None,
        "after": drift.after or None,
        "command": drift.run or None,
    }


def _not_seen(missed: NotSeen) -> NotSeenDocument:
    return {
        "address": None if missed.address is None else str(missed.address),
        "message": missed.message,
    }
