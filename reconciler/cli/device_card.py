"""What a person sees of the device flow in the terminal: the page, the code to type there, and a QR code of both.

Rules (RFC 8628 §§3.3, 3.3.1): page and code are always written out, since not everybody can scan; the QR code holds the
page with the code in it where the server gives one, and is left out where it would not fit, or could not be drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from reconciler.decide.device import DeviceRequest
from reconciler.model.duration import format_rough

_QUIET = 2
"""Light modules around the code; the standard's four cost a terminal too many lines, and readers make do with two."""
_INK = "\x1b[38;2;0;0;0m\x1b[48;2;255;255;255m"
_PLAIN = "\x1b[0m"


def device_card(
    request: DeviceRequest, *, seconds: float, color: bool, width: int, encoding: str
) -> list[str]:
    """Lines for stderr. `seconds`: how long the person is waited for; `width` and `encoding` are the terminal's."""
    left = min(request.lives, timedelta(seconds=seconds))
    code = qr_lines(request.page_with_code or request.page, color=color, width=width, encoding=encoding)
    scan = ["", "Or scan this:" if code else "", *code] if code else []
    return [
        "",
        "On any device, open this page and type the code:",
        "",
        f"  page  {request.page}",
        f"  code  {request.user_code}",
        *scan,
        "",
        f"Waiting {format_rough(left)} for the answer; Ctrl-C gives up …",
    ]


def qr_lines(text: str, *, color: bool, width: int, encoding: str) -> list[str]:
    """The QR code of `text`, two rows of modules a line; empty where it does not fit or cannot be drawn.

    Dark on light by colours; without them, light modules are drawn, as for a dark terminal (readers take both).
    """
    import segno

    try:
        "█▀▄".encode(encoding)
        code = segno.make(text, error="l", micro=False)
    except (UnicodeEncodeError, LookupError, segno.DataOverflowError):
        return []
    rows = _with_quiet_zone(code.matrix)
    if len(rows[0]) > width:
        return []
    drawn = [_line(upper, lower, dark_ink=color) for upper, lower in zip(rows[::2], rows[1::2], strict=True)]
    return [f"{_INK}{line}{_PLAIN}" for line in drawn] if color else drawn


def _with_quiet_zone(matrix: Sequence[Sequence[int]]) -> list[list[int]]:
    """Rows of 0 (light) and 1 (dark), an even number of them."""
    side = len(matrix[0]) + 2 * _QUIET
    rows = [[0] * _QUIET + [1 if cell else 0 for cell in row] + [0] * _QUIET for row in matrix]
    below = _QUIET + (len(rows) + 2 * _QUIET) % 2
    return [[0] * side for _ in range(_QUIET)] + rows + [[0] * side for _ in range(below)]


def _line(upper: Sequence[int], lower: Sequence[int], *, dark_ink: bool) -> str:
    glyphs = {(0, 0): " ", (0, 1): "▄", (1, 0): "▀", (1, 1): "█"}
    pairs = zip(upper, lower, strict=True)
    return "".join(glyphs[(a, b) if dark_ink else (1 - a, 1 - b)] for a, b in pairs)
