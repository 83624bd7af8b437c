"""SIGTERM, SIGINT, SIGHUP: nothing more is started, what runs is finished and stored; a second one ends at once, and says what
it cut off. Also a reader that leaves, and two runs at once for a user who has no Vault."""

from __future__ import annotations

import errno
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import click
import pytest

from reconciler.sandbox import faults
from tests.cli.processes import ended, started, wait_until
from tests.cli.town import Town, account

NAMES = ("crm", "mail", "feed", "wiki")


@pytest.fixture
def busy(town: Town) -> Town:
    """Four accounts whose refreshes take a second each."""
    for name in NAMES[2:]:
        town.desk.write(f"sales/{name}.yaml", account(name))
    town.settle(*NAMES)
    town.sandbox.reset_counters()
    town.sandbox.add_fault(faults.delay("token", 1.0, times=None))
    return town


def asked(town: Town) -> int:
    return int(town.sandbox.counters()["exchanges"].get("refresh_token", 0))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_first_signal_finishes_what_was_started_and_starts_nothing_more(
    busy: Town, number: signal.Signals
):
    with started(busy.desk, "refresh", "--force", "--jobs", "1", "-o", "json") as child:
        wait_until(lambda: asked(busy) == 1, what="the first call")
        child.send_signal(number)
        said = ended(child)
    assert said.err == "stopping: what was started is finished first; a second signal ends at once\n"
    results = {found["address"]: found for found in said.json["results"]}
    assert sorted(found["outcome"] for found in results.values()) == ["done", "skipped", "skipped", "skipped"]
    assert {found["reason"] for found in results.values() if found["outcome"] == "skipped"} == {"Stopped"}
    assert said.code == 4
    assert asked(busy) == 1
    done = next(address for address, found in results.items() if found["outcome"] == "done")
    name = done.rpartition("/")[2]
    grant = busy.read(f"reconciler/grants/sales/{name}")
    assert "intent" not in grant
    assert busy.sandbox.refresh_token_state(grant["refresh_token"])["state"] == "current"
    assert busy.read(f"reconciler/tokens/sales/{name}")["access_token"]


def test_the_second_signal_ends_at_once_and_names_what_it_cut_off(busy: Town):
    with started(busy.desk, "refresh", "--force", "--jobs", "2", "--log-format", "json") as child:
        wait_until(lambda: asked(busy) == 2, what="two calls")
        child.send_signal(signal.SIGTERM)
        assert child.stderr is not None
        first = json.loads(child.stderr.readline())
        assert first["event"] == "stopping"
        child.send_signal(signal.SIGTERM)
        said = ended(child)
    assert said.code == 128 + signal.SIGTERM
    assert said.out == ""
    named = [json.loads(line)["message"] for line in said.err.splitlines()]
    assert len(named) == 2
    assert all(line.startswith("error: account/sales/") for line in named)
    assert all(
        line.endswith(": cut off while it was being worked on; the next run settles it") for line in named
    )

    # What was cut is named by the next plan, and nothing is lost in silence.
    busy.sandbox.clear_faults()
    unfinished = {row["address"] for row in busy.desk.run("plan", "-o", "json").json["maintenance"]}
    assert unfinished == {line.removeprefix("error: ").partition(":")[0] for line in named}


def test_a_terminal_that_is_lost_hangs_up_twice_and_cuts_nothing_off(busy: Town):
    """The kernel tells the whole foreground, and the shell its jobs."""
    with started(busy.desk, "refresh", "--force", "--jobs", "2", "-o", "json") as child:
        wait_until(lambda: asked(busy) == 2, what="two calls")
        child.send_signal(signal.SIGHUP)
        time.sleep(0.1)
        child.send_signal(signal.SIGHUP)
        said = ended(child)
    assert said.code == 4
    assert sorted(found["outcome"] for found in said.json["results"]) == [
        "done",
        "done",
        "skipped",
        "skipped",
    ]


