"""The card of the device flow: page and code always, a QR code where it can be drawn and fits."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import segno

from reconciler.cli.device_card import device_card, qr_lines
from reconciler.decide.device import DeviceRequest
from reconciler.model.secret import Secret

PAGE = "https://as.example/device"
WITH_CODE = f"{PAGE}?user_code=WDJB-MJHT"
REQUEST = DeviceRequest(
    Secret("device-code"), "WDJB-MJHT", PAGE, WITH_CODE, timedelta(minutes=15), timedelta(seconds=5)
)
_DARK_ON_LIGHT = {" ": (0, 0), "▄": (0, 1), "▀": (1, 0), "█": (1, 1)}


def modules(lines: list[str], *, inverted: bool = False) -> list[list[int]]:
    """The drawing as rows of 0 (light) and 1 (dark), quiet zone left out."""
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    rows = [[_DARK_ON_LIGHT[glyph][half] for glyph in line] for line in plain for half in (0, 1)]
    rows = [[1 - cell for cell in row] for row in rows] if inverted else rows
    dark = [number for number, row in enumerate(rows) if any(row)]
    assert dark[0] >= 2
    return [row[2:-2] for row in rows[dark[0] : dark[-1] + 1]]


@pytest.mark.parametrize("color", [True, False])
def test_the_code_that_is_drawn_is_the_code_of_the_page(color: bool):
    drawn = qr_lines(WITH_CODE, color=color, width=110, encoding="utf-8")
    expected = [[int(cell) for cell in row] for row in segno.make(WITH_CODE, error="l", micro=False).matrix]
    assert modules(drawn, inverted=not color) == expected
    assert all(line.startswith("\x1b[") is color for line in drawn)


def test_page_and_code_are_written_out_beside_it():
    lines = device_card(REQUEST, seconds=600, color=False, width=110, encoding="utf-8")
    assert f"  page  {PAGE}" in lines
    assert "  code  WDJB-MJHT" in lines
    assert "Or scan this:" in lines
    assert lines[-1] == "Waiting 10 min for the answer; Ctrl-C gives up …"
    assert "device-code" not in "\n".join(lines)


@pytest.mark.parametrize(("width", "encoding"), [(20, "utf-8"), (110, "ascii"), (110, "no such encoding")])
def test_what_cannot_be_drawn_or_does_not_fit_is_left_out(width: int, encoding: str):
    lines = device_card(REQUEST, seconds=600, color=True, width=width, encoding=encoding)
    assert "Or scan this:" not in lines
    assert f"  page  {PAGE}" in lines
    assert not re.search("[▀▄█]", "\n".join(lines))


def test_a_page_without_the_code_in_it_is_scanned_as_it_is():
    bare = DeviceRequest(Secret("d"), "WDJB-MJHT", PAGE, "", timedelta(seconds=30), timedelta(seconds=5))
    lines = device_card(bare, seconds=600, color=False, width=110, encoding="utf-8")
    drawn = [line for line in lines if re.search("[▀▄█]", line)]
    assert drawn == qr_lines(PAGE, color=False, width=110, encoding="utf-8")
    assert lines[-1].startswith("Waiting 30 s")
