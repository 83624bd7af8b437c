"""What a KV v2 store says of one key and of one version, and what one may hold. Times are UTC, by the store's clock.

The limits are those of Vault's KV v2 and hold for every store, so that what one accepts the others accept too:
custom metadata is at most 64 keys of 1 to 128 characters, each value 1 to 512 printable characters; a record is at
most `ANSWER_LIMITS.record_bytes` of JSON. What breaks them is refused before it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from reconciler.errors import ObjectFailed, RecordTooLarge
from reconciler.model.limits import ANSWER_LIMITS, METADATA_KEYS, METADATA_VALUE_BYTES
from reconciler.model.secret import Document

METADATA_KEY_BYTES = 128
DEFAULT_VERSIONS_KEPT = 10
"""What KV v2 keeps of a key whose `max_versions` is 0."""

ALL_CAPABILITIES = frozenset({"create", "read", "update", "delete", "list"})
"""What a login without limits may do with data, in Vault's words."""


@dataclass(frozen=True, slots=True)
class VersionInfo:
    version: int
    created_time: datetime
    deletion_time: datetime | None = None
    destroyed: bool = False

    @property
    def alive(self) -> bool:
        return self.deletion_time is None and not self.destroyed


@dataclass(frozen=True, slots=True)
class KeyMetadata:
    """`current_version` 0: the key has metadata only, nothing was ever written to it."""

    current_version: int
    versions: Mapping[int, VersionInfo] = field(default_factory=dict)
    custom: Mapping[str, str] = field(default_factory=dict)
    max_versions: int = 0

    @property
    def newest(self) -> VersionInfo | None:
        return self.versions.get(self.current_version)


@dataclass(frozen=True, slots=True)
class Stored:
    """One read. `version` is what the next write's `cas` must be; `document` None: absent, deleted or destroyed.

    A read of a given version carries that version's number, or 0 where the store has no such version.
    """

    version: int
    document: Document | None
    created_time: datetime | None = None
    deleted: bool = False
    custom: Mapping[str, str] = field(default_factory=dict)


ABSENT = Stored(version=0, document=None)


def parse_time(text: str) -> datetime:
    """An RFC 3339 time as stores write it (`2026-01-02T03:04:05.123456789Z`), cut to microseconds, in UTC.

    ValueError where it is none.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return moment.astimezone(UTC)


def encode_record(path: object, document: Document) -> bytes:
    """The JSON bytes of a record. RecordTooLarge; ObjectFailed where it holds what JSON cannot carry."""
    try:
        encoded = document.to_json()
    except (TypeError, ValueError):
        raise ObjectFailed(f"{path}: the record holds something that JSON cannot carry") from None
    if len(encoded) > ANSWER_LIMITS.record_bytes:
        raise RecordTooLarge(
            f"{path}: the record has {len(encoded)} bytes, the most that is stored is {ANSWER_LIMITS.record_bytes}"
        )
    return encoded


def check_custom(path: object, custom: Mapping[str, str]) -> None:
    """ObjectFailed where a store would refuse this custom metadata. The message names keys, never values."""
    if len(custom) > METADATA_KEYS:
        raise ObjectFailed(f"{path}: {len(custom)} metadata keys, the most that is stored is {METADATA_KEYS}")
    for key, value in custom.items():
        if not 1 <= len(key.encode("utf-8", "surrogatepass")) <= METADATA_KEY_BYTES or not key.isprintable():
            raise ObjectFailed(f"{path}: a metadata key is empty, too long or not printable")
        if not 1 <= len(value.encode("utf-8", "surrogatepass")) <= METADATA_VALUE_BYTES:
            raise ObjectFailed(
                f"{path}: metadata {key!r} is empty or longer than {METADATA_VALUE_BYTES} bytes"
            )
        if not value.isprintable():
            raise ObjectFailed(f"{path}: metadata {key!r} is not printable")
