"""Which client secrets there are, as text and as JSON: paths, versions and names of keys, never a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.errors import clean
from reconciler.model.duration import format_instant
from reconciler.report.contract_admin import SecretDocument, SecretsDocument
from reconciler.report.json_text import json_text


@dataclass(frozen=True, slots=True)
class SecretLine:
    """One path. `keys` None: the login may list it and not read it."""

    path: str
    version: int
    keys: tuple[str, ...] | None
    written: datetime | None
    deleted: bool


def render_secrets(lines: Sequence[SecretLine]) -> str:
    return "".join(f"{_text(line)}\n" for line in lines)


def secrets_document(lines: Sequence[SecretLine], *, store: str, folder: str, tool: str) -> str:
    document: SecretsDocument = {
        "format_version": 1,
        "kind": "secrets",
        "tool": tool,
        "store": store,
        "folder": folder,
        "secrets": [_document(line) for line in lines],
    }
    return json_text(document)


def _text(line: SecretLine) -> str:
    keys = "(not readable)" if line.keys is None else clean(", ".join(line.keys))
    written = "" if line.written is None else f"  {format_instant(line.written)}"
    return f"{line.path}  version {line.version}{written}  {'(deleted)' if line.deleted else keys}"


def _document(line: SecretLine) -> SecretDocument:
    return {
        "path": line.path,
        "version": line.version,
        "keys": None if line.keys is None else [clean(key) for key in line.keys],
        "written": None if line.written is None else format_instant(line.written),
        "deleted": line.deleted,
    }
