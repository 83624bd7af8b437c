"""Texts in KV v2 custom_metadata: how a projection fits into 64 keys of 1 to 512 printable characters.

Rules:
- an empty text is left out; one of more than 512 bytes is split over `key`, `key.1`, `key.2` …, and cut after 16 of them;
- unprintable characters are replaced, since the store refuses them;
- reading never raises: what is malformed reads as absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from reconciler.errors import clean
from reconciler.model.duration import format_instant, parse_instant
from reconciler.model.limits import METADATA_TEXT_PARTS, METADATA_VALUE_BYTES

MANAGED_BY = "managed-by"
_CONTINUES = 0x80
"""The first two bits of a byte that is not the first of its character (RFC 3629 §3)."""


def ownership_mark(owner: str) -> str:
    """The value of `managed-by` for a reconciler called `owner`."""
    return f"reconciler/{owner}"


def split_metadata(texts: Mapping[str, str]) -> dict[str, str]:
    """Texts as custom_metadata: empty ones left out, unprintable characters replaced, long ones split at 512 bytes."""
    result: dict[str, str] = {}
    for key, text in texts.items():
        shown = clean(text, cap=METADATA_TEXT_PARTS * METADATA_VALUE_BYTES)
        if len(shown) <= METADATA_VALUE_BYTES and shown.isascii():
            parts = [shown] if shown else []  # nearly always so
        else:
            parts = _parts(shown)[:METADATA_TEXT_PARTS]
        for index, part in enumerate(parts):
            result[key if index == 0 else f"{key}.{index}"] = part
    return result


def _parts(text: str) -> list[str]:
    """Of at most 512 bytes each, no character cut in two."""
    encoded, parts, at = text.encode(), [], 0
    while at < len(encoded):
        end = min(at + METADATA_VALUE_BYTES, len(encoded))
        while end < len(encoded) and encoded[end] & 0xC0 == _CONTINUES:
            end -= 1
        parts.append(encoded[at:end].decode())
        at = end
    return parts


def join_metadata(custom: Mapping[str, str]) -> dict[str, str]:
    """The inverse of `split_metadata`; parts without their first part are ignored."""
    if not any("." in key for key in custom):
        return dict(custom)  # nothing was long: nearly always so
    result: dict[str, str] = {}
    for key, text in custom.items():
        if "." in key:
            continue
        parts, index = [text], 1
        while (part := custom.get(f"{key}.{index}")) is not None:
            parts.append(part)
            index += 1
        result[key] = "".join(parts)
    return result


def seconds_text(duration: timedelta | None) -> str:
    return "" if duration is None else str(int(duration.total_seconds()))


def instant_text(instant: datetime | None) -> str:
    return "" if instant is None else format_instant(instant)


def read_instant(text: str) -> datetime | None:
    try:
        return parse_instant(text)
    except ValueError:
        return None


def read_whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def read_seconds(text: str) -> timedelta | None:
    seconds = read_whole(text)
    return None if seconds is None else timedelta(seconds=seconds)
