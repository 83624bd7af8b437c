"""What nothing can be written to: a full disk behind stdout or stderr, an encoding without the characters, a taken name."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.cli.keyboard import Keyboard
from tests.cli.town import Town


def _run(desk: Keyboard, *arguments: str, out: str = "", err: str = "", **more: str) -> tuple[int, str, str]:
    """As a process; `out`, `err`: the file that it writes to instead."""
    streams = [os.open(name, os.O_WRONLY) if name else subprocess.PIPE for name in (out, err)]
    try:
        child = subprocess.run(
            [sys.executable, "-m", "reconciler", *arguments],
            cwd=desk.folder,
            env=desk.variables(**more),
            stdin=subprocess.DEVNULL,
            stdout=streams[0],
            stderr=streams[1],
            timeout=60,
        )
    finally:
        for stream in streams:
            if stream != subprocess.PIPE:
                os.close(stream)
    return child.returncode, (child.stdout or b"").decode("latin-1"), (child.stderr or b"").decode()


@pytest.mark.parametrize(
    "arguments",
    [("schema",), ("--help",), ("completion", "bash"), ("export",), ("trust", "--show"), ("status",)],
)
def test_a_full_disk_behind_stdout_is_no_bug_of_ours(town: Town, arguments: tuple[str, ...]):
    town.settle()
    code, _, err = _run(town.desk, *arguments, out="/dev/full")
    assert code == 1
    assert "error: the result cannot be written to stdout: No space left on device" in err
    assert "bug" not in err
    assert "Traceback" not in err


def test_a_full_disk_behind_stderr_does_not_change_how_it_ended(desk: Keyboard):
    assert _run(desk, "plna", err="/dev/full")[0] == 64


def test_a_terminal_without_our_characters_is_no_reason_to_fail(town: Town):
    town.settle("crm")
    code, out, err = _run(town.desk, "forecast", PYTHONIOENCODING="latin-1")
    assert (code, err) == (0, "")
    assert "Forecast: " in out


def test_a_folder_for_schemas_that_is_a_file_is_named(desk: Keyboard):
    (desk.folder / "taken").write_text("")
    said = desk.run("schema", "--out", "taken/below")
    assert said.code == 1
    assert said.err.startswith("error: taken/below: Not a directory\n  hint: ")
