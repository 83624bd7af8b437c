"""One child process on a loopback port: started, waited for, stopped by its own pid.

Nothing here looks a process up by name. A child dies with the test run that started it, where the
system can promise that (`setpriv --pdeathsig`, util-linux), so that a killed run leaves no server behind.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class ServerFailed(AssertionError):
    """A server did not start, or died; the message carries the end of its log."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def clean_environment() -> dict[str, str]:
    """This process's environment without anything that would point a server or a client at a real Vault."""
    foreign = ("VAULT_", "BAO_", "RECONCILER_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


@dataclass(kw_only=True)
class Child:
    """A running child and the file that its output goes to."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @classmethod
    def start(cls, argv: Sequence[str], *, log: Path, extra: Mapping[str, str] | None = None) -> "Child":
        """Starts `argv` in a process group of its own; `extra` is added to a cleaned environment."""
        tied = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        with log.open("ab") as sink:
            process = subprocess.Popen(
                [*tied, *argv],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env={**clean_environment(), **(extra or {})},
                start_new_session=True,
            )
        return cls(process=process, log=log)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def wait_until(self, ready: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Polls `ready` until it says yes; raises ServerFailed when the child dies or the time is up."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.alive:
                raise ServerFailed(f"{what}: exit {self.process.returncode}\n{self.tail()}")
            if time.monotonic() > deadline:
                raise ServerFailed(f"{what}: not ready after {seconds:g} s\n{self.tail()}")
            time.sleep(0.03)

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

    def stop(self, *, hard: bool = False) -> None:
        """SIGTERM, then SIGKILL after ten seconds; `hard` is SIGKILL at once."""
        if self.alive:
            self.process.send_signal(signal.SIGKILL if hard else signal.SIGTERM)
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait(timeout=10)

    def freeze(self) -> None:
        """SIGSTOP: the process keeps its sockets and answers nothing, once each of its threads has stopped."""
        self.process.send_signal(signal.SIGSTOP)
        ends_at = time.monotonic() + 10
        while not self._stopped() and time.monotonic() < ends_at:
            time.sleep(0.005)

    def _stopped(self) -> bool:
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/stat")
        return all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in threads)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)
