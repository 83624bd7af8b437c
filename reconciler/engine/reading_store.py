"""The whole store to read, and one kind of write: a registration that a server changed while it was read (RFC 7592 §2.1).

Rules:
- `drift` promises to change nothing. A server that answers a read with a new registration access token has changed our
  client already: the old token is dead, and not to store the new one would lose the client. That write alone passes;
- every other write is refused before it is sent, whoever asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from reconciler.engine.reads_below import ReadsBelow
from reconciler.errors import PathDenied
from reconciler.model.secret import Document
from reconciler.model.store_path import Layout, StorePath
from reconciler.ports import SecretStore


class ReadingStore(ReadsBelow):
    """Implements `SecretStore` over another one."""

    def __init__(self, store: SecretStore, *, layout: Layout) -> None:
        super().__init__(store)
        self._store = store
        self._layout = layout

    def capabilities(self, paths: Sequence[StorePath]) -> Mapping[StorePath, frozenset[str]]:
        return self._store.capabilities(paths)

    def ensure_login(self, lasts: timedelta) -> None:
        self._store.ensure_login(lasts)

    def write(self, path: StorePath, document: Document, *, cas: int) -> int:
        if self._layout.provider_at(path) is None or cas == 0:
            raise _refused(path)
        return self._store.write(path, document, cas=cas)

    def write_metadata(
        self,
        path: StorePath,
        custom: Mapping[str, str],
        *,
        max_versions: int | None = None,
        delete_after: timedelta | None = None,
    ) -> None:
        raise _refused(path)

    def delete_newest(self, path: StorePath) -> None:
        raise _refused(path)

    def delete_versions(self, path: StorePath, versions: Sequence[int]) -> None:
        raise _refused(path)

    def purge(self, path: StorePath) -> None:
        raise _refused(path)


def _refused(path: StorePath) -> PathDenied:
    return PathDenied(f"{path}: this verb changes nothing")
