"""What was told, or would be, as text and as one JSON document."""

from __future__ import annotations

from reconciler.decide.notice_words import line_of
from reconciler.decide.notices import Notice
from reconciler.decide.notify_results import Delivery, NotifyReport
from reconciler.errors import clean
from reconciler.model.duration import format_instant
from reconciler.report.contract_keep import DeliveryDocument, NoticeDocument, NotifyDocument
from reconciler.report.json_text import json_text
from reconciler.report.style import Ink, Style
from reconciler.report.words import FAILED, UNCHANGED, counted


def render_notices(report: NotifyReport, style: Style) -> str:
    """One block a destination; ends with a line break."""
    lines: list[str] = []
    for delivery in report.deliveries:
        lines += _delivery_lines(delivery, style=style, dry=report.dry)
    told = sum(len(delivery.told.ids) for delivery in report.deliveries)
    failed = sum(delivery.failed for delivery in report.deliveries)
    if report.dry:
        would = sum(len(delivery.notices) for delivery in report.deliveries)
        ending = f"Dry run: {counted(would, 'notice')} would be told; nothing was sent, nothing is marked."
    else:
        ending = f"Notified: {told} told" + (f", {failed} not" if failed else "") + "."
    code = report.exit_code()
    return "\n".join([*lines, "", ending + (f" (exit {code})" if code else "")]).lstrip("\n") + "\n"


def _delivery_lines(delivery: Delivery, *, style: Style, dry: bool) -> list[str]:
    wrong = bool(delivery.told.why) and not dry
    symbol = (
        style.paint(FAILED, Ink.BAD)
        if wrong
        else style.paint("+" if delivery.notices else UNCHANGED, Ink.GOOD)
    )
    many = counted(len(delivery.notices), "notice") if delivery.notices else "nothing new"
    lines = [f"{symbol} {delivery.name} ({clean(delivery.where)}): {many}"]
    if wrong:
        lines.append(f"    error  {clean(delivery.told.why)}; {delivery.failed} are told by the next run")
    if delivery.left:
        lines.append(f"    left   {delivery.left} are told by the next run")
    for notice in delivery.notices:
        mark = " " if dry or notice.id in delivery.told.ids else "!"
        first, *rest = style.wrap(line_of(notice), indent=6)
        lines += [f"  {mark} {first}", *(f"      {line}" for line in rest)]
    return lines


def notices_document(report: NotifyReport, *, tool: str, commit: str = "") -> str:
    document: NotifyDocument = {
        "format_version": 1,
        "kind": "notify",
        "tool": tool,
        "commit": commit or None,
        "time": format_instant(report.now),
        "dry": report.dry,
        "destinations": [_delivery(delivery) for delivery in report.deliveries],
        "exit_code": report.exit_code(),
    }
    return json_text(document)


def _delivery(delivery: Delivery) -> DeliveryDocument:
    return {
        "name": delivery.name,
        "where": clean(delivery.where),
        "told": len(delivery.told.ids),
        "failed": delivery.failed if delivery.told.why else 0,
        "left": delivery.left,
        "error": delivery.told.why or None,
        "notices": [_notice(notice, delivery) for notice in delivery.notices],
    }


def _notice(notice: Notice, delivery: Delivery) -> NoticeDocument:
    matter = notice.matter
    return {
        "id": notice.id,
        "notice": notice.kind,
        "address": str(matter.address),
        "reason": matter.reason or None,
        "message": clean(matter.message, cap=400),
        "by": None if matter.by is None else format_instant(matter.by),
        "owner": matter.owner or None,
        "command": matter.command or None,
        "told": notice.id in delivery.told.ids,
    }
