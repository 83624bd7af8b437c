"""Rows of the embedded store <-> our values: paths as text, times as microseconds, versions as `KeyMetadata`."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from reconciler.model.store_path import StorePath, reference_path
from reconciler.model.stored import KeyMetadata, VersionInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

VersionRow = tuple[int, int, int | None]
"""Version, created, deleted."""
KeyRow = tuple[int, str, int]
"""Current version, custom metadata as JSON, max_versions."""


def seal_place(path: StorePath, number: int) -> str:
    """What a sealed value is bound to."""
    return f"reconciler/sqlite/1\n{path}\n{number}"


def range_below(folder: StorePath) -> tuple[str, str]:
    """The bounds of all paths below `folder`: '0' is the character after '/'."""
    return f"{folder}/", f"{folder}0"


def path_of(text: str) -> StorePath:
    mount, separator, rest = text.rpartition(":")
    return reference_path(rest, mount=mount if separator else None)


def time_of(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds_of(moment: datetime) -> int:
    return (moment.astimezone(UTC) - _EPOCH) // _MICROSECOND


def metadata_of(key: KeyRow, versions: Sequence[VersionRow], *, now: int) -> KeyMetadata:
    """`now` in microseconds: a deletion that lies ahead has not happened."""
    current, custom, max_versions = key
    return KeyMetadata(
        current_version=current,
        versions={
            number: VersionInfo(
                number, time_of(created), None if deleted is None or deleted > now else time_of(deleted)
            )
            for number, created, deleted in versions
        },
        custom=json.loads(custom),
        max_versions=max_versions,
    )


def metadata_below(
    rows: sqlite3.Connection, folder: StorePath | None, *, now: int
) -> dict[StorePath, KeyMetadata]:
    """Of every key below `folder`, by path; None: of every key."""
    bounds = ("", "\x7f") if folder is None else range_below(folder)
    keys = rows.execute(
        "SELECT path, current, custom, max_versions FROM keys WHERE path > ? AND path < ? ORDER BY path",
        bounds,
    ).fetchall()
    versions: dict[str, list[VersionRow]] = {}
    for path, *version in rows.execute(
        "SELECT path, version, created, deleted FROM versions WHERE path > ? AND path < ?",
        bounds,
    ):
        versions.setdefault(path, []).append((version[0], version[1], version[2]))
    return {
        path_of(path): metadata_of((key[0], key[1], key[2]), versions.get(path, []), now=now)
        for path, *key in keys
    }


def add_version(
    rows: sqlite3.Connection, path: StorePath, *, number: int, created: int, value: bytes, kept: int
) -> None:
    """A new newest version; those that are more than `kept` behind it go. Within a transaction of the caller's."""
    rows.execute(
        "INSERT INTO keys VALUES (?, ?, '{}', 0) ON CONFLICT (path) DO UPDATE SET current = excluded.current",
        (str(path), number),
    )
    rows.execute(
        "INSERT INTO versions VALUES (?1, ?2, ?3,"
        " ?3 + 1000000 * (SELECT nullif(seconds, 0) FROM expiries WHERE path = ?1))",
        (str(path), number, created),
    )
    rows.execute("INSERT INTO sealed VALUES (?, ?, ?)", (str(path), number, value))
    rows.execute("DELETE FROM versions WHERE path = ? AND version <= ?", (str(path), number - kept))
    rows.execute("DELETE FROM sealed WHERE path = ? AND version <= ?", (str(path), number - kept))


def put_metadata(
    rows: sqlite3.Connection,
    path: StorePath,
    text: str,
    *,
    max_versions: int | None,
    delete_after: timedelta | None,
) -> None:
    """Custom metadata, replaced whole; the key is made where it is missing. None keeps a setting."""
    rows.execute(
        "INSERT INTO keys VALUES (?, 0, ?, ifnull(?, 0)) ON CONFLICT (path) DO UPDATE"
        " SET custom = excluded.custom, max_versions = ifnull(?, max_versions)",
        (str(path), text, max_versions, max_versions),
    )
    if delete_after is not None:
        seconds = math.ceil(delete_after.total_seconds())
        rows.execute("INSERT OR REPLACE INTO expiries VALUES (?, ?)", (str(path), seconds))


def mark_deleted(rows: sqlite3.Connection, path: StorePath, *, versions: Sequence[int], at: int) -> None:
    """What is deleted already stays deleted since then; a deletion that lies ahead comes earlier."""
    for number in versions:
        rows.execute(
            "UPDATE versions SET deleted = ?1 WHERE path = ?2 AND version = ?3 AND (deleted IS NULL OR deleted > ?1)",
            (at, str(path), number),
        )


def remove_key(rows: sqlite3.Connection, path: StorePath) -> None:
    for statement in (
        "DELETE FROM sealed WHERE path = ?",
        "DELETE FROM versions WHERE path = ?",
        "DELETE FROM keys WHERE path = ?",
        "DELETE FROM expiries WHERE path = ?",
    ):
        rows.execute(statement, (str(path),))
