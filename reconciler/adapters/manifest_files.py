"""Which files a run reads: below one root, in a stable order, each real file once.

Rules (DESIGN §§4, 8):
- `*.yaml` and `*.yml`; what begins with a dot is skipped, and so is Kubernetes' `..data`, whose links lead to it;
- a link may lead anywhere inside the root and nowhere else;
- the folder below the root is the namespace, by the path that a person sees, not by where a link leads;
- a path that is no regular file is never opened for reading: a pipe would hang the run.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.errors import UsageError, clean
from reconciler.model.limits import ManifestLimits
from reconciler.model.location import Location, Problem
from reconciler.model.names import is_name

_ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class FoundFile:
    shown: str
    """As a person would type it."""
    real: str
    namespace: str | None
    """Of the folder; None at the root."""


@dataclass(slots=True)
class Found:
    files: list[FoundFile] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def refuse(self, shown: str, message: str, *, hint: str = "") -> None:
        self.problems.append(Problem(Location(clean(shown, cap=400)), message, hint))


def find_files(root: Path, *, limits: ManifestLimits) -> Found:
    """Everything to read below `root`, or `root` itself where it is a file. UsageError where there is no such path."""
    found = Found()
    try:
        mode = os.stat(root).st_mode
        real_root = os.path.realpath(root, strict=True)
    except (OSError, ValueError):
        raise UsageError(
            f"no such file or folder: {clean(root)}", hint="name the manifests with -f PATH"
        ) from None
    if stat.S_ISDIR(mode):
        seen = sorted(
            _Walk(root, real_root, found).folder(real_root, (), above=()), key=lambda file: file.shown
        )
        found.files = _each_once(seen, found, real_root=real_root, root=root)
    else:
        found.files = [FoundFile(_shown(root, ()), real_root, None)]
    if len(found.files) > limits.run_files:
        found.refuse(_shown(root, ()), f"more than {limits.run_files:,} files")
        found.files = found.files[: limits.run_files]
    return found


def read_bytes(file: FoundFile, *, at_most: int) -> bytes:
    """The file's content. OSError where it cannot be read; ValueError says why it is not read."""
    # Opened without waiting: a pipe that took a file's place would otherwise hold the run for ever.
    descriptor = os.open(file.real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    with open(descriptor, "rb", closefd=True) as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("not a regular file")
        raw = stream.read(at_most + 1)
    if len(raw) > at_most:
        raise ValueError("the manifests of one run are larger than allowed")
    return raw


class _Walk:
    def __init__(self, root: Path, real_root: str, found: Found) -> None:
        self.root = root
        self.inside = real_root.rstrip(os.sep) + os.sep
        self.found = found
        self.visited: set[tuple[str, str | None]] = set()

    def folder(self, real: str, parts: tuple[str, ...], *, above: tuple[str, ...]) -> Iterator[FoundFile]:
        namespace = parts[0] if parts else None
        if (real, namespace) in self.visited or real in above:
            return
        self.visited.add((real, namespace))
        try:
            entries = sorted(os.scandir(real), key=lambda entry: entry.name)
        except OSError as problem:
            self.found.refuse(_shown(self.root, parts), f"cannot be read: {problem.strerror}")
            return
        for entry in entries:
            if not entry.name.startswith("."):
                yield from self.entry(entry, (*parts, entry.name), above=(*above, real))

    def entry(
        self, entry: os.DirEntry[str], parts: tuple[str, ...], *, above: tuple[str, ...]
    ) -> Iterator[FoundFile]:
        wanted = entry.name.endswith(_ENDINGS)
        try:
            real = os.path.realpath(entry.path, strict=True) if entry.is_symlink() else entry.path
            is_folder = os.path.isdir(real)
        except OSError:
            # It may have been a team's folder: what is not seen must not be taken for what is not declared.
            self.found.refuse(_shown(self.root, parts), "a link that leads nowhere")
            return
        if not wanted and not is_folder:
            return
        if not (real + os.sep).startswith(self.inside):
            self.found.refuse(_shown(self.root, parts), "a link that leads out of the manifests' folder")
        elif is_folder:
            if len(parts) == 1 and not is_name(entry.name):
                self.bad_folder(real, parts, above=above)
            else:
                yield from self.folder(real, parts, above=above)
        else:
            yield FoundFile(_shown(self.root, parts), real, parts[0] if len(parts) > 1 else None)

    def bad_folder(self, real: str, parts: tuple[str, ...], *, above: tuple[str, ...]) -> None:
        """Its name cannot be a namespace; that matters only where manifests are in it."""
        if any(True for _ in self.folder(real, parts, above=above)):
            self.found.refuse(
                _shown(self.root, parts),
                "the folder's name is no namespace",
                hint="a folder below the root is a team: lower-case letters, digits, '-', '_' and '.'",
            )


def _each_once(seen: list[FoundFile], found: Found, *, real_root: str, root: Path) -> list[FoundFile]:
    """One entry for each real file, by its own path where that can be seen, else by the first link."""
    chosen: dict[str, FoundFile] = {}
    for file in seen:
        first = chosen.setdefault(file.real, file)
        if first is file:
            continue
        if first.namespace != file.namespace:
            found.refuse(
                file.shown,
                f"the same file as {clean(first.shown)}, seen from another namespace",
                hint="keep one of them",
            )
        own = _shown(root, tuple(Path(file.real).relative_to(real_root).parts))
        if file.shown == own:
            chosen[file.real] = file
    return sorted(chosen.values(), key=lambda file: file.shown)


def _shown(root: Path, parts: tuple[str, ...]) -> str:
    return root.joinpath(*parts).as_posix()
