"""The stage of `reconciler demo`: a folder, a sandbox, a store of its own, and commands run as a person would run them.

Rules: every command is a child process of this same installation; nothing of the user's own Vault or settings is seen
(VAULT_*, BAO_* and RECONCILER_* are dropped), but for `DEMO_STORE=vault`, and even then under a prefix of its own; a
command that ends otherwise than the story says ends the demo with exit 1.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click

from reconciler.errors import ReconcilerError, UsageError

_LINK = re.compile(rb"(http://127\.0\.0\.1:\d+/authorize\S*)")
_COMMAND_SECONDS = 60.0


class StoryBroken(ReconcilerError):
    """A command of the demo ended otherwise than the story says."""


@dataclass
class Stage:
    """`folder` is where the commands run; `environment` is all that they see."""

    folder: Path
    environment: Mapping[str, str] = field(repr=False)

    def say(self, text: str = "") -> None:
        click.echo(text)

    def scene(self, title: str) -> None:
        self.say(f"\n── {title} ".ljust(100, "─"))

    def run(self, *arguments: str, expect: int = 0, shown: bool = True) -> str:
        """Run `reconciler …` and show it with its output. StoryBroken where it does not exit with `expect`."""
        if shown:
            self.say(f"\n$ reconciler {' '.join(arguments)}")
        done = subprocess.run(  # noqa: S603 - our own command line, no shell
            [sys.executable, "-m", "reconciler", *arguments],
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        text = done.stdout.decode("utf-8", "replace")
        if shown or done.returncode != expect:
            self.say(text.rstrip())
        self._check(arguments, done.returncode, expect)
        return text

    def consent(self, account: str, *, subject: str) -> None:
        """Run `reconciler consent` at a terminal of its own, and let a scripted person press "allow"."""
        from reconciler.sandbox import person

        arguments = ("consent", "--no-browser", account)
        self.say(f"\n$ reconciler {' '.join(arguments)}")
        ours, theirs = pty.openpty()
        try:
            child = subprocess.Popen(  # noqa: S603 - our own command line, no shell
                [sys.executable, "-m", "reconciler", *arguments],
                cwd=self.folder,
                env=dict(self.environment),
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
            )
            os.close(theirs)
            seen, pressed, ends_at = b"", False, time.monotonic() + _COMMAND_SECONDS
            while chunk := _read(ours, ends_at):
                seen += chunk
                link = _LINK.search(seen)
                if link and not pressed and b"Waiting" in seen:
                    pressed = True
                    self._show(seen)
                    seen = b""
                    self.say(f"  ({subject} opens the link, signs in, and presses Allow)")
                    person.press_allow(link[1].decode("ascii"), subject=subject, visit_callback=True)
            self._show(seen)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=max(0.1, ends_at - time.monotonic()))
            if child.poll() is None:
                child.kill()
                child.wait()
            self._check(arguments, child.returncode, 0)
        finally:
            os.close(ours)

    def wait(self, seconds: float, *, why: str) -> None:
        """Let time pass, and say so."""
        self.say(f"\n  … {why}: {seconds:.0f} s pass …")
        time.sleep(seconds)

    def _show(self, raw: bytes) -> None:
        text = raw.decode("utf-8", "replace").replace("\r\n", "\n").strip("\n")
        if text:
            self.say(text)

    def _check(self, arguments: tuple[str, ...], code: int, expect: int) -> None:
        if code != expect:
            raise StoryBroken(f"'reconciler {' '.join(arguments)}' ended with {code}, not {expect}")


def _read(terminal: int, ends_at: float) -> bytes:
    """The next bytes; empty at the end, which a Linux terminal reports as an input error."""
    ready, _, _ = select.select([terminal], [], [], max(0.0, ends_at - time.monotonic()))
    if not ready:
        return b""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def stage_environment(user: Mapping[str, str], *, folder: Path, color: bool) -> dict[str, str]:
    """What the demo's commands see of the user's environment. UsageError where DEMO_STORE makes no store."""
    dropped = ("VAULT_", "BAO_", "RECONCILER_", "XDG_", "DEMO_", "GITHUB_", "CI_")
    kept = {
        k: v for k, v in user.items() if not k.startswith(dropped) and k not in ("CI", "HOME", "FORCE_COLOR")
    }
    kept |= {
        "HOME": str(folder),
        "COLUMNS": "110",
        "PYTHONUTF8": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    kept |= {"FORCE_COLOR": "1"} if color else {"NO_COLOR": "1"}
    wanted = user.get("DEMO_STORE") or "sqlite"
    if wanted == "sqlite":
        return kept | {"RECONCILER_STORE": f"sqlite://{folder}/store/store.db"}
    if wanted != "vault":
        raise UsageError("DEMO_STORE names no store", hint="write DEMO_STORE=vault, or leave it out")
    scheme, _, rest = user.get("RECONCILER_STORE", "").partition("://")
    if scheme != "vault":
        raise UsageError(
            "DEMO_STORE=vault needs a Vault",
            hint="set RECONCILER_STORE=vault://<mount>/<prefix>, VAULT_ADDR and a login",
        )
    kept |= {k: v for k, v in user.items() if k.startswith(("VAULT_", "BAO_", "RECONCILER_VAULT_"))}
    mount = rest.partition("/")[0]
    return kept | {"RECONCILER_STORE": f"vault://{mount}/reconciler-demo-{os.getpid()}-{int(time.time())}"}
