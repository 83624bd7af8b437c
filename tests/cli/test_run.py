"""`reconciler run`: the process that stays. Real sockets, the sandbox, signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.cli.town import Town, account
from tests.e2e.desk import Desk
from tests.servers.process import free_port


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    url: str
    said: Path

    def told(self) -> str:
        return self.said.read_text() if self.said.is_file() else ""

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", timeout=5, trust_env=False)

    def until(self, true: Callable[[], bool], *, seconds: float = 40) -> None:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            assert self.process.poll() is None, self.told()
            try:
                if true():
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"it did not come so\n{self.told()}")


@contextmanager
def running(town: Town, *flags: str, says: Path | None = None) -> Iterator[Running]:
    port = free_port()
    said = says or town.desk.folder / "said"
    desk = Desk(town.desk.folder, town.desk.environment)
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "reconciler", "run", "--listen", f"127.0.0.1:{port}", *flags],
            cwd=town.desk.folder,
            env=desk.variables("run"),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            yield Running(process, f"http://127.0.0.1:{port}", said)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(30)


@pytest.mark.timeout(180)
@pytest.mark.slow
def test_it_applies_what_is_declared_takes_up_changes_and_ends_gently(town: Town):
    with running(town, "--every", "1h") as it:
        it.until(lambda: it.get("/readyz").status_code == 200)
        assert it.get("/healthz").text == "ok\n"
        assert set(town.rows("tokens/sales")) == {
            "reconciler/tokens/sales/crm",
            "reconciler/tokens/sales/mail",
        }
        town.desk.write("sales/late.yaml", account("late"))
        it.until(lambda: "reconciler/tokens/sales/late" in town.rows("tokens/sales"))
        # The key is there before the run that made it has ended, and is counted.
        counted = 'reconciler_runs_total{exit_code="0",verb="reconcile"} 2.0'
        it.until(lambda: counted in it.get("/metrics").text)
        metrics = it.get("/metrics").text
        assert 'reconciler_accounts{namespace="sales",state="pending-consent"}' in metrics
        assert "ana@example.com" not in metrics
        assert "crm" not in metrics
        assert it.get("/elsewhere").status_code == 404
        os.kill(it.process.pid, signal.SIGTERM)
        assert it.process.wait(30) == 0
        assert "stopping: what was started is finished first" in it.said.read_text()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_what_it_cannot_do_is_told_and_not_the_end(town: Town):
    with running(town) as it:
        it.until(lambda: it.get("/readyz").status_code == 200)
        town.desk.write("sales/late.yaml", account("late").replace("scopes:", "scope:"))
        it.until(lambda: "unknown key 'scope'" in it.said.read_text())
        assert 'exit_code="65"' in it.get("/metrics").text
        town.desk.write("sales/late.yaml", account("late"))
        it.until(lambda: "reconciler/tokens/sales/late" in town.rows("tokens/sales"))


def test_what_is_selected_and_not_there_is_said_and_the_rest_goes_on(town: Town):
    with running(town, "--only", "crm", "--only", "crn", "--only", "idp") as it:
        it.until(lambda: "there is no object 'crn'" in it.said.read_text())
        it.until(lambda: it.get("/readyz").status_code == 200)
        it.until(lambda: "account/sales/crm" in it.said.read_text())


@pytest.mark.timeout(180)
@pytest.mark.slow
def test_a_full_disk_under_what_it_prints_is_not_the_end(town: Town):
    with running(town, "-v", says=Path("/dev/full")) as it:
        it.until(lambda: it.get("/readyz").status_code == 200)
        town.desk.write("sales/late.yaml", account("late"))
        it.until(lambda: "reconciler/tokens/sales/late" in town.rows("tokens/sales"))
        os.kill(it.process.pid, signal.SIGTERM)
        assert it.process.wait(30) == 0


@pytest.mark.parametrize("listen", ["here", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", ":1"])
def test_no_place_to_listen_on_is_a_usage_error(town: Town, listen: str):
    assert "no place to listen on" in town.desk.run("run", "--listen", listen, expect=64).err


def test_a_place_that_is_taken_is_said(town: Town):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = town.desk.run("run", "--listen", f"127.0.0.1:{taken.getsockname()[1]}", expect=64)
    assert "cannot listen on" in said.err


def test_an_interval_that_is_none_is_a_usage_error(town: Town):
    assert "shorter than 10s" in town.desk.run("run", "--every", "1s", expect=64).err


def test_a_run_may_leave_its_metrics_for_the_node_exporter(town: Town):
    town.desk.run("reconcile", "--metrics-file", "oauth.prom", expect=0)
    text = (town.desk.folder / "oauth.prom").read_text()
    assert 'reconciler_results_total{action="register",outcome="done"} 1.0' in text
    assert 'reconciler_attention{reason="NeverConsented"} 2.0' in text
    town.desk.run("refresh", "--metrics-file", "oauth.prom", expect=0)
    assert (
        'reconciler_runs_total{exit_code="0",verb="refresh"} 1.0'
        in (town.desk.folder / "oauth.prom").read_text()
    )
    assert "end in .prom" in town.desk.run("reconcile", "--metrics-file", "oauth.txt", expect=64).err
    said = town.desk.run("reconcile", "--metrics-file", "nowhere/oauth.prom", expect=0)
    assert "warning:" in said.err
