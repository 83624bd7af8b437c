"""A repository of manifests to begin with: its files from the package's data, and how they get into a folder.

Rules:
- a file that is there is never touched: where one of the names is taken, nothing at all is written;
- no folder on the way may be a symbolic link, which could lead anywhere;
- what was written before something failed is taken away again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from reconciler.errors import ReconcilerError, UsageError, clean

CI = ("github", "gitlab", "hook", "none")
_OF_CI = {
    "github": ((".github/workflows/oauth.yml", "github.yml"), ("CODEOWNERS", "codeowners")),
    "gitlab": ((".gitlab-ci.yml", "gitlab.yml"), ("CODEOWNERS", "codeowners")),
    "hook": (("hooks/post-receive", "post-receive"),),
    "none": (("CODEOWNERS", "codeowners"),),
}
_ALWAYS = (
    ("manifests/sandbox.yaml", "sandbox.yaml"),
    (".gitignore", "gitignore"),
    (".pre-commit-config.yaml", "pre-commit.yaml"),
)


@dataclass(frozen=True, slots=True)
class NewFile:
    """`name` below the repository's folder, with '/'."""

    name: str
    content: bytes
    program: bool = False


def skeleton(ci: str, *, schema: str) -> tuple[NewFile, ...]:
    """What a new repository holds. `schema` is the text of the manifests' JSON Schema, for editors."""
    chosen = [
        NewFile(name, _data(source), program=source == "post-receive")
        for name, source in (*_ALWAYS, *_OF_CI[ci])
    ]
    readme = _data("readme.md") + (b"" if ci == "none" else _data(f"readme-{ci}.md"))
    chosen += [NewFile("README.md", readme), NewFile("manifest.schema.json", schema.encode())]
    return tuple(sorted(chosen, key=lambda file: file.name))


def write_new(root: Path, new: Sequence[NewFile]) -> None:
    """All of them or none. UsageError where a name is taken; ReconcilerError where the system refuses."""
    for file in new:
        _refuse_taken(root, file.name)
    made: list[Path] = []
    try:
        for file in new:
            _make_folders(root, file.name, made)
            path = root / file.name
            descriptor = os.open(
                path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644
            )
            made.append(path)
            with os.fdopen(descriptor, "wb") as out:
                out.write(file.content)
                if file.program:
                    os.fchmod(out.fileno(), 0o755)
    except OSError as error:
        _take_away(made)
        raise ReconcilerError(
            f"{clean(root)} cannot be written: {clean(error.strerror or 'refused')}",
            hint="nothing was left there; choose a folder that is yours",
        ) from None


def _data(name: str) -> bytes:
    return files("reconciler.skeleton").joinpath(name).read_bytes()


def _refuse_taken(root: Path, name: str) -> None:
    path = root
    if os.path.lexists(root) and not root.is_dir():
        raise UsageError(f"{clean(root)} is no folder", hint="nothing was written; name another")
    for part in name.split("/")[:-1]:
        path /= part
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise UsageError(
                f"{clean(path)} is no plain folder", hint="nothing was written; choose another folder"
            )
    if os.path.lexists(root / name):
        raise UsageError(
            f"{clean(root / name)} is there already",
            hint="nothing was written, as nothing is ever overwritten; choose another folder",
        )


def _make_folders(root: Path, name: str, made: list[Path]) -> None:
    missing = []
    folder = (root / name).parent
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir()
        made.append(path)


def _take_away(made: Sequence[Path]) -> None:
    for path in reversed(made):
        with suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink()
