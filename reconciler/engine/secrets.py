"""Client secrets that people keep in the store: set one key, list what is there, remove.

Rules:
- values go in as `Secret` and never come out: a list shows paths, keys and versions;
- paths are references outside the store's own prefix; what reconciler itself writes is not touched here;
- a write merges into the newest version by check-and-set, and is tried again when somebody else was quicker;
- the same value again makes no new version: a new version means a rotated secret to every provider that refers to it;
- removing is a soft delete, which an operator can undo.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconciler.errors import CasConflict, HeldByAnother, PathDenied, SecretMissing, UsageError, WriteUnclear
from reconciler.model.secret import Document, Secret
from reconciler.model.store_path import MAX_SEGMENTS, Layout, StorePath, reference_path
from reconciler.model.stored import Stored
from reconciler.ports import SecretStore

_TRIES = 5
_KEY_CHARS = 128


@dataclass(frozen=True, slots=True)
class SecretEntry:
    """One path that holds secrets. `keys` None: the login may list it and not read it."""

    path: StorePath
    version: int
    keys: tuple[str, ...] | None
    written: datetime | None = None
    deleted: bool = False


def set_secret(store: SecretStore, layout: Layout, *, path: StorePath, key: str, value: Secret) -> int:
    """Put `value` under `key` beside the other keys of `path`; the version that now holds it.

    UsageError for a path of reconciler's own or a key that is none; HeldByAnother where others keep writing.
    """
    _refuse_own(layout, path)
    _refuse_key(key)
    for _ in range(_TRIES):
        stored = store.read(path)
        held = {} if stored.document is None else stored.document.plain()
        if held.get(key) == value.reveal():
            return stored.version
        try:
            return store.write(path, Document({**held, key: value}), cas=stored.version)
        except (CasConflict, WriteUnclear):
            continue  # the next read shows whether ours is there, and what is beside it now
    raise _busy(path)


def list_secrets(store: SecretStore, layout: Layout, *, folder: StorePath) -> tuple[SecretEntry, ...]:
    """Every path at and below `folder` that holds or held secrets, in order. Reads each for its keys' names."""
    _refuse_own(layout, folder)
    found = [folder] if store.read_metadata(folder) is not None else []
    _collect(store, layout, folder=folder, found=found)
    return tuple(_entry(store, path) for path in found)


def remove_secret(store: SecretStore, layout: Layout, *, path: StorePath, key: str | None) -> None:
    """Remove one key, or (None) the path's newest version; the last key takes the version with it.

    SecretMissing where it is not there; HeldByAnother where others keep writing.
    """
    _refuse_own(layout, path)
    for attempt in range(_TRIES):
        stored = store.read(path)
        gone = stored.document is None or (key is not None and key not in stored.document)
        if gone and attempt > 0:
            return
        if stored.document is None or gone:
            what = f"secret at {path}" if key is None or stored.document is None else f"key '{key}' of {path}"
            raise SecretMissing(f"there is no {what}", hint="see: reconciler secret list")
        left = {name: value for name, value in stored.document.plain().items() if name != key}
        try:
            if key is None or not left:
                store.delete_newest(path)
            else:
                store.write(path, Document(left), cas=stored.version)
            return
        except (CasConflict, WriteUnclear):
            continue
    raise _busy(path)


def _collect(store: SecretStore, layout: Layout, *, folder: StorePath, found: list[StorePath]) -> None:
    """Names that are no legal references are left out: nothing can refer to them."""
    if len(folder.segments) >= MAX_SEGMENTS:
        return
    for name in store.list_keys(folder):
        try:
            path = reference_path(f"{folder.text}/{name.rstrip('/')}", mount=folder.mount)
        except ValueError:
            continue
        if layout.holds(path):
            continue
        if name.endswith("/"):
            _collect(store, layout, folder=path, found=found)
        else:
            found.append(path)


def _entry(store: SecretStore, path: StorePath) -> SecretEntry:
    try:
        stored: Stored = store.read(path)
    except PathDenied:
        metadata = store.read_metadata(path)
        return SecretEntry(path, 0 if metadata is None else metadata.current_version, None)
    keys = () if stored.document is None else tuple(sorted(stored.document))
    return SecretEntry(path, stored.version, keys, stored.created_time, stored.deleted)


def _refuse_own(layout: Layout, path: StorePath) -> None:
    if layout.holds(path):
        raise UsageError(
            f"{path} is reconciler's own",
            hint=f"secrets of people live outside '{layout.prefix}', under clients/",
        )


def _refuse_key(key: str) -> None:
    if not key or len(key) > _KEY_CHARS or not key.isprintable():
        raise UsageError(f"a key is 1 to {_KEY_CHARS} printable characters")


def _busy(path: StorePath) -> HeldByAnother:
    return HeldByAnother(f"{path}: somebody else keeps writing here", hint="try again")
