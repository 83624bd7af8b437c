"""How many requests a provider's limit still counts from earlier runs (`rate.limit` of a base).

Rules:
- only what a limit counts is kept, with the provider's status: how many requests the last span had, and when the last was
  made; a run that asked nothing writes nothing;
- a later run takes all of them to be as young as the last: it may wait too long, and never asks too often;
- not counted are runs at the same time, a run that was killed before its end, what other providers share an address with
  this one, and requests besides refreshes (a consent, a revocation): a limit is to be set with room for these.
Pure; `now` is the store's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from reconciler.model.behaviour import RateLimit
from reconciler.model.status import ProviderStatus


def counted(status: ProviderStatus, requests: Sequence[datetime], *, limit: RateLimit) -> ProviderStatus:
    """`status` after these requests, in the order of time; not empty."""
    last = requests[-1]
    inside = sum(last - at < limit.per for at in requests)
    before, _ = still_counted(status, limit=limit, now=last)
    return replace(status, calls=min(inside + before, limit.requests), called_at=last)


def still_counted(status: ProviderStatus | None, *, limit: RateLimit, now: datetime) -> tuple[int, timedelta]:
    """How many requests of earlier runs are in the span that ends `now`, and how old they are taken to be."""
    if status is None or status.called_at is None:
        return 0, timedelta(0)
    age = max(now - status.called_at, timedelta(0))
    return (min(status.calls, limit.requests) if age < limit.per else 0), age
