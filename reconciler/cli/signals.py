"""SIGTERM, SIGINT, SIGHUP: the first starts nothing more and lets what was started finish; a second one ends at once.

A hangup never does: where a terminal or a connection is lost, kernel and shell both send one. Where it is ignored (nohup) it
stays so. An exchange that is on its way is never cut by the first signal: that would make doubt out of nothing (DESIGN §6.4). A
question to a person is: nothing is lost by it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from reconciler.cli.console import told

_HANGUP = getattr(signal, "SIGHUP", None)
_SIGNALS = (signal.SIGTERM, signal.SIGINT, *([_HANGUP] if _HANGUP else []))


_ASKING = threading.Event()
"""Set while a person is asked something at the terminal."""


@contextmanager
def asking() -> Iterator[None]:
    """While the body waits for a person's words, the first signal is their answer: it ends the question."""
    _ASKING.set()
    try:
        yield
    finally:
        _ASKING.clear()


@contextmanager
def stopping(
    stop: threading.Event, *, in_flight: Callable[[], list[str]], as_json: bool = False
) -> Iterator[None]:
    """Set `stop` at the first signal; at the second, name what was in flight and end with 128 + its number.

    `as_json`: what is said of it is a JSON object a line.
    """

    def handle(number: int, _frame: FrameType | None) -> None:
        if not stop.is_set():
            stop.set()
            if _ASKING.is_set():
                raise KeyboardInterrupt
            _say(
                "stopping: what was started is finished first; a second signal ends at once",
                level="warning",
                as_json=as_json,
            )
            return
        if number == _HANGUP:
            return
        for name in in_flight():
            _say(
                f"error: {name}: cut off while it was being worked on; the next run settles it",
                level="error",
                as_json=as_json,
            )
        os._exit(128 + number)

    heard = [n for n in _SIGNALS if n != _HANGUP or signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(text: str, *, level: str, as_json: bool) -> None:
    # Past Python's buffers: the signal may have come in the middle of a write to one of them.
    line = told(text, level=level, event="stopping", as_json=as_json) + "\n"
    with contextlib.suppress(OSError):
        os.write(2, line.encode())
