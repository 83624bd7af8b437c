"""What a KV v2 store says of one key and of one version. Times are UTC, by the store's clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.model.secret import Document


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
    """One read. `version` is what the next write's `cas` must be; `document` None: absent, deleted or destroyed."""

    version: int
    document: Document | None
    created_time: datetime | None = None
    deleted: bool = False
    custom: Mapping[str, str] = field(default_factory=dict)
