"""What a store over another one reads: whatever the one below reads.

Rules: reading alone. A store that lets less be read says so itself, and so does each of what may be written and in which
form: a new way to write is no method of any of them until somebody has decided about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from reconciler.model.store_path import StorePath
from reconciler.model.stored import KeyMetadata, Stored
from reconciler.ports import MetadataStore


class ReadsBelow:
    """Implements `MetadataStore` over another one."""

    def __init__(self, below: MetadataStore) -> None:
        self._read_from = below

    def read_metadata(self, path: StorePath) -> KeyMetadata | None:
        return self._read_from.read_metadata(path)

    def list_keys(self, folder: StorePath) -> list[str]:
        return self._read_from.list_keys(folder)

    def scan_metadata(self, folder: StorePath) -> Mapping[StorePath, KeyMetadata] | None:
        return self._read_from.scan_metadata(folder)

    def read(self, path: StorePath, *, version: int | None = None) -> Stored:
        return self._read_from.read(path, version=version)

    def server_time(self) -> datetime:
        return self._read_from.server_time()

    def describe(self) -> str:
        return self._read_from.describe()
