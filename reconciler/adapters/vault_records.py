"""Vault's JSON of one key or one version -> our values. Anything that is not KV version 2's shape gives None.

Data goes into a `Document` at once. Times are cut to microseconds. A deletion time that lies ahead belongs to a version
that still lives (`delete_version_after` writes it in advance), so it does not count as deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from reconciler.model.secret import Document
from reconciler.model.stored import KeyMetadata, Stored, VersionInfo, parse_time


def parse_stored(data: Mapping[str, Any]) -> Stored | None:
    """The `data` of a read, of status 200 or of a 404 that carries the metadata of a deleted version."""
    metadata = data.get("metadata")
    if not isinstance(metadata, dict):
        return None
    version, values = metadata.get("version"), data.get("data")
    if not isinstance(version, int) or not isinstance(values, dict | None):
        return None
    try:
        created = parse_time(metadata["created_time"])
    except (KeyError, TypeError, ValueError):
        return None
    return Stored(
        version=version,
        document=None if values is None else Document(values),
        created_time=created,
        deleted=values is None,
        custom=_custom(metadata.get("custom_metadata")),
    )


def parse_metadata(data: Mapping[str, Any], *, now: Callable[[], datetime]) -> KeyMetadata | None:
    """The `data` of a metadata read, or one `key_info` of a bulk read."""
    current, versions = data.get("current_version"), data.get("versions")
    if not isinstance(current, int) or not isinstance(versions, dict):
        return None
    try:
        parsed = {int(number): _version(int(number), said, now) for number, said in versions.items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    kept = data.get("max_versions")
    return KeyMetadata(
        current_version=current,
        versions=parsed,
        custom=_custom(data.get("custom_metadata")),
        max_versions=kept if isinstance(kept, int) else 0,
    )


def _version(number: int, said: Mapping[str, Any], now: Callable[[], datetime]) -> VersionInfo:
    deleted = parse_time(said["deletion_time"]) if said.get("deletion_time") else None
    if deleted is not None and deleted > now():
        deleted = None
    return VersionInfo(number, parse_time(said["created_time"]), deleted, said.get("destroyed") is True)


def _custom(said: object) -> dict[str, str]:
    if not isinstance(said, dict):
        return {}
    return {key: value for key, value in said.items() if isinstance(value, str)}
