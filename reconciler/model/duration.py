"""Durations as people write them: `90s`, `30m`, `6h`, `180d`, `1h30m`. Instants as RFC 3339 in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?", re.ASCII)
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
MAX_DURATION = timedelta(days=3650)


def parse_duration(text: str) -> timedelta:
    """`[Nd][Nh][Nm][Ns]`, in that order, at least one part, at most ten years. ValueError otherwise."""
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        raise ValueError("write a duration like 90s, 30m, 6h, 180d or 1h30m")
    seconds = sum(int(n) * unit for n, unit in zip(match.groups(), _UNITS.values(), strict=True) if n)
    if seconds > MAX_DURATION.total_seconds():
        raise ValueError("a duration is at most 3650d")
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """The canonical text of whole seconds: `parse_duration(format_duration(d)) == d`."""
    left = int(duration.total_seconds())
    if left <= 0:
        return "0s"
    parts = []
    for unit, size in _UNITS.items():
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def format_rough(duration: timedelta) -> str:
    """For reading: the largest fitting unit, rounded down, in words (`4 min`, `2 days`)."""
    seconds = abs(int(duration.total_seconds()))
    for size, one, many in ((86_400, "day", "days"), (3_600, "h", "h"), (60, "min", "min")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {one if count == 1 else many}"
    return f"{seconds} s"


def format_instant(instant: datetime) -> str:
    """RFC 3339, UTC, whole seconds, `Z`."""
    whole = instant.astimezone(UTC).replace(microsecond=0, tzinfo=None)
    return f"{whole.isoformat()}Z"  # strftime would write the year 999 in three digits


def parse_instant(text: str) -> datetime:
    """RFC 3339 with an offset (nanoseconds cut to microseconds, as Vault writes them). ValueError otherwise."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError("no RFC 3339 time")
    whole, fraction, offset = match.groups()
    zone = "+00:00" if offset in "Zz" else offset
    try:
        return datetime.fromisoformat(f"{whole}{(fraction or '')[:7]}{zone}").astimezone(UTC)
    except (OverflowError, ValueError):
        raise ValueError("no RFC 3339 time") from None
