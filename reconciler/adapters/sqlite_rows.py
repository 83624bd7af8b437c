"""Rows of the embedded store <-> our values: paths as text, times as microseconds, versions as `KeyMetadata`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from reconciler.model.store_path import StorePath, reference_path
from reconciler.model.stored import KeyMetadata, VersionInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

VersionRow = tuple[int, int, int | None]
"""Version, created, deleted."""
KeyRow = tuple[int, str, int]
"""Current version, custom metadata as JSON, max_versions."""


def seal_place(path: StorePath, number: int) -> str:
    """What a sealed value is bound to."""
    return f"reconciler/sqlite/1\n{path}\n{number}"


def range_below(folder: StorePath) -> tuple[str, str]:
    """The bounds of all paths below `folder`: '0' is the character after '/'."""
    return f"{folder}/", f"{folder}0"


def path_of(text: str) -> StorePath:
    mount, separator, rest = text.rpartition(":")
    return reference_path(rest, mount=mount if separator else None)


def time_of(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds_of(moment: datetime) -> int:
    return (moment.astimezone(UTC) - _EPOCH) // _MICROSECOND


def metadata_of(key: KeyRow, versions: Sequence[VersionRow]) -> KeyMetadata:
    current, custom, max_versions = key
    return KeyMetadata(
        current_version=current,
        versions={
            number: VersionInfo(number, time_of(created), None if deleted is None else time_of(deleted))
            for number, created, deleted in versions
        },
        custom=json.loads(custom),
        max_versions=max_versions,
    )
