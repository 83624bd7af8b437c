"""A platform team's desk: a folder with manifests, a store, and the command line as a person types it.

Every command is a child process with an environment of its own. `consent` runs at a terminal (a pty), where a scripted
person opens the link that it prints. At a Vault each verb has the login of the role that runs it (`tests/e2e/roles`).
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

_LINK = re.compile(rb"\n(https?://\S+)\r?\n")
_SECONDS = 150.0


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Logins(Protocol):
    def variables_for(self, arguments: tuple[str, ...]) -> Mapping[str, str]:
        """The login with which this command line is run."""
        ...


@dataclass
class Desk:
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    logins: Logins | None = None

    def write(self, name: str, text: str) -> Path:
        """A manifest below manifests/."""
        path = self.folder / "manifests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def variables(self, *arguments: str, **more: str) -> dict[str, str]:
        """The environment of a command line; `more` wins over everything."""
        login = {} if self.logins is None or "VAULT_TOKEN" in more else self.logins.variables_for(arguments)
        base = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "COLUMNS": "110",
            "NO_COLOR": "1",
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        return {**base, **self.environment, **login, **more}

    def run(self, *arguments: str, stdin: str = "", expect: int | None = None, **more: str) -> Said:
        """`more` are further environment variables. With `expect`, another exit code fails the test with all output."""
        done = subprocess.run(
            [sys.executable, "-m", "reconciler", *arguments],
            cwd=self.folder,
            env=self.variables(*arguments, **more),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        said = Said(done.returncode, done.stdout, done.stderr)
        if expect is not None:
            assert said.code == expect, f"{arguments}: exit {said.code}\n{said.out}\n{said.err}"
        return said

    def consent(
        self, account: str, browse: Callable[[str], object], *flags: str, expect: int = 0, **more: str
    ) -> str:
        """Run `consent` at a terminal; `browse` is given the printed link. What the terminal showed."""
        ours, theirs = pty.openpty()
        try:
            child = subprocess.Popen(
                [sys.executable, "-m", "reconciler", "consent", "--no-browser", *flags, account],
                cwd=self.folder,
                env=self.variables("consent", *flags, account, **more),
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
            )
            os.close(theirs)
            seen, browsed, ends_at = b"", False, time.monotonic() + _SECONDS
            while chunk := _read(ours, ends_at):
                seen += chunk
                link = _LINK.search(seen)
                waiting = b"Waiting" in seen or b"Paste" in seen
                if link and waiting and not browsed:
                    browsed = True
                    typed = browse(link[1].decode("ascii"))
                    if b"Paste" in seen:
                        os.write(ours, f"{typed}\n".encode())
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=max(0.1, ends_at - time.monotonic()))
            if child.poll() is None:
                child.kill()
                child.wait()
            shown = seen.decode("utf-8", "replace")
            assert child.returncode == expect, f"consent {account}: exit {child.returncode}\n{shown}"
            return shown
        finally:
            os.close(ours)

    def status(self, account: str) -> dict[str, Any]:
        """One account of `status -o json`."""
        accounts: list[dict[str, Any]] = self.run("status", "-o", "json", expect=0).json["accounts"]
        return next(found for found in accounts if found["address"] == f"account/{account}")

    def attention(self) -> dict[str, str]:
        """Address -> reason of everything that needs a person, by `plan`."""
        plan = self.run("plan", "-o", "json").json
        return {found["address"]: found["reason"] for found in plan["attention"]}


def _read(terminal: int, ends_at: float) -> bytes:
    ready, _, _ = select.select([terminal], [], [], max(0.0, ends_at - time.monotonic()))
    if not ready:
        return b""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
