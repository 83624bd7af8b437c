"""A command as a process of its own, for what only a process has: signals, pipes that close, arguments that others see."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.e2e.desk import Desk, Said

_SECONDS = 30.0


@contextmanager
def started(desk: Desk, *arguments: str, **more: Any) -> Iterator[subprocess.Popen[bytes]]:
    """The running command; killed at the end if it has not ended by itself."""
    child = subprocess.Popen(
        [sys.executable, "-m", "reconciler", *arguments],
        cwd=desk.folder,
        env=desk.variables(**more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        for stream in (child.stdout, child.stderr):
            if stream is not None:
                stream.close()
        child.wait()


def ended(child: subprocess.Popen[bytes]) -> Said:
    out, err = child.communicate(timeout=_SECONDS)
    return Said(child.returncode, out.decode(), err.decode())


def wait_until(condition: Callable[[], bool], *, what: str, seconds: float = _SECONDS) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.01)
