"""A `SecretStore` in one SQLite file, so that a laptop and the demo need no server. KV version 2 semantics, sealed values.

Rules:
- every change is one transaction that takes the write lock at its begin, so that check-and-set holds between processes;
- a commit is on disk before it is reported; one whose end is unknown is `WriteUnclear`;
- values are sealed with their path and version; metadata is in clear, as it never holds a secret;
- a store that exists is never given a new key: a wrong or missing key is `LoginRefused` (exit 8).

Each thread has its own connection; a fork starts with new ones.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.adapters.sqlite_moving import refuse_moved
from reconciler.adapters.sqlite_rows import (
    add_version,
    mark_deleted,
    metadata_below,
    metadata_of,
    microseconds_of,
    put_metadata,
    range_below,
    remove_key,
    seal_place,
    time_of,
)
from reconciler.adapters.sqlite_schema import (
    add_missing_tables,
    is_new,
    lacks_tables,
    make_tables,
    open_connection,
    prepare_file,
    translated,
)
from reconciler.adapters.sqlite_sealing import GivenKey, KeyFile, KeySource, Sealer, Unsealable, load_key
from reconciler.errors import CasConflict, LoginRefused, RecordInvalid, StoreUnreachable, WriteUnclear, clean
from reconciler.model.secret import Document, Secret
from reconciler.model.store_path import StorePath
from reconciler.model.stored import (
    ABSENT,
    ALL_CAPABILITIES,
    DEFAULT_VERSIONS_KEPT,
    KeyMetadata,
    Stored,
    check_custom,
    encode_record,
)

_PROOF = b"reconciler"
_PROOF_PLACE = "lock"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SqliteStore:
    """Opens `path`; a new store is made with a new key.

    `key` is the base64 of the key (RECONCILER_KEY); None: it is in `key_file`, by default `<path>` with the suffix
    `.key`. StoreError where file or folder cannot be used or is open to others; LoginRefused for a wrong key; StoreMoved
    for one that was moved elsewhere.
    """

    def __init__(
        self,
        path: Path,
        *,
        key: Secret | None = None,
        key_file: Path | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        source = KeyFile(key_file or path.with_suffix(".key")) if key is None else GivenKey(key)
        self._path = path
        self._now = now
        self._local = threading.local()
        self._all: list[tuple[int, sqlite3.Connection]] = []
        self._guard = threading.Lock()
        prepare_file(path)
        self._sealer = self._unlock(source)

    def close(self) -> None:
        with self._guard:
            for pid, connection in self._all:
                if pid == os.getpid():
                    connection.close()
            self._all.clear()
            self._local = threading.local()

    # ------------------------------------------------------------------------------------------------- reading

    def read(self, path: StorePath, *, version: int | None = None) -> Stored:
        with self._reading() as rows:
            key = rows.execute("SELECT current, custom FROM keys WHERE path = ?", (str(path),)).fetchone()
            if key is None:
                return ABSENT
            number = key[0] if version is None else version
            found = rows.execute(
                "SELECT v.created, v.deleted, s.value FROM versions v"
                " LEFT JOIN sealed s ON s.path = v.path AND s.version = v.version"
                " WHERE v.path = ? AND v.version = ?",
                (str(path), number),
            ).fetchone()
        if found is None:
            return ABSENT
        created, deleted, value = found
        alive = value is not None and (deleted is None or deleted > self._microseconds())
        return Stored(
            version=number,
            document=self._open(path, number, value) if alive else None,
            created_time=time_of(created),
            deleted=not alive,
            custom=json.loads(key[1]),
        )

    def read_metadata(self, path: StorePath) -> KeyMetadata | None:
        with self._reading() as rows:
            key = rows.execute(
                "SELECT current, custom, max_versions FROM keys WHERE path = ?", (str(path),)
            ).fetchone()
            if key is None:
                return None
            versions = rows.execute(
                "SELECT version, created, deleted FROM versions WHERE path = ?", (str(path),)
            ).fetchall()
        return metadata_of(key, versions, now=self._microseconds())

    def list_keys(self, folder: StorePath) -> list[str]:
        start = len(str(folder)) + 1
        with self._reading() as rows:
            paths = rows.execute(
                "SELECT path FROM keys WHERE path > ? AND path < ?", range_below(folder)
            ).fetchall()
        names = set()
        for (path,) in paths:
            name, deeper, _ = path[start:].partition("/")
            names.add(name + deeper)
        return sorted(names)

    def scan_metadata(self, folder: StorePath) -> Mapping[StorePath, KeyMetadata] | None:
        with self._reading() as rows:
            return metadata_below(rows, folder, now=self._microseconds())

    def server_time(self) -> datetime:
        return self._now().astimezone(UTC)

    def describe(self) -> str:
        return f"sqlite {clean(self._path)}"

    # ------------------------------------------------------------------------------------------------- writing

    def write(self, path: StorePath, document: Document, *, cas: int) -> int:
        raw = encode_record(path, document)
        with self._writing(path) as rows:
            key = rows.execute(
                "SELECT current, max_versions FROM keys WHERE path = ?", (str(path),)
            ).fetchone()
            if cas != (key[0] if key else 0):
                raise CasConflict(f"{path}: version {cas} is not the newest any more")
            number = cas + 1
            value = self._sealer.seal(raw, place=seal_place(path, number))
            kept = (key[1] if key else 0) or DEFAULT_VERSIONS_KEPT
            add_version(rows, path, number=number, created=self._microseconds(), value=value, kept=kept)
        return number

    def write_metadata(
        self,
        path: StorePath,
        custom: Mapping[str, str],
        *,
        max_versions: int | None = None,
        delete_after: timedelta | None = None,
    ) -> None:
        check_custom(path, custom)
        text = json.dumps(dict(custom), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        with self._writing(path) as rows:
            put_metadata(rows, path, text, max_versions=max_versions, delete_after=delete_after)

    def delete_newest(self, path: StorePath) -> None:
        with self._writing(path) as rows:
            newest = rows.execute("SELECT current FROM keys WHERE path = ?", (str(path),)).fetchone()
            mark_deleted(rows, path, versions=newest or (), at=self._microseconds())

    def delete_versions(self, path: StorePath, versions: Sequence[int]) -> None:
        with self._writing(path) as rows:
            mark_deleted(rows, path, versions=versions, at=self._microseconds())

    def purge(self, path: StorePath) -> None:
        with self._writing(path) as rows:
            remove_key(rows, path)
        # What was overwritten in the file may still stand in the log: empty it, unless somebody is reading.
        with contextlib.suppress(sqlite3.Error):
            self._connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def capabilities(self, paths: Sequence[StorePath]) -> Mapping[StorePath, frozenset[str]]:
        return dict.fromkeys(paths, ALL_CAPABILITIES)

    def ensure_login(self, lasts: timedelta) -> None:
        """The key is here, or the store would not have opened."""

    # -------------------------------------------------------------------------------------------------- inside

    def _unlock(self, source: KeySource) -> Sealer:
        """The sealer, once the key has proved to be this store's; a new store takes this key for good."""
        with self._reading() as rows:
            new = is_new(rows, self._path)
            lacks = not new and lacks_tables(rows)
        sealer = Sealer(load_key(source, may_create=new))
        if new:
            with self._writing(None) as rows:
                if is_new(rows, self._path):
                    make_tables(rows)
                    rows.execute(
                        "INSERT INTO lock VALUES ('key', ?)", (sealer.seal(_PROOF, place=_PROOF_PLACE),)
                    )
        if lacks:
            with self._writing(None) as rows:
                add_missing_tables(rows)
        with self._reading() as rows:
            self._look_at_mark(rows)
            proof = rows.execute("SELECT proof FROM lock WHERE name = 'key'").fetchone()
        try:
            sealer.open(proof[0] if proof else b"", place=_PROOF_PLACE)
        except Unsealable:
            raise LoginRefused(
                f"this is not the key of the embedded store {clean(self._path)}",
                hint="use the key file that was made with it, or its RECONCILER_KEY",
            ) from None
        return sealer

    def _look_at_mark(self, rows: sqlite3.Connection) -> None:
        refuse_moved(rows, self.describe())

    def _microseconds(self) -> int:
        return microseconds_of(self._now())

    def _connection(self) -> sqlite3.Connection:
        held: tuple[int, sqlite3.Connection] | None = getattr(self._local, "held", None)
        if held is None or held[0] != os.getpid():
            held = (os.getpid(), open_connection(self._path))
            self._local.held = held
            with self._guard:
                self._all.append(held)
        return held[1]

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """One state of the store, however many statements look at it."""
        connection = self._connection()
        with translated(self._path):
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def _writing(self, path: StorePath | None) -> Iterator[sqlite3.Connection]:
        connection = self._connection()
        with translated(self._path):
            connection.execute("BEGIN IMMEDIATE")
            try:
                refuse_moved(connection, self.describe())
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
        self._commit(connection, path)

    def _commit(self, connection: sqlite3.Connection, path: StorePath | None) -> None:
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                raise StoreUnreachable(f"{self.describe()}: is busy") from None
            raise WriteUnclear(
                f"{path or self.describe()}: whether this write is on disk is unknown"
            ) from None

    def _open(self, path: StorePath, number: int, value: bytes) -> Document:
        try:
            return Document(json.loads(self._sealer.open(value, place=seal_place(path, number))))
        except Unsealable:
            raise RecordInvalid(
                f"{path}: version {number} was changed outside of reconciler, or belongs elsewhere",
                hint="restore the embedded store from a copy",
            ) from None
