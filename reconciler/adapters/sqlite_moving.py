"""The embedded store's mark of having been moved: a row of its own, in the transaction of whoever looks or writes.

It is looked at when the store is opened and within every write, so that a process which opened it before the move writes
nothing after it: a refresh begins with a write, and without one no refresh token is presented.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping

from reconciler.errors import RecordInvalid
from reconciler.model.moved import Moved
from reconciler.model.store_path import StorePath
from reconciler.model.stored import KeyMetadata

_NAME = "moved"


def mark_of(rows: sqlite3.Connection) -> Moved | None:
    if not _has_lock(rows):
        return None
    found = rows.execute("SELECT proof FROM lock WHERE name = ?", (_NAME,)).fetchone()
    if found is None:
        return None
    try:
        said = json.loads(found[0])
        return Moved(to=str(said["to"]), where=str(said["where"]), finished=said["finished"] is True)
    except (ValueError, KeyError, TypeError):
        raise RecordInvalid("the embedded store's mark of its move cannot be read") from None


def refuse_moved(rows: sqlite3.Connection, source: str) -> None:
    """StoreMoved where everything was moved elsewhere."""
    found = mark_of(rows)
    if found is not None:
        raise found.refusal(source)


def write_mark(rows: sqlite3.Connection, mark: Moved | None) -> None:
    """Within a transaction of the caller's. None takes it away."""
    if mark is None:
        rows.execute("DELETE FROM lock WHERE name = ?", (_NAME,))
        return
    said = json.dumps({"to": mark.to, "where": mark.where, "finished": mark.finished})
    rows.execute("INSERT OR REPLACE INTO lock VALUES (?, ?)", (_NAME, said.encode()))


def state_of(keys: Mapping[StorePath, KeyMetadata]) -> dict[StorePath, tuple[object, ...]]:
    """What a change of any key would change. A version that dies of its age is no change."""
    return {
        path: (key.current_version, sorted(key.custom.items()), key.max_versions)
        for path, key in keys.items()
    }


def _has_lock(rows: sqlite3.Connection) -> bool:
    """False in a file that is only being made."""
    return rows.execute("SELECT 1 FROM sqlite_master WHERE name = 'lock'").fetchone() is not None
