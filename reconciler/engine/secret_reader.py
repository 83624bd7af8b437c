"""Reads what references lead to, each version of a secret once a run, whoever names it and for whichever key.

Rules:
- the cache's key is mount, path and version; what was read lives as long as the run and is never written anywhere;
- a missing secret, version or key is SecretMissing, and names the reference; nothing is ever made up in its place;
- a denied path is that object's failure, the store's own errors are the run's.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from reconciler.errors import RecordInvalid, SecretMissing
from reconciler.model.desired import SecretRef
from reconciler.model.secret import Secret
from reconciler.model.store_path import StorePath
from reconciler.model.stored import Stored
from reconciler.ports import MetadataStore


@dataclass(frozen=True, slots=True)
class ReadSecret:
    """`version`: the KV version that it was read from."""

    secret: Secret
    version: int


class SecretReader:
    """One for each run; may be asked from many threads."""

    def __init__(self, store: MetadataStore) -> None:
        self._store = store
        self._seen: dict[tuple[StorePath, int | None], Stored] = {}
        self._guard = threading.Lock()
        self._locks: dict[tuple[StorePath, int | None], threading.Lock] = {}

    def read(self, ref: SecretRef, *, version: int | None = None) -> ReadSecret:
        """The text under the reference's key, of `version` where one is given. SecretMissing where there is none."""
        wanted = version or ref.version
        stored = self._stored(ref.path, wanted)
        where = f"secret {ref.path}" + (f" version {wanted}" if wanted else "")
        if stored.document is None:
            raise SecretMissing(
                f"there is no {where}" + (": its newest version is deleted" if stored.deleted else ""),
                hint="put it there ('reconciler secret set'), or correct the reference",
            )
        try:
            secret = stored.document.secret(ref.key)
        except RecordInvalid:
            raise SecretMissing(f"{where}: what stands under key '{ref.key}' is not text") from None
        if secret is None:
            keys = ", ".join(sorted(stored.document)[:5])
            raise SecretMissing(
                f"{where} has no key '{ref.key}'",
                hint=f"it has {keys}" if keys.isprintable() and keys else "it is empty",
            )
        return ReadSecret(secret, stored.version)

    def _stored(self, path: StorePath, version: int | None) -> Stored:
        key = (path, version)
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            found = self._seen.get(key)
            if found is None:
                found = self._store.read(path, version=version)
                self._seen[key] = found
                if version is None and found.version:
                    self._seen.setdefault((path, found.version), found)
            return found
