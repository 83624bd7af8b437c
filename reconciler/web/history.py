"""What happened to an account, told from the store's own versions: when tokens were published and grants written.

Rules: only what the store says is told, by its clock; nothing is read but metadata; the newest comes first, and few enough
to be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.model.stored import KeyMetadata, VersionInfo
from reconciler.web.lookout import Closeup

_MOST = 20
_SAME = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Event:
    at: datetime
    what: str
    detail: str = ""


def history_of(close: Closeup) -> tuple[Event, ...]:
    """The newest first."""
    seen = close.observed.accounts.get(close.row.address)
    status = seen.status if seen else None
    consented = status.consented_at if status else None
    events = [_published(info) for info in _versions(close.tokens)]
    events += [
        Event(info.created_time, "grant written", f"version {info.version} of the grant")
        for info in _versions(close.grants)
    ]
    if consented is not None:
        events.append(Event(consented, "connected by a person"))
    if status is not None and not any(abs(event.at - status.since) < _SAME for event in events):
        events.append(Event(status.since, "state changed", f"{status.state.value}: {status.reason.value}"))
    return tuple(sorted(events, key=lambda event: event.at, reverse=True)[:_MOST])


def _versions(metadata: KeyMetadata | None) -> list[VersionInfo]:
    return [] if metadata is None else list(metadata.versions.values())


def _published(info: VersionInfo) -> Event:
    gone = "" if info.alive else ", withdrawn since"
    return Event(info.created_time, "token published", f"version {info.version}{gone}")
