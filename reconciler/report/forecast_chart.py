"""The forecast as a chart: one bar a month, stacked by kind of limit, as an SVG that needs nothing but a viewer.

Rules: no script, no style sheet, no font and no link is loaded from anywhere; every count is also text, for a screen reader
(`title`, `desc`) and for eyes; patterns of lightness tell the kinds apart where colours do not.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from reconciler.decide.forecast import LimitKind
from reconciler.decide.forecast_report import Forecast, Month
from reconciler.report.text_forecast import assumption, forecast_sentence

_WIDTH, _HEIGHT = 960, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 84, 84
_COLOURS = {
    LimitKind.NOW: "#9b1c31",
    LimitKind.MANUAL: "#6b4fa0",
    LimitKind.ABSOLUTE: "#1f5fa8",
    LimitKind.TESTING: "#d97706",
    LimitKind.IDLE: "#0f766e",
    LimitKind.SLIDING: "#5fb3a8",
    LimitKind.CLIENT_SECRET: "#4b5563",
}
_INK, _PAPER, _LINE = "#1f2937", "#ffffff", "#d1d5db"
_LINES = 4
_LABELS = 18
"""More months than this are not all named below their bars."""


def render_chart(forecast: Forecast) -> str:
    """A whole SVG document; ends with a line break."""
    months = forecast.months
    most = max((month.people for month in months), default=0)
    scale = _nice(most)
    used = [kind for kind in _COLOURS if any(month.counts.get(kind) for month in months)]
    said = "; ".join(f"{month.name}: {month.people}" for month in months)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
            'aria-labelledby="title desc" font-family="sans-serif" font-size="12">'
        ),
        '<title id="title">Accounts that need a person, by month</title>',
        f'<desc id="desc">{escape(forecast_sentence(forecast))} {escape(said)}.</desc>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="{_PAPER}"/>',
        _text(_LEFT, 28, "Who needs a person, and when", size=18, weight="bold"),
        _text(_LEFT, 48, forecast_sentence(forecast)),
        _text(_LEFT, 66, assumption(forecast), colour="#6b7280"),
        *_grid(scale),
        *(part for index, month in enumerate(months) for part in _bar(index, month, months, scale=scale)),
        *_legend(used),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _nice(most: int) -> int:
    """The top of the scale: the next number of the form 1, 2 or 5 times a power of ten, times four lines."""
    step = 1
    while step * _LINES < most:
        step = step * 2 if str(step)[0] in "15" else step * 5 // 2
    return step * _LINES


def _y(value: float, scale: int) -> float:
    room = _HEIGHT - _TOP - _BOTTOM
    return _HEIGHT - _BOTTOM - room * value / scale


def _grid(scale: int) -> list[str]:
    lines = []
    for index in range(_LINES + 1):
        value = scale * index // _LINES
        y = _y(value, scale)
        lines.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_LINE}"/>'
        )
        lines.append(_text(_LEFT - 8, y + 4, str(value), anchor="end"))
    return lines


def _bar(index: int, month: Month, months: tuple[Month, ...], *, scale: int) -> list[str]:
    slot = (_WIDTH - _LEFT - _RIGHT) / len(months)
    x, width = _LEFT + slot * index + slot * 0.15, slot * 0.7
    parts, below = [], 0
    for kind, colour in _COLOURS.items():
        count = month.counts.get(kind, 0)
        if not count:
            continue
        top, bottom = _y(below + count, scale), _y(below, scale)
        parts.append(
            f'<rect x="{x:.1f}" y="{top:.1f}" width="{width:.1f}" height="{bottom - top:.1f}" fill="{colour}" '
            f'stroke="{_PAPER}"><title>{month.name}: {count} {kind.value}</title></rect>'
        )
        below += count
    middle = x + width / 2
    if below:
        parts.append(_text(middle, _y(below, scale) - 5, str(below), anchor="middle", weight="bold"))
    if len(months) <= _LABELS or index % -(-len(months) // _LABELS) == 0:
        parts.append(_text(middle, _HEIGHT - _BOTTOM + 18, month.name, anchor="middle"))
    return parts


def _legend(kinds: list[LimitKind]) -> list[str]:
    parts = []
    x = float(_LEFT)
    for kind in kinds:
        parts.append(f'<rect x="{x:.1f}" y="{_HEIGHT - 34}" width="12" height="12" fill="{_COLOURS[kind]}"/>')
        parts.append(_text(x + 18, _HEIGHT - 24, kind.value))
        x += 40 + 7 * len(kind.value)
    return parts


def _text(
    x: float,
    y: float,
    words: str,
    *,
    anchor: str = "start",
    size: int = 12,
    weight: str = "normal",
    colour: str = _INK,
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" '
        f'fill="{colour}">{escape(words)}</text>'
    )
