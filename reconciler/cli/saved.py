"""A plan in a file, for `plan --out`, `show` and `reconcile --plan`: written whole or not at all, read within a limit."""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from contextlib import suppress
from pathlib import Path

from reconciler.decide.saved_plan import SavedPlan, check_saved_format, read_saved_plan
from reconciler.errors import UsageError, clean
from reconciler.model.limits import MIB

_LIMIT = 64 * MIB
_SAVE = "save one with 'reconciler plan --out FILE'"


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
        missing = isinstance(error, FileNotFoundError)
        raise UsageError(
            f"{clean(path)} cannot be written: {error.strerror or type(error).__name__}",
            hint=f"make its folder first: mkdir -p {shlex.quote(clean(path.parent))}" if missing else None,
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
    """The saved plan in `path`, as JSON. UsageError where it cannot be read, is too large, or is none."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LIMIT + 1)
    except OSError as error:
        raise UsageError(
            f"{clean(path)} cannot be read: {error.strerror or type(error).__name__}", hint=_SAVE
        ) from None
    if len(raw) > _LIMIT:
        raise UsageError(f"{clean(path)} is larger than any plan")
    try:
        return check_saved_format(json.loads(raw))
    except (ValueError, RecursionError):
        raise UsageError(f"{clean(path)} is no saved plan", hint=_SAVE) from None
    except UsageError as error:
        raise UsageError(f"{clean(path)}: {error.message}", hint=error.hint) from None
