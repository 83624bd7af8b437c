"""When the controller has to do something next: by what is due and when, not by a tick.

Rules:
- everything is looked at once in every interval, and at once where the manifests have changed;
- in between, an account is refreshed at its own time; all that are due by then are one piece of work;
- after a failure the next look comes soon, then later and later, and never later than the interval;
- what may not be tried yet (Retry-After, an incident, a suspicion) is due at the moment that says so.
Pure: `now` is the store's clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from reconciler.decide.account_view import AccountView
from reconciler.decide.health import Health, may_be_refreshed
from reconciler.model.names import Address
from reconciler.model.state import AccountState

_FIRST_AGAIN = timedelta(seconds=5)
_NEVER = frozenset({AccountState.SUSPENDED, AccountState.ORPHANED, AccountState.UNKNOWN})


def due_times(
    views: Mapping[Address, AccountView], healths: Mapping[Address, Health]
) -> dict[Address, datetime]:
    """When each account is due as things stand; those that are not due by time are left out."""
    found = {}
    for address, view in views.items():
        health = healths[address]
        if view.account is None or view.broken or view.foreign or health.state in _NEVER:
            continue
        if health.not_before is not None:
            found[address] = health.not_before
        elif view.timing is not None and may_be_refreshed(view, health.state, health.reason):
            found[address] = view.timing.due_at
    return found


def due_by(times: Mapping[Address, datetime], now: datetime) -> frozenset[Address]:
    """Whom to refresh now."""
    return frozenset(address for address, at in times.items() if at <= now)


def next_moment(
    times: Mapping[Address, datetime], *, now: datetime, looked_at: datetime, every: timedelta
) -> datetime:
    """When to do the next thing: the earliest due, or the next look at everything. Not before `now`."""
    return max(now, min([looked_at + every, *times.values()]))


def pause_after(failures: int, *, every: timedelta) -> timedelta:
    """How long to wait after that many failures in a row."""
    doubled: int = 2 ** min(failures - 1, 10)
    return min(every, _FIRST_AGAIN * doubled)
