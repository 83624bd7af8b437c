"""A plan in a file, for `plan --out`, `show` and `reconcile --plan`: written whole or not at all, read within a limit."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from reconciler.decide.saved_plan import SavedPlan, read_saved_plan
from reconciler.errors import UsageError, clean
from reconciler.model.limits import MIB

_LIMIT = 64 * MIB


def save_whole(path: Path, document: str) -> None:
    """UsageError where it cannot be written; an earlier file stays as it was then."""
    draft = None
    try:
        path = path.resolve()
        if path.exists() and not path.is_file():
            # A device or a pipe is written into: its name must stay its own, whoever runs this.
            path.write_text(document, encoding="utf-8")
            return
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
            draft = file.name
            file.write(document)
        os.replace(draft, path)
    except OSError as error:
        if draft is not None:
            with suppress(OSError):
                os.unlink(draft)
        raise UsageError(
            f"{clean(path)} cannot be written: {error.strerror or type(error).__name__}"
        ) from None


def load_plan(path: Path, *, prune: bool) -> SavedPlan:
    """UsageError where it is no saved plan, or removes objects and `--prune` is not given."""
    saved = read_saved_plan(read_document(path))
    if saved.removes and not prune:
        raise UsageError(
            "the saved plan removes objects", hint="write --prune too, or make a plan without it"
        )
    return saved


def read_document(path: Path) -> object:
    """The JSON in `path`. UsageError where it cannot be read, is too large, or is none."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LIMIT + 1)
    except OSError as error:
        raise UsageError(f"{clean(path)} cannot be read: {error.strerror or type(error).__name__}") from None
    if len(raw) > _LIMIT:
        raise UsageError(f"{clean(path)} is larger than any plan")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise UsageError(
            f"{clean(path)} is no saved plan", hint="save one with 'reconciler plan --out FILE'"
        ) from None
