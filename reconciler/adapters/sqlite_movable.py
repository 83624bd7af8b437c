"""The embedded store as `store copy` opens it: with a list of everything, and with the mark that freezes it.

Only here does a store that was moved open at all, for reading; its writes are refused as everywhere.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping

from reconciler.adapters.sqlite import SqliteStore
from reconciler.adapters.sqlite_moving import mark_of, state_of, write_mark
from reconciler.adapters.sqlite_rows import metadata_below
from reconciler.adapters.sqlite_schema import translated
from reconciler.model.moved import Moved
from reconciler.model.store_path import StorePath
from reconciler.model.stored import KeyMetadata


class MovableSqliteStore(SqliteStore):
    def everything(self) -> Mapping[StorePath, KeyMetadata]:
        with self._reading() as rows:
            return metadata_below(rows, None, now=self._microseconds())

    def moved(self) -> Moved | None:
        with self._reading() as rows:
            return mark_of(rows)

    def freeze(self, mark: Moved, *, unchanged: Mapping[StorePath, KeyMetadata]) -> bool:
        expected = state_of(unchanged)

        def unless_changed(rows: sqlite3.Connection) -> bool:
            if state_of(metadata_below(rows, None, now=self._microseconds())) != expected:
                return False
            write_mark(rows, mark)
            return True

        return self._marking(unless_changed)

    def thaw(self) -> None:
        def without(rows: sqlite3.Connection) -> bool:
            write_mark(rows, None)
            return True

        self._marking(without)

    def _marking(self, change: Callable[[sqlite3.Connection], bool]) -> bool:
        """As any write, but of the mark itself."""
        connection = self._connection()
        with translated(self._path):
            connection.execute("BEGIN IMMEDIATE")
            try:
                done = change(connection)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
        self._commit(connection, None)
        return done

    def _look_at_mark(self, rows: sqlite3.Connection) -> None:
        """It opens all the same."""
