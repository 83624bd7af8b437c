"""Lays manifest files out in place: found as every verb finds them, so never outside the root, and each replaced whole.

A new file takes the old one's place by a rename, with its mode; a crash leaves the old one or the new one.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any

from reconciler.adapters.manifest_files import FoundFile, find_files, read_bytes
from reconciler.adapters.manifests import load_text
from reconciler.decide.layout import laid_out
from reconciler.errors import ReconcilerError, clean
from reconciler.model.limits import MANIFEST_LIMITS

_SCHEMA_FILE = "manifest.schema.json"


class Fate(Enum):
    SAME = "same"
    CHANGED = "changed"
    LEFT = "left alone"


def lay_out(root: Path, *, write: bool) -> Iterator[tuple[str, Fate]]:
    """Each file as a person would type it, and what became of it, or would have."""
    found = find_files(root, limits=MANIFEST_LIMITS)
    yield from ((problem.location.file, Fate.LEFT) for problem in found.problems)
    for file in found.files:
        yield clean(file.shown, cap=400), _one(file, root, write=write)


def _one(file: FoundFile, root: Path, *, write: bool) -> Fate:
    try:
        raw = read_bytes(file, at_most=MANIFEST_LIMITS.run_bytes)
        text = raw.decode("utf-8")
    except (OSError, ValueError):
        return Fate.LEFT
    made = laid_out(text, read=documents_of, schema=_schema(Path(file.real), root))
    if made is None:
        return Fate.LEFT
    if made == text:
        return Fate.SAME
    if write:
        _replace(Path(file.real), made.encode())
    return Fate.CHANGED


def documents_of(text: str) -> list[Any] | None:
    loaded = load_text(text.encode(), file="-")
    if loaded.problems or loaded.unreadable:
        return None
    return [document.data for document in loaded.documents]


def _schema(file: Path, root: Path) -> str:
    """Where the nearest schema lies beside the manifests, from the file's folder up to the root's parent; '' for nowhere."""
    top = Path(os.path.realpath(root)).parent
    for folder in file.parents:
        if (folder / _SCHEMA_FILE).is_file():
            return Path(os.path.relpath(folder / _SCHEMA_FILE, file.parent)).as_posix()
        if folder == top:
            break
    return ""


def _replace(path: Path, content: bytes) -> None:
    draft = ""
    try:
        descriptor, draft = tempfile.mkstemp(prefix=".fmt-", dir=path.parent)
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
            os.fchmod(out.fileno(), stat.S_IMODE(path.stat().st_mode))
            out.flush()
            os.fsync(out.fileno())
        os.replace(draft, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(draft)
        raise ReconcilerError(
            f"{clean(path.name)} cannot be written: {clean(error.strerror or 'refused')}",
            hint="it is as it was",
        ) from None
