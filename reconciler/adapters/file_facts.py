"""What a file on this machine looks like from outside: its mode, its owner, and when its certificates end.

Rules: a file of secrets is looked at, never read; only what is said to hold certificates is.
"""

from __future__ import annotations

import os
import stat
import warnings
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from reconciler.model.inspection import FileFacts

_CAP = 4 * 1024 * 1024


def look_at(path: Path, *, what: str, certificates: bool = False) -> FileFacts:
    """Never raises: what cannot be looked at is missing."""
    try:
        found = path.stat()
    except OSError:
        return FileFacts(str(path), what)
    facts = FileFacts(
        str(path),
        what,
        exists=True,
        mode=stat.S_IMODE(found.st_mode),
        ours=found.st_uid == os.geteuid(),
        folder=stat.S_ISDIR(found.st_mode),
    )
    return replace(facts, ends=_first_end(path)) if certificates and not facts.folder else facts


def _first_end(path: Path) -> datetime | None:
    """When the first of its certificates ends; None where it holds none."""
    from cryptography import x509

    try:
        with path.open("rb") as file:
            text = file.read(_CAP)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old roots have odd serial numbers, which is not our question
            return min(found.not_valid_after_utc for found in x509.load_pem_x509_certificates(text))
    except (OSError, ValueError):
        return None
