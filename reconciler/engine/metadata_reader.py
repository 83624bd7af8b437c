"""Reads many keys' metadata at once: one pool, a scan where the server can, lists and single reads where it cannot.

Rules:
- a path that is denied is an answer about that path, not the end of the run;
- a list that is denied makes us ask for what is declared, and is remembered: what else is there was not seen;
- a key that no list shows is not asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from reconciler.engine.progress import telling
from reconciler.errors import PathDenied
from reconciler.model.names import is_name
from reconciler.model.store_path import StorePath
from reconciler.model.stored import KeyMetadata
from reconciler.ports import Events, MetadataStore

_AT_A_TIME = 16
_SHARES = 64
"""At least so many hand-overs, so that no thread is left with a long share while the others have none."""
_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class Read:
    """One key's metadata (None: there is no such key), or why it could not be read."""

    metadata: KeyMetadata | None = None
    unreadable: str = ""


class MetadataReader:
    """`unlisted` are the folders whose list was denied."""

    def __init__(self, store: MetadataStore, pool: ThreadPoolExecutor, events: Events | None = None) -> None:
        self._store = store
        self._pool = pool
        self._events = events
        self.unlisted: list[str] = []

    def each(self, work: Callable[[_T], _R], items: Sequence[_T]) -> list[_R]:
        """In the order of `items`. Handed to the pool a few at a time: a hand-over costs a tenth of a read."""

        def some(few: Sequence[_T]) -> list[_R]:
            return [work(item) for item in few]

        size = max(1, min(_AT_A_TIME, len(items) // _SHARES))
        slices = [items[start : start + size] for start in range(0, len(items), size)]
        done = chain.from_iterable(self._pool.map(some, slices))
        return list(telling(done, self._events, stage="reading the store", total=len(items)))

    def folder(self, folder: StorePath, *, declared: Iterable[StorePath]) -> dict[StorePath, Read]:
        """Every key two levels below `folder`; where a list is denied, at least the declared ones."""
        scanned = self.scan(folder)
        if scanned is not None:
            return {path: Read(metadata) for path, metadata in scanned.items()}
        wanted = self.listed(folder, frozenset(declared))
        return dict(zip(wanted, self.each(self.read, wanted), strict=True))

    def read(self, path: StorePath) -> Read:
        try:
            return Read(self._store.read_metadata(path))
        except PathDenied as denied:
            return Read(unreadable=denied.message)

    def scan(self, folder: StorePath) -> Mapping[StorePath, KeyMetadata] | None:
        """None where the server cannot, or we may not."""
        try:
            return self._store.scan_metadata(folder)
        except PathDenied:
            return None

    def listed(self, folder: StorePath, declared: frozenset[StorePath]) -> list[StorePath]:
        """Paths of the keys two levels below `folder`, sorted."""
        names = self._list(folder)
        if names is None:
            return sorted(declared)
        namespaces = [folder.child(n[:-1]) for n in names if n.endswith("/") and is_name(n[:-1])]
        found: list[StorePath] = []
        for namespace, below in zip(namespaces, self.each(self._list, namespaces), strict=True):
            if below is None:
                found += [path for path in declared if path.segments[:-1] == namespace.segments]
            else:
                found += [namespace.child(name) for name in below if is_name(name)]
        return sorted(found)

    def _list(self, folder: StorePath) -> list[str] | None:
        try:
            return self._store.list_keys(folder)
        except PathDenied:
            self.unlisted.append(str(folder))
            return None
