"""This machine's clock and randomness (ports `Clock`, `Entropy`).

A sleep ends early when the run is asked to stop, so that SIGTERM never waits for a pause.
"""

from __future__ import annotations

import secrets
import threading
import time
from datetime import UTC, datetime

_RANDOM = secrets.SystemRandom()
_STEADY: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Where the system has it, a clock that goes on while the machine is suspended: whoever wakes up knows how long it slept."""


class SystemClock:
    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.clock_gettime(_STEADY)

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self._stop.wait(seconds)


class SystemEntropy:
    def token(self, nbytes: int) -> str:
        return secrets.token_urlsafe(nbytes)

    def fraction(self) -> float:
        return _RANDOM.random()
