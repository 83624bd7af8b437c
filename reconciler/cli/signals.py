"""SIGTERM and SIGINT: the first starts nothing more and lets what was started finish; the second ends at once.

An exchange that is on its way is never cut by the first signal: that would make doubt out of nothing (DESIGN §6.4).
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stopping(stop: threading.Event, *, in_flight: Callable[[], list[str]]) -> Iterator[None]:
    """Set `stop` at the first signal; at the second, name what was in flight and end with 128 + its number."""

    def handle(number: int, _frame: FrameType | None) -> None:
        if not stop.is_set():
            stop.set()
            click.echo("stopping: what was started is finished first; a second signal ends at once", err=True)
            return
        for name in in_flight():
            click.echo(
                f"error: {name}: cut off while it was being worked on; the next run settles it", err=True
            )
        os._exit(128 + number)

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
