"""The store of a run: what it writes under `grants/`, `providers/` and `trust/` carries the run's stamp.

Rules:
- no write more than without it: the stamp goes into the record that is written anyway;
- `tokens/` hold access token, type, expiry and scope, and nothing else: whose run it was stands in the metadata beside
  (`engine/published`), and a provider's says who applied it last (`engine/provider_status`);
- secrets that people keep in the store are theirs, and are written as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from reconciler.engine.reads_below import ReadsBelow
from reconciler.model.secret import Document
from reconciler.model.stamp import KEY, Stamp
from reconciler.model.store_path import Layout, StorePath
from reconciler.ports import SecretStore


class StampingStore(ReadsBelow):
    """Implements `SecretStore` over another one, which `below` gives."""

    def __init__(self, below: SecretStore, *, layout: Layout, stamp: Stamp) -> None:
        super().__init__(below)
        self.below = below
        self._stamp = stamp
        self._records = tuple(folder.segments for folder in (layout.grants, layout.providers, layout.trust))

    def write(self, path: StorePath, document: Document, *, cas: int) -> int:
        return self.below.write(path, self._stamped(path, document), cas=cas)

    def _stamped(self, path: StorePath, document: Document) -> Document:
        ours = path.mount is None and any(path.segments[: len(head)] == head for head in self._records)
        return document.having(KEY, self._stamp.to_value()) if ours else document

    def write_metadata(
        self,
        path: StorePath,
        custom: Mapping[str, str],
        *,
        max_versions: int | None = None,
        delete_after: timedelta | None = None,
    ) -> None:
        self.below.write_metadata(path, custom, max_versions=max_versions, delete_after=delete_after)

    # ------------------------------------------------------------------------------------------ as it is below

    def delete_newest(self, path: StorePath) -> None:
        self.below.delete_newest(path)

    def delete_versions(self, path: StorePath, versions: Sequence[int]) -> None:
        self.below.delete_versions(path, versions)

    def purge(self, path: StorePath) -> None:
        self.below.purge(path)

    def capabilities(self, paths: Sequence[StorePath]) -> Mapping[StorePath, frozenset[str]]:
        return self.below.capabilities(paths)

    def ensure_login(self, lasts: timedelta) -> None:
        self.below.ensure_login(lasts)
