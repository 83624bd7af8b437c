"""A town whose Accounts page is served by the real command in a child process, which a test may stop and start again."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.e2e.desk import Desk
from tests.servers.process import free_port

READY = 60.0


@dataclass
class Served:
    """`desk` is where the command runs; `flags` are those of `serve`."""

    desk: Desk
    flags: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    said: str = ""
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when it listens."""
        process = subprocess.Popen(
            [sys.executable, "-m", "reconciler", "serve", "--listen", f"127.0.0.1:{self.port}", *self.flags],
            cwd=self.desk.folder,
            env=self.desk.variables(**self._login(), **self.variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._process = process
        assert process.stdout is not None
        ends_at, seen = time.monotonic() + READY, b""
        while b"Accounts page is at" not in seen:
            left = ends_at - time.monotonic()
            ready, _, _ = select.select([process.stdout], [], [], max(0.0, left))
            chunk = os.read(process.stdout.fileno(), 65536) if ready else b""
            assert chunk, f"serve did not start: {seen.decode('utf-8', 'replace')}"
            seen += chunk
        self.said += seen.decode("utf-8", "replace")

    def _login(self) -> dict[str, str]:
        """At a Vault: the token of the role that serves."""
        return {} if self.desk.logins is None else dict(self.desk.logins.variables_for(("serve",)))

    def stop(self) -> int:
        """By SIGTERM, as an init system does it; its exit code."""
        process = self._process
        assert process is not None
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=READY)
        self.said += out.decode("utf-8", "replace")
        self._process = None
        return process.returncode

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate(timeout=READY)
            self._process = None

    @contextmanager
    def client(self, **headers: str) -> Iterator[httpx.Client]:
        """A browser without eyes: cookies, no redirects followed."""
        with httpx.Client(
            base_url=self.url, trust_env=False, timeout=30, headers=headers, follow_redirects=False
        ) as client:
            yield client
