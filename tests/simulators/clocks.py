"""Time, chance and log lines that a test owns: nothing sleeps, every run replays."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass
class ManualClock:
    """Stands still until a test moves it; a sleep moves it at once. `on_sleep` lets the world act meanwhile."""

    instant: datetime = datetime(2030, 1, 1, tzinfo=UTC)
    elapsed: float = 1000.0
    slept: list[float] = field(default_factory=list)
    on_sleep: Callable[[float], None] = lambda seconds: None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self) -> datetime:
        return self.instant

    def monotonic(self) -> float:
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.on_sleep(seconds)
        self.advance(timedelta(seconds=seconds))

    def advance(self, by: timedelta) -> None:
        with self._lock:
            self.instant += by
            self.elapsed += by.total_seconds()


@dataclass
class CountingEntropy:
    """Different every time, the same in every run."""

    prefix: str = "op"
    count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def token(self, nbytes: int) -> str:
        with self._lock:
            self.count += 1
            return f"{self.prefix}-{self.count}"

    def fraction(self) -> float:
        return 0.5


@dataclass
class RecordedEvents:
    lines: list[tuple[str, dict[str, str | float | bool | None]]] = field(default_factory=list)

    def info(self, event: str, /, **fields: str | float | bool | None) -> None:
        self.lines.append((event, fields))

    def warning(self, event: str, /, **fields: str | float | bool | None) -> None:
        self.lines.append((event, fields))

    def progress(self, stage: str, /, *, done: int, total: int) -> None:
        self.lines.append((f"progress.{stage}", {"done": done, "total": total}))
