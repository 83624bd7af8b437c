"""The store as `plan` and `status` get it: no method that writes, and data only where no secret can be (DESIGN §1).

Rules: reading data is for `trust/` alone; asking for any other path is a bug and is refused before it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from reconciler.errors import PathDenied
from reconciler.model.store_path import Layout, StorePath
from reconciler.model.stored import KeyMetadata, Stored
from reconciler.ports import MetadataStore


class MetadataOnly:
    """Implements `MetadataStore` over another one, and nothing else of it can be reached by its callers' types."""

    def __init__(self, store: MetadataStore, *, layout: Layout) -> None:
        self._store = store
        self._layout = layout

    def read_metadata(self, path: StorePath) -> KeyMetadata | None:
        return self._store.read_metadata(path)

    def list_keys(self, folder: StorePath) -> list[str]:
        return self._store.list_keys(folder)

    def scan_metadata(self, folder: StorePath) -> Mapping[StorePath, KeyMetadata] | None:
        return self._store.scan_metadata(folder)

    def read(self, path: StorePath, *, version: int | None = None) -> Stored:
        trust = self._layout.trust.segments
        if path.mount is not None or path.segments[: len(trust)] != trust:
            raise PathDenied(f"{path}: a plan reads no data but that of trust/")
        return self._store.read(path, version=version)

    def server_time(self) -> datetime:
        return self._store.server_time()

    def describe(self) -> str:
        return self._store.describe()
