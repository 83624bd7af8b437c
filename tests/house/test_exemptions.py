"""An exemption says why, and is counted."""

from pathlib import Path

import pytest

from tests.house.exemptions import LIMITS, all_exemptions, exemptions_in


def test_every_exemption_has_a_reason_on_its_line():
    assert [f"{one.file}:{one.line}" for one in all_exemptions() if not one.reason] == []


def test_the_package_has_no_more_exemptions_than_agreed_on():
    ours = [one.kind for one in all_exemptions() if one.file.parts[0] == "reconciler"]
    assert {kind: ours.count(kind) for kind in LIMITS if ours.count(kind) > LIMITS[kind]} == {}


@pytest.mark.parametrize(
    ("comment", "reason"),
    [
        ("noqa: S101", ""),
        ("noqa: BLE001, S110 - the caller decides", "the caller decides"),
        ("type: ignore[arg-type]", ""),
        ("type: ignore[no-any-return]  # hvac has no types here", "hvac has no types here"),
        ("pragma: no cover - a race that no test can win", "a race that no test can win"),
    ],
)
def test_a_reason_is_words_not_codes(tmp_path: Path, comment: str, reason: str):
    (tmp_path / "module.py").write_text(f"x = 1  # {comment}\n")
    assert [one.reason for one in exemptions_in(Path("module.py"), root=tmp_path)] == [reason]


def test_a_string_that_looks_like_an_exemption_is_none(tmp_path: Path):
    (tmp_path / "module.py").write_text('x = "# noqa: S101"\n')
    assert exemptions_in(Path("module.py"), root=tmp_path) == []
