"""KV version 2 in memory: keys, versions, custom metadata, and the clock that stamps them.

The rules are those that Vault 1.21 and OpenBao 2.6 showed (facts/vault-kv.md): a key with metadata alone has version 0
and takes `cas=0`; a deleted newest version keeps its number; listing shows deleted keys; a metadata write replaces
custom metadata whole and makes no version. One lock stands for the server's own per-key lock.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.errors import CasConflict
from reconciler.model.secret import Document
from reconciler.model.store_path import StorePath
from reconciler.model.stored import ABSENT, DEFAULT_VERSIONS_KEPT, KeyMetadata, Stored, VersionInfo

START = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass
class Version:
    raw: bytes
    created: datetime
    deleted: datetime | None = None

    def gone(self, now: datetime) -> datetime | None:
        """When it was deleted; None while that lies ahead."""
        return None if self.deleted is None or self.deleted > now else self.deleted


@dataclass
class Key:
    current: int = 0
    versions: dict[int, Version] = field(default_factory=dict)
    custom: dict[str, str] = field(default_factory=dict)
    max_versions: int = 0
    delete_after: timedelta = timedelta(0)

    def metadata(self, now: datetime) -> KeyMetadata:
        shown = {n: VersionInfo(n, v.created, v.gone(now)) for n, v in self.versions.items()}
        return KeyMetadata(self.current, shown, dict(self.custom), self.max_versions)


@dataclass
class KvWorld:
    """What all clients of one simulated server share. `clock` None: its own, which moves by `advance` only."""

    clock: Callable[[], datetime] | None = None
    keys: dict[StorePath, Key] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _now: datetime = START
    _stamped: datetime = START

    def now(self) -> datetime:
        return self._now if self.clock is None else self.clock()

    def latest(self) -> datetime:
        """Now, or the last stamp, where that is ahead by a microsecond."""
        return max(self.now(), self._stamped)

    def advance(self, by: timedelta) -> None:
        self._now += by

    def stamp(self) -> datetime:
        """Now, and a microsecond later than any stamp before: as on a server, no two writes share a moment."""
        self._stamped = max(self.now(), self._stamped + timedelta(microseconds=1))
        return self._stamped

    def write(self, path: StorePath, raw: bytes, *, cas: int) -> int:
        with self.lock:
            held = self.keys.get(path)
            if cas != (held.current if held else 0):
                raise CasConflict(f"{path}: version {cas} is not the newest")
            key = self.keys.setdefault(path, Key())
            key.current += 1
            created = self.stamp()
            ends = created + key.delete_after if key.delete_after else None
            key.versions[key.current] = Version(raw, created, ends)
            kept = key.max_versions or DEFAULT_VERSIONS_KEPT
            for old in [n for n in key.versions if n <= key.current - kept]:
                del key.versions[old]
            return key.current

    def read(self, path: StorePath, *, version: int | None) -> Stored:
        with self.lock:
            key = self.keys.get(path)
            if key is None:
                return ABSENT
            number = key.current if version is None else version
            found = key.versions.get(number)
            if found is None:
                return ABSENT
            alive = found.gone(self.latest()) is None
            values: dict[str, Any] = json.loads(found.raw)
            return Stored(
                version=number,
                document=Document(values) if alive else None,
                created_time=found.created,
                deleted=not alive,
                custom=dict(key.custom),
            )

    def metadata(self, path: StorePath) -> KeyMetadata | None:
        with self.lock:
            key = self.keys.get(path)
            return None if key is None else key.metadata(self.latest())

    def below(self, folder: StorePath) -> dict[StorePath, KeyMetadata]:
        depth = len(folder.segments)
        with self.lock:
            return {
                path: key.metadata(self.latest())
                for path, key in sorted(self.keys.items(), key=lambda item: item[0].segments)
                if path.mount == folder.mount
                and path.segments[:depth] == folder.segments
                and len(path.segments) > depth
            }

    def names(self, folder: StorePath) -> list[str]:
        depth = len(folder.segments)
        found = set()
        for path in self.below(folder):
            found.add(path.segments[depth] + ("/" if len(path.segments) > depth + 1 else ""))
        return sorted(found)

    def set_metadata(
        self,
        path: StorePath,
        custom: Mapping[str, str],
        *,
        max_versions: int | None,
        delete_after: timedelta | None = None,
    ) -> None:
        with self.lock:
            key = self.keys.setdefault(path, Key())
            key.custom = dict(custom)
            if max_versions is not None:
                key.max_versions = max_versions
            if delete_after is not None:
                key.delete_after = delete_after

    def delete_newest(self, path: StorePath) -> None:
        with self.lock:
            key = self.keys.get(path)
            self.delete_versions(path, [key.current] if key else [])

    def delete_versions(self, path: StorePath, versions: Sequence[int]) -> None:
        with self.lock:
            key = self.keys.get(path)
            for number in versions:
                found = key.versions.get(number) if key else None
                if found is not None and found.gone(self.latest()) is None:
                    found.deleted = self.stamp()

    def purge(self, path: StorePath) -> None:
        with self.lock:
            self.keys.pop(path, None)
