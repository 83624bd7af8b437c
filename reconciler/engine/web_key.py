"""The key of the Accounts page: consent links are signed and what a browser keeps is sealed with keys derived from it.

Rules: made once, with `cas=0`, by whoever needs it first, and the same for every server and command of one store, so
that a restart, a second server and a link from a command line fit together. To end all sessions and all links at once, an
operator deletes `meta/web-key`; the next start makes another.
"""

from __future__ import annotations

import contextlib
import hashlib
import re

from reconciler.engine.run import Run
from reconciler.errors import CasConflict, PathDenied, RecordInvalid, StoreUnreachable, WriteUnclear
from reconciler.model.secret import Document, Secret
from reconciler.model.stored import Stored

_HEX = re.compile(r"[0-9a-f]{64}")
_KEY_BYTES = 32


def web_key(run: Run) -> bytes:
    """32 bytes. PathDenied with the capability that is missing; RecordInvalid, StoreError."""
    path = run.layout.web_key
    try:
        stored = run.store.read(path)
        if stored.document is None:
            stored = _make(run, stored)
    except PathDenied:
        raise PathDenied(
            f"{path}: our login may not make or read the page's key",
            hint=f"the policy needs create, update and read on the data of {path} and of {run.layout.used_marks}/*",
        ) from None
    secret = stored.document.secret("key") if stored.document is not None else None
    if secret is None or _HEX.fullmatch(secret.reveal()) is None:
        raise RecordInvalid(f"{path}: it holds no key", hint="delete it: the next start makes another")
    return bytes.fromhex(secret.reveal())


def _make(run: Run, absent: Stored) -> Stored:
    fresh = hashlib.sha256(run.entropy.token(_KEY_BYTES).encode()).hexdigest()
    # Somebody else made it, or we did: what stands there now counts.
    with contextlib.suppress(CasConflict, WriteUnclear):
        run.store.write(run.layout.web_key, Document({"key": Secret(fresh)}), cas=absent.version)
    stored = run.store.read(run.layout.web_key)
    if stored.document is None:
        raise StoreUnreachable("the page's key could not be stored", hint="try again")
    return stored
