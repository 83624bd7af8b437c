"""How wide a declaration is beside what was applied before: a path that was typed elsewhere means another folder.

Rules:
- files are recorded as they were typed (`manifests/sales/ml.yaml`); from another folder, or by an absolute path, the same
  file is typed otherwise, and what both share at their end tells how the one follows from the other;
- a file that was moved within the declaration tells nothing;
- where nothing tells, paths are compared as they were typed.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath


def recorded_roots(root: str, files: Iterable[tuple[str, str]]) -> frozenset[PurePosixPath]:
    """What `root` was called when the files were recorded. `files`: (as recorded, as typed now), of what is declared."""
    top = PurePosixPath(root).parts
    found = {_renamed(top, PurePosixPath(before).parts, PurePosixPath(now).parts) for before, now in files}
    known = frozenset(PurePosixPath(*parts) for parts in found if parts is not None)
    return known or frozenset({PurePosixPath(root)})


def lies_within(file: str, roots: Iterable[PurePosixPath]) -> bool:
    """True where the recorded file is one of the roots, or below one."""
    path = PurePosixPath(file)
    return any(root.parts in ((), (".",)) or path == root or root in path.parents for root in roots)


def _renamed(top: tuple[str, ...], before: tuple[str, ...], now: tuple[str, ...]) -> tuple[str, ...] | None:
    """`top` with the part of it that `now` begins with replaced by what `before` begins with."""
    shared = 0
    while shared < min(len(before), len(now)) and before[-1 - shared] == now[-1 - shared]:
        shared += 1
    ours = now[: len(now) - shared]
    if shared == 0 or top[: len(ours)] != ours:
        return None
    return before[: len(before) - shared] + top[len(ours) :]
