"""Says whether the manifests are still the ones that were read, without reading them.

Rules: a signature covers name, real place, size, inode and times of every file that a run would read, so that a
rewritten file, a new one, and a link that was moved to another checkout (git-sync, Kubernetes) each change it; two equal
signatures mean that nothing needs to be read again.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from reconciler.adapters.manifest_files import find_files
from reconciler.model.limits import MANIFEST_LIMITS


def signature_of(root: Path) -> str:
    """A digest of what stands there now. UsageError where there is no such path."""
    found = find_files(root, limits=MANIFEST_LIMITS)
    digest = hashlib.sha256()
    for problem in found.problems:
        digest.update(f"{problem}\0".encode("utf-8", "surrogateescape"))
    for file in found.files:
        try:
            facts = os.stat(file.real)
            words = f"{facts.st_ino} {facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns}"
        except OSError as problem:
            words = f"gone {problem.errno}"
        digest.update(f"{file.shown}\0{file.real}\0{words}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