def test_nohup_goes_on_to_the_end(busy: Town):
    command = [sys.executable, "-m", "reconciler", "refresh", "--force", "-o", "json"]
    child = subprocess.Popen(
        ["nohup", *command],
        cwd=busy.desk.folder,
        env=busy.desk.variables(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    wait_until(lambda: asked(busy) >= 1, what="a call")
    child.send_signal(signal.SIGHUP)
    said = ended(child)
    assert (said.code, {found["outcome"] for found in said.json["results"]}) == (0, {"done"})


def test_a_stop_in_the_middle_of_registering_finishes_the_registration(town: Town):
    town.sandbox.add_fault(faults.delay("metadata", 1.0))
    with started(town.desk, "reconcile", "-o", "json") as child:
        wait_until(lambda: town.sandbox.counters()["requests"].get("metadata", 0) >= 1, what="discovery")
        child.terminate()
        said = ended(child)
    results = {found["address"]: found["outcome"] for found in said.json["results"]}
    assert results["provider/sales/idp"] == "done"
    assert results["account/sales/crm"] == "skipped"
    assert said.code == 4
    town.desk.run("reconcile", expect=0)


@pytest.mark.parametrize(
    ("verb", "code"),
    [
        (("schema",), 0),
        (("plan", "-o", "json"), 0),
        (("plan", "--detailed-exitcode"), 2),
        (("status", "--fail-on-attention"), 5),
        (("--help",), 0),
    ],
)
def test_a_reader_that_leaves_early_changes_nothing_about_how_a_run_ends(
    town: Town, verb: tuple[str, ...], code: int
):
    child = subprocess.Popen(
        [sys.executable, "-u", "-m", "reconciler", *verb],
        cwd=town.desk.folder,
        env=town.desk.variables(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()
    err = child.stderr.read().decode()
    child.stderr.close()
    assert (child.wait(30), err) == (code, "")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_is_no_bug_and_its_number_goes_to_no_file(town: Town, closed: str):
    """As some supervisors start their children."""
    shell = f'exec "{sys.executable}" -m reconciler reconcile -v {closed}'
    done = subprocess.run(
        ["/bin/sh", "-c", shell],
        cwd=town.desk.folder,
        env=town.desk.variables(),
        capture_output=True,
        timeout=30,
    )
    assert done.returncode == 0, done
    assert b"bug" not in done.stdout + done.stderr
    # The store is whole, and nothing that was printed is in it.
    assert town.desk.run("plan", "--detailed-exitcode", expect=0).code == 0
    assert b"tracked" not in town.store_file.read_bytes()
    assert b"info: " not in town.store_file.read_bytes()


def test_a_full_disk_under_stdout_is_said_and_is_no_success(town: Town, monkeypatch: pytest.MonkeyPatch):
    real = click.echo

    def full(text: str, **how: Any) -> None:
        # The result goes there; errors go to stderr, which has room.
        if not how.get("err"):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(text, **how)

    monkeypatch.setattr("reconciler.cli.output.click.echo", full)
    said = town.desk.run("reconcile", expect=1)
    assert said.err == (
        "error: the result cannot be written to stdout: No space left on device\n"
        "  hint: what was done is done: 'reconciler status' shows it\n"
    )


@pytest.mark.race
@pytest.mark.parametrize("rounds", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_runs_at_the_same_time_refresh_a_single_use_grant_once(town: Town, rounds: int):
    """The embedded store alone keeps four processes apart."""
    town.settle("crm")
    for _ in range(rounds):
        town.sandbox.reset_counters()
        town.sandbox.add_fault(faults.delay("token", 0.3))
        children = [
            subprocess.Popen(
                [sys.executable, "-m", "reconciler", "refresh", "--force", "sales/crm", "-o", "json"],
                cwd=town.desk.folder,
                env=town.desk.variables(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            for _ in range(4)
        ]
        ends = [ended(child) for child in children]
        assert [said.code for said in ends] == [0] * 4, ends
        assert town.sandbox.counters()["families_revoked"] == 0
        token = town.read("reconciler/grants/sales/crm")["refresh_token"]
        assert town.sandbox.refresh_token_state(token)["state"] == "current"


@pytest.mark.parametrize(
    ("question", "arguments"),
    [
        (b"Paste", ("consent", "--paste", "--no-browser", "sales/crm")),
        (b"Agreed?", ("trust", "provider/sales/idp", "--revoke")),
    ],
    ids=["consent", "trust"],
)
def test_one_signal_ends_a_question_to_a_person(town: Town, question: bytes, arguments: tuple[str, ...]):
    town.desk.run("reconcile", expect=0)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "reconciler", *arguments]
    with subprocess.Popen(
        command, cwd=town.desk.folder, env=town.desk.variables(), stdin=theirs, stdout=theirs, stderr=theirs
    ) as child:
        os.close(theirs)
        try:
            seen = b""
            while question not in seen:
                seen += os.read(ours, 4096)
            # The words stand there a moment before the keyboard is read: no person is as quick as a test.
            time.sleep(1.0)
            child.send_signal(signal.SIGINT)
            assert child.wait(timeout=20) in (5, 130)
        finally:
            child.kill()
            os.close(ours)
    assert "revoked" not in town.desk.run("trust", "--show", expect=0).out
    assert town.read("reconciler/grants/sales/crm") == {}


def pipe_without_a_reader() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def full_disk() -> int:
    return os.open("/dev/full", os.O_WRONLY)


@pytest.mark.parametrize("stderr", [pipe_without_a_reader, full_disk])
@pytest.mark.parametrize("arguments", [(), ("-v",), ("-v", "--log-format", "json")], ids=str)
def test_log_lines_that_nobody_gets_cost_no_grant(
    town: Town, arguments: tuple[str, ...], stderr: Callable[[], int]
):
    """`-v` writes a line after each answer of a provider: one that cannot be written must not throw the answer away."""
    town.settle("crm", "mail")
    nowhere = stderr()
    child = subprocess.run(
        [sys.executable, "-m", "reconciler", "refresh", "--force", "-o", "json", *arguments],
        cwd=town.desk.folder,
        env=town.desk.variables(),
        stdout=subprocess.PIPE,
        stderr=nowhere,
        check=False,
    )
    os.close(nowhere)
    outcomes = {found["address"]: found["outcome"] for found in json.loads(child.stdout)["results"]}
    assert outcomes == {"account/sales/crm": "done", "account/sales/mail": "done"}
    assert child.returncode == 0
    for name in ("crm", "mail"):
        grant = town.read(f"reconciler/grants/sales/{name}")
        assert town.sandbox.refresh_token_state(grant["refresh_token"])["state"] == "current"


def test_an_error_that_nobody_gets_still_has_its_exit_code(town: Town):
    nowhere = pipe_without_a_reader()
    command = [sys.executable, "-m", "reconciler", "reconcile", "--jobs", "none"]
    child = subprocess.run(
        command, cwd=town.desk.folder, env=town.desk.variables(), stderr=nowhere, check=False
    )
    os.close(nowhere)
    assert child.returncode == 64
