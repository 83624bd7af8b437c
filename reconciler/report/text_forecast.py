"""The forecast as text: who is needed first, then a table of the months with a bar for each.

Rules: the soonest first; a date with how far away it is; a month without anybody stays in the table, so that quiet is seen too.
"""

from __future__ import annotations

from datetime import datetime

from reconciler.decide.forecast import LimitKind, Need
from reconciler.decide.forecast_report import Forecast, Month
from reconciler.model.duration import format_rough
from reconciler.report.style import Ink, Style
from reconciler.report.text_lines import column_of, head, labelled
from reconciler.report.text_problems import problem_lines
from reconciler.report.words import ATTENTION, UNCHANGED, counted, moment

_BAR = 40
_SHOWN = 200
"""Longer lists are cut in text; JSON has them whole."""


def render_forecast(forecast: Forecast, style: Style) -> str:
    """The whole forecast; ends with a line break."""
    column = column_of(forecast.needs)
    lines = [*style.wrap(_header(forecast), indent=0), ""]
    lines += problem_lines(forecast.problems, style=style)
    for need in forecast.needs[:_SHOWN]:
        lines += _need_lines(need, forecast.now, style=style, column=column)
    if len(forecast.needs) > _SHOWN:
        lines.append(f"… and {len(forecast.needs) - _SHOWN} more, all of them with -o json")
    if forecast.needs:
        lines.append("")
    lines += _table(forecast.months, style=style)
    for why, count in forecast.unknown.items():
        lines += ["", *style.wrap(f"Not forecast: {counted(count, 'account')}: {why}.", indent=0)]
    return "\n".join([*lines, "", *style.wrap(f"Forecast: {forecast_sentence(forecast)}", indent=0)]) + "\n"


def _header(forecast: Forecast) -> str:
    span = f"{forecast.start:%Y-%m-%d} to {forecast.end:%Y-%m-%d}"
    return (
        f"{span} · {counted(forecast.accounts, 'account')} · {assumption(forecast)} · store {forecast.store}"
    )


def assumption(forecast: Forecast) -> str:
    """What is taken for granted of the schedule."""
    if forecast.refresh_every is None:
        return "assumes that refreshes come in time (RECONCILER_REFRESH_EVERY is not set)"
    return f"assumes a refresh run every {format_rough(forecast.refresh_every)} (RECONCILER_REFRESH_EVERY)"


def forecast_sentence(forecast: Forecast) -> str:
    """`3 need a person until 2027-11-27, the first on 2026-12-04: account/sales/crm.`"""
    if not forecast.asked:
        return f"nobody is needed until {forecast.end:%Y-%m-%d}."
    first, people = forecast.asked[0], forecast.people
    verb = "needs" if people == 1 else "need"
    when = "now" if first.at <= forecast.now else f"on {first.at:%Y-%m-%d}"
    return f"{people} {verb} a person until {forecast.end:%Y-%m-%d}, the first {when}: {first.address}."


def _need_lines(need: Need, now: datetime, *, style: Style, column: int) -> list[str]:
    words = f"{need.kind.value}: {need.message}"
    lines = head(
        ATTENTION if need.asks else UNCHANGED,
        str(need.address),
        words,
        style=style,
        ink=Ink.ASK if need.asks else Ink.QUIET,
        column=column,
        location=need.location,
    )
    when = "now" if need.kind is LimitKind.NOW else moment(need.at, now)
    again = f", then every {format_rough(need.every)}" if need.every is not None and need.asks else ""
    lines += labelled("when", f"{when}{again}", style=style)
    lines += labelled("owner", need.owner, style=style)
    return lines + labelled("run", need.command, style=style, whole=True)


def _table(months: tuple[Month, ...], *, style: Style) -> list[str]:
    most = max((month.people for month in months), default=0)
    lines = [style.paint("month    acts", Ink.STRONG)]
    for month in months:
        width = 0 if not month.people else max(1, round(month.people * _BAR / most))
        parts = ", ".join(f"{count} {kind.value}" for kind, count in month.counts.items())
        bar = style.paint("█" * width, Ink.ASK)
        lines.append(f"{month.name} {month.people:>5}  {bar}{' ' if width and parts else ''}{parts}".rstrip())
    return lines
