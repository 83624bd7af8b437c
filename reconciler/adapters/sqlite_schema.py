"""The embedded store's file: how it is made and opened, what stands in it, and what its errors mean.

Tables: `keys` (one row a path, custom metadata in clear), `versions` (when each version was made and deleted, or will be),
`expiries` (how long versions of a path live, where that is limited), and `sealed` (values, by path and version): apart from each
other, so that reading metadata never touches a value.
A path is the text of a `StorePath`. Times are microseconds since 1970, UTC.

WAL, full synchronisation at every commit, deleted content overwritten. `application_id` marks the file as ours.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.adapters.sqlite_sealing import check_private, make_private_folder
from reconciler.errors import ReconcilerError, StoreError, StoreTooNew, StoreUnreachable, clean

APPLICATION_ID = 0x5265634F
SCHEMA = 1
_BUSY_SECONDS = 20
_WRITING = "whoever uses it must be able to write it and its folder: even a look keeps a log beside it"

_TABLES = """
CREATE TABLE keys (
    path TEXT PRIMARY KEY, current INTEGER NOT NULL, custom TEXT NOT NULL, max_versions INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE TABLE versions (
    path TEXT NOT NULL, version INTEGER NOT NULL, created INTEGER NOT NULL, deleted INTEGER,
    PRIMARY KEY (path, version)
) WITHOUT ROWID, STRICT;
CREATE TABLE sealed (
    path TEXT NOT NULL, version INTEGER NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (path, version)
) STRICT;
CREATE TABLE expiries (path TEXT PRIMARY KEY, seconds INTEGER NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE lock (name TEXT PRIMARY KEY, proof BLOB NOT NULL) WITHOUT ROWID, STRICT;
"""


def prepare_file(path: Path) -> None:
    """The folder (0700) and the file (0600), made where missing. StoreError where others may use them."""
    make_private_folder(path.parent)
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    except IsADirectoryError:
        raise StoreError(
            f"the embedded store is a file, and {clean(path)} is a folder",
            hint=f"name a file in it: RECONCILER_STORE=sqlite://{clean(path / 'store.db')}",
        ) from None
    except OSError as error:
        raise StoreError(
            f"the embedded store cannot be opened: {clean(path)}: {error.strerror}", hint=_WRITING
        ) from None
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        check_private(path.with_name(name), what="the embedded store", folder=False)


def open_connection(path: Path) -> sqlite3.Connection:
    """A connection with our settings; transactions are begun by hand. StoreError, StoreUnreachable."""
    with translated(path):
        connection = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode=WAL")
            for setting in ("synchronous=FULL", "secure_delete=ON", "trusted_schema=OFF", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {setting}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def is_new(connection: sqlite3.Connection, path: Path) -> bool:
    """True where the file is still empty. StoreError where it is somebody else's, StoreTooNew for a later schema.

    Within a transaction of the caller's: half of another process's making must not be seen.
    """
    with translated(path):
        mark = connection.execute("PRAGMA application_id").fetchone()[0]
        schema = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if mark == 0 and schema == 0 and tables == 0:
        return True
    if mark != APPLICATION_ID:
        raise StoreError(f"this file is no store of reconciler: {clean(path)}", hint="check RECONCILER_STORE")
    if schema > SCHEMA:
        raise StoreTooNew(f"the embedded store was written by a newer version: {clean(path)}")
    return False


def add_missing_tables(connection: sqlite3.Connection) -> None:
    """Within a transaction of the caller's: what a store of an earlier version does not have yet."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS expiries (path TEXT PRIMARY KEY, seconds INTEGER NOT NULL) WITHOUT ROWID, STRICT"
    )


def lacks_tables(connection: sqlite3.Connection) -> bool:
    """Whether `add_missing_tables` has anything to add."""
    found = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'expiries'").fetchone()
    return bool(found[0] == 0)


def make_tables(connection: sqlite3.Connection) -> None:
    """Within a transaction of the caller's."""
    for statement in _TABLES.split(";"):
        if statement.strip():
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={SCHEMA}")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """sqlite3's errors as ours; what SQLite says is never shown."""
    try:
        yield
    except sqlite3.Error as error:
        raise _ours(error, path) from None


def _ours(error: sqlite3.Error, path: Path) -> ReconcilerError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    where = f"the embedded store {clean(path)}"
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreUnreachable(f"{where} is busy: another process has held it for {_BUSY_SECONDS} s")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreError(f"{where} is damaged", hint="restore it from a copy; nothing in it was changed")
    if code == sqlite3.SQLITE_FULL:
        return StoreError(f"{where}: the disk is full", hint="make room there, and run it again")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH):
        return StoreError(f"{where} cannot be opened for writing", hint=_WRITING)
    return StoreError(f"{where} cannot be used (SQLite code {code})")
