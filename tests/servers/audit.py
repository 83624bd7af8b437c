"""Reads the audit log of a Vault: which paths were asked for, with which operation, and how that ended."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """One request as Vault logged it. `operation` is Vault's word: read, list, create, update, patch, delete."""

    operation: str
    path: str
    error: str


class AuditLog:
    """The log file of one audit device; it is written before a request is answered, so it is never behind."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._from = 0

    def forget(self) -> None:
        """What was logged so far does not count."""
        self._from = self._file.stat().st_size if self._file.exists() else 0

    def entries(self, *, under: str = "") -> list[AuditEntry]:
        """The answered requests since the last `forget`, in order, whose path starts with `under`."""
        if not self._file.exists():
            return []
        with self._file.open("rb") as log:
            log.seek(self._from)
            lines = [json.loads(line) for line in log.read().splitlines()]
        return [
            AuditEntry(
                operation=line["request"]["operation"],
                path=line["request"]["path"],
                error=line.get("error", ""),
            )
            for line in lines
            if line["type"] == "response" and line["request"]["path"].startswith(under)
        ]

    def calls(self, *, under: str = "") -> list[tuple[str, str]]:
        """(operation, path) of each entry: what a budget counts."""
        return [(entry.operation, entry.path) for entry in self.entries(under=under)]
