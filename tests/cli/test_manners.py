"""Terminal manners: colour only where it is wanted, log lines as they were asked for, selection as it was typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.session import make_session
from reconciler.sandbox import faults
from tests.cli.keyboard import Keyboard
from tests.cli.processes import ended, started
from tests.cli.town import Town
from tests.e2e.desk import Desk, Said

_ESCAPE = "\x1b["


@pytest.mark.parametrize(
    ("variables", "flags", "coloured"),
    [
        ({}, (), False),
        ({"FORCE_COLOR": "1"}, (), True),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, (), True),
        ({"FORCE_COLOR": "0"}, (), False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, (), False),
        ({"FORCE_COLOR": "1"}, ("--no-color",), False),
        ({"FORCE_COLOR": "1", "RECONCILER_NO_COLOR": "1"}, (), False),
        ({"CI": "true"}, (), False),
    ],
)
def test_colour_follows_the_variables_that_everybody_knows(
    town: Town, variables: dict[str, Any], flags: tuple[str, ...], coloured: bool
):
    said = town.desk.run("plan", *flags, **{"NO_COLOR": "", "CI": "", **variables})
    assert (_ESCAPE in said.out) is coloured
    for output in ("json", "markdown", "github"):
        assert _ESCAPE not in town.desk.run("plan", *flags, "-o", output, **{"NO_COLOR": "", **variables}).out


@pytest.mark.parametrize(("term", "coloured"), [("xterm-256color", True), ("dumb", False)])
def test_a_terminal_gets_colour_unless_it_is_dumb(town: Town, term: str, coloured: bool):
    seen = _at_pty(town.desk, "plan", NO_COLOR="", TERM=term)
    assert (_ESCAPE in seen) is coloured
    assert "Plan: 1 to register" in seen


def _at_pty(desk: Desk, *arguments: str, **more: str) -> str:
    """What a terminal shows of the command."""
    import os
    import pty
    import subprocess
    import sys

    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "reconciler", *arguments],
        cwd=desk.folder,
        env=desk.variables(**more),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # the other side is closed: the command has ended
            break
        if not chunk:
            break
        seen += chunk
    os.close(ours)
    assert child.wait(30) == 0, seen
    return seen.decode("utf-8", "replace")


def test_a_wide_and_a_narrow_terminal_show_the_same_words(town: Town):
    def words(said: Said) -> list[str]:
        return said.out.split()

    narrow, wide = (town.desk.run("plan", COLUMNS=columns, expect=0) for columns in ("60", "200"))
    # A narrow one tells the place on a line of its own (`at`); nothing is left out.
    assert set(words(wide)) <= set(words(narrow))
    assert set(words(narrow)) - set(words(wide)) <= {"at"}


def test_logs_are_silent_unless_asked_for_and_go_to_stderr(town: Town):
    town.settle("crm")
    assert town.desk.run("refresh", "--force", expect=0).err == ""
    told = town.desk.run("refresh", "--force", "-v", expect=0)
    assert "info: refresh.account address=account/sales/crm outcome=done" in told.err
    assert "refresh.account" not in told.out
    assert f"info: request method=POST to={town.sandbox.issuer} status=200" in told.err


def test_verbose_shows_which_request_failed_and_why(town: Town):
    town.settle("crm")
    town.sandbox.add_fault(faults.html_answer("token", status=502))
    said = town.desk.run("refresh", "--force", "-v")
    assert f"info: request method=POST to={town.sandbox.issuer} status=502" in said.err
    town.sandbox.add_fault(faults.delay("metadata", 2.0))
    path = town.desk.folder / "manifests/sales/idp.yaml"
    path.write_text(path.read_text().replace("{name: idp}", "{name: idp, labels: {a: b}}"))
    said = town.desk.run("reconcile", "-v", RECONCILER_HTTP_DEADLINE="1s")
    assert "failed=timed out after 1 s" in said.err


def test_json_log_lines_are_objects_with_a_time_a_level_and_an_event(town: Town):
    town.settle("crm")
    town.sandbox.revoke_person("crm@example.com")
    said = town.desk.run("refresh", "--force", "-v", RECONCILER_LOG_FORMAT="json")
    lines = [json.loads(line) for line in said.err.splitlines()]
    assert lines
    for line in lines:
        assert set(line) >= {"time", "level", "event"}
        assert line["time"].endswith("Z")
        assert line["level"] in ("info", "warning", "error")


def test_errors_in_json_lines_tell_sentence_and_hint(desk: Keyboard):
    said = desk.run("plan", "-f", "nowhere", "--log-format", "json", expect=64)
    (line,) = map(json.loads, said.err.splitlines())
    assert line["message"] == "no such file or folder: nowhere"
    assert line["hint"] == "name the manifests with -f PATH"
    flag_after = desk.run("paln", RECONCILER_LOG_FORMAT="json", expect=64)
    assert json.loads(flag_after.err)["hint"] == "did you mean 'plan'?"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ((), {"provider/sales/idp", "account/sales/crm", "account/sales/mail"}),
        (("--only", "sales/crm"), {"account/sales/crm"}),
        (
            ("--only", "account/sales/crm", "--only", "provider/sales/idp"),
            {"provider/sales/idp", "account/sales/crm"},
        ),
        (("--only", "crm"), {"account/sales/crm"}),
        (("--exclude", "sales/mail"), {"provider/sales/idp", "account/sales/crm"}),
        (("-l", "team=field"), {"account/sales/crm"}),
        (("-l", "team=field", "--exclude", "sales/crm"), set()),
        (("-l", "team=nobody"), set()),
    ],
)
def test_a_plan_is_narrowed_to_what_is_named(town: Town, flags: tuple[str, ...], expected: set[str]):
    path = town.desk.folder / "manifests/sales/crm.yaml"
    path.write_text(path.read_text().replace("{name: crm}", "{name: crm, labels: {team: field}}"))
    plan = town.desk.run("plan", "-o", "json", *flags, expect=0).json
    assert {change["address"] for change in plan["changes"]} == expected


def test_what_was_not_selected_is_not_touched(town: Town):
    town.settle("crm", "mail")
    before = town.rows("mail")
    results = town.result("refresh", "--force", "--only", "sales/crm", expect=0)
    assert set(results) == {"account/sales/crm"}
    assert town.rows("mail") == before


def test_prune_is_refused_where_only_a_part_was_looked_at(town: Town):
    town.settle("crm")
    said = town.desk.run("reconcile", "--prune", "--only", "sales/crm", expect=3)
    assert "NarrowPrune" in said.out


def test_removal_is_listed_and_only_done_with_prune(town: Town):
    town.settle("crm", "mail")
    (town.desk.folder / "manifests/sales/mail.yaml").unlink()
    plan = town.desk.run("plan", "-o", "json", expect=0).json
    assert [found["address"] for found in plan["removable"]] == ["account/sales/mail"]
    assert plan["changes"] == []
    town.desk.run("reconcile", expect=0)
    assert town.read("reconciler/tokens/sales/mail")
    pruned = town.result("reconcile", "--prune", expect=0)
    assert pruned["account/sales/mail"]["action"] == "forget"
    assert town.read("reconciler/tokens/sales/mail") == {}


def test_one_job_at_a_time_does_the_same_as_many(town: Town):
    town.settle("crm", "mail")
    results = town.result("refresh", "--force", "--jobs", "1", expect=0)
    assert {found["outcome"] for found in results.values()} == {"done"}


def test_a_command_without_a_home_for_its_input_ends(town: Town):
    """A closed stdin, as cron gives it."""
    with started(town.desk, "reconcile", "--no-input") as child:
        assert ended(child).code == 0


def test_a_user_without_a_home_is_no_bug(monkeypatch: pytest.MonkeyPatch):
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("reconciler.cli.session.Path.home", homeless)
    session = make_session({"verbose": False, "no_color": True, "no_input": True, "log_format": "text"})
    assert session.settings.home == Path("/")
