"""The sandbox's own time: the machine's, plus an offset that a control call moves forward.

It lets a demo or a test see an hour pass without waiting. It never goes back, since tokens that died would rise again.
"""

from __future__ import annotations

import threading
import time


class SandboxClock:
    """Seconds since the epoch, advanced by hand."""

    def __init__(self, *, ahead: float = 0.0) -> None:
        """`ahead`: by how many seconds it is wrong from the start; negative: behind."""
        self._offset = ahead
        self._lock = threading.Lock()

    def now(self) -> float:
        """The sandbox's present, in seconds since the epoch."""
        return time.time() + self._offset

    def advance(self, seconds: float) -> float:
        """Let `seconds` pass, and return the new present. Negative is a ValueError."""
        if seconds < 0:
            raise ValueError("the sandbox's clock goes forward only")
        with self._lock:
            self._offset += seconds
        return self.now()
