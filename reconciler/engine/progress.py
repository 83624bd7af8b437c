"""Tells how far long work has come, seldom enough to cost nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from reconciler.ports import Events

_T = TypeVar("_T")
_TIMES = 100
"""At most this often a stage."""


def telling(items: Iterable[_T], events: Events | None, *, stage: str, total: int) -> Iterator[_T]:
    """`items` as they come; `events` hears of every hundredth of `total`, and of the end."""
    step = max(1, total // _TIMES)
    for done, item in enumerate(items, 1):
        if events is not None and (done % step == 0 or done == total):
            events.progress(stage, done=done, total=total)
        yield item
