"""The story of an object as text and as JSON: newest first, each event with its time, what it was, and who."""

from __future__ import annotations

from reconciler.decide.health_words import distance
from reconciler.decide.history import Event, Story
from reconciler.model.duration import format_instant
from reconciler.model.stamp import Stamp
from reconciler.report.contract_ops import EventDocument, HistoryDocument, StampDocument
from reconciler.report.json_text import json_text
from reconciler.report.style import Ink, Style
from reconciler.report.text_lines import labelled
from reconciler.report.words import counted

_LONGEST = 18


def render_history(story: Story, style: Style) -> str:
    """The whole story; ends with a line break."""
    lines = style.wrap(f"{story.address} · store {story.store}", indent=0)
    if story.written_by is not None and who(story.written_by):
        lines += style.wrap(f"last written by {who(story.written_by)}", indent=0)
    lines.append("")
    for event in story.events:
        lines += _lines(event, story, style=style)
    for note in story.notes:
        lines += style.wrap(f"? {note}", indent=0)
    told = counted(len(story.events), "event")
    return "\n".join([*lines, "", f"History: {told}."]) + "\n"


def _lines(event: Event, story: Story, *, style: Style) -> list[str]:
    when = f"{format_instant(event.at)}  {distance(event.at, story.now):<12}"
    where = f"{event.path} version {event.version}" if event.path else ""
    words = "  ".join(part for part in (event.detail, where) if part)
    start = f"{when}  {event.kind.value:<{_LONGEST}}  "
    room = style.columns - len(start)
    painted = style.paint(when, Ink.QUIET) + f"  {event.kind.value:<{_LONGEST}}  "
    if len(words) <= room:
        lines = [(painted + words).rstrip()]
    else:
        lines = [painted.rstrip(), *(f"    {line}" for line in style.wrap(words, indent=4))]
    return lines + (labelled("by", who(event.stamp), style=style) if event.stamp is not None else [])


def who(stamp: Stamp) -> str:
    """`ana, commit 1a2b3c4, run https://…, reconciler 0.1.0`."""
    parts = [
        stamp.actor,
        f"commit {stamp.commit[:12]}" if stamp.commit else "",
        f"run {stamp.run}" if stamp.run else "",
        stamp.tool,
    ]
    return ", ".join(part for part in parts if part)


def history_document(story: Story, *, tool: str) -> str:
    document: HistoryDocument = {
        "format_version": 1,
        "kind": "history",
        "tool": tool,
        "address": str(story.address),
        "store": story.store,
        "time": format_instant(story.now),
        "written_by": None if story.written_by is None else _stamp(story.written_by),
        "events": [_event(event) for event in story.events],
        "notes": list(story.notes),
    }
    return json_text(document)


def _event(event: Event) -> EventDocument:
    return {
        "time": format_instant(event.at),
        "event": event.kind,
        "detail": event.detail or None,
        "path": event.path or None,
        "version": event.version or None,
        "by": None if event.stamp is None else _stamp(event.stamp),
    }


def _stamp(stamp: Stamp) -> StampDocument:
    return {
        "commit": stamp.commit or None,
        "actor": stamp.actor or None,
        "run": stamp.run or None,
        "tool": stamp.tool or None,
    }
