"""Sealing of stored values: AES-256-GCM under one key, bound to the place where a value stands.

Rules:
- the key is 32 random bytes, in a file of its own (0600, beside the database or elsewhere) or given as base64;
- a file or folder that others may enter is refused, not repaired: whoever opened it may have read it already;
- a sealed value opens only at its own path and version, so that swapping rows is noticed;
- a key file is made whole or not at all, and never over another one; a lost key is not replaced by a new one.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, assert_never

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from reconciler.errors import LoginRefused, StoreError, clean
from reconciler.model.secret import Secret

KEY_BYTES = 32
_NONCE_BYTES = 12
_FILE_CAP = 1024
_RESTORE = "restore the one that was made with the store: another opens nothing in it"


@dataclass(frozen=True, slots=True)
class KeyFile:
    """`path` holds the base64 of the key; made on first use of a new store."""

    path: Path


@dataclass(frozen=True, slots=True)
class GivenKey:
    """RECONCILER_KEY: the base64 of the key (standard or URL-safe, padding optional)."""

    base64: Secret = field(repr=False)


KeySource: TypeAlias = KeyFile | GivenKey


class Unsealable(Exception):
    """The value was not sealed with this key at this place, or was changed since."""


class Sealer:
    """Seals and opens with one key. Random nonces: good for 2^32 values, far beyond what a store sees."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def seal(self, plain: bytes, *, place: str) -> bytes:
        """Nonce, then ciphertext with its tag."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, plain, place.encode())

    def open(self, sealed: bytes, *, place: str) -> bytes:
        """Unsealable where key, place or bytes are not what they were."""
        try:
            return self._aead.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError):
            raise Unsealable from None


def load_key(source: KeySource, *, may_create: bool) -> bytes:
    """The key's bytes. LoginRefused where it is missing (and may not be made), malformed or open to others."""
    match source:
        case GivenKey():
            return _decode(
                source.base64.reveal(),
                "RECONCILER_KEY",
                hint="set the one that the store was made with; for a new store: openssl rand -base64 32",
            )
        case KeyFile():
            return _from_file(source.path, may_create=may_create)
        case _:
            assert_never(source)


def _from_file(path: Path, *, may_create: bool) -> bytes:
    if may_create:
        _create(path)
    check_private(path, what="the key file", folder=False)
    try:
        with path.open("rb") as file:
            text = file.read(_FILE_CAP).decode("ascii")
    except FileNotFoundError:
        raise LoginRefused(
            f"the key of the embedded store is missing: {clean(path)}",
            hint="restore that file, or set RECONCILER_KEY; without the key nothing in the store can be read",
        ) from None
    except (OSError, UnicodeDecodeError):
        raise LoginRefused(f"the key file cannot be read: {clean(path)}", hint=_RESTORE) from None
    return _decode(text, f"the key file {clean(path)}", hint=_RESTORE)


def _create(path: Path) -> None:
    """A new key, unless a file is there. Linked into place, so that no reader meets half of it."""
    if path.exists():
        return
    make_private_folder(path.parent)
    text = base64.b64encode(os.urandom(KEY_BYTES)) + b"\n"
    draft = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            os.write(descriptor, text)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
    except OSError:
        raise StoreError(f"the key file cannot be made: {clean(path)}") from None
    finally:
        draft.unlink(missing_ok=True)


def _decode(text: str, what: str, *, hint: str) -> bytes:
    compact = text.strip().rstrip("=").replace("-", "+").replace("_", "/")
    try:
        key = base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise LoginRefused(
            f"{what} is no key: it must be the base64 of {KEY_BYTES} random bytes",
            hint=hint,
        )
    return key


def make_private_folder(folder: Path) -> None:
    """Makes `folder` (0700) and what is missing above it. StoreError where that fails, or others may enter it."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the folder of the embedded store cannot be made: {clean(folder)}: {error.strerror}",
            hint="name another with RECONCILER_STORE=sqlite:///<path>",
        ) from None
    check_private(folder, what="the folder of the embedded store", folder=True)


def check_private(path: Path, *, what: str, folder: bool) -> None:
    """StoreError where others than its owner may use `path`, or it belongs to somebody else. Missing is fine."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(f"{what} cannot be looked at: {clean(path)}: {error.strerror}") from None
    if folder is not stat.S_ISDIR(found.st_mode):
        raise StoreError(
            f"{what} is no {'folder' if folder else 'file'}: {clean(path)}",
            hint="name a file in a folder" if folder else "name a file, or put back the one that was there",
        )
    if found.st_uid != os.geteuid():
        raise StoreError(
            f"{what} belongs to another user: {clean(path)}",
            hint="run it as that user, or name a store of your own",
        )
    if found.st_mode & 0o077:
        closing = f"chmod {'700' if folder else '600'} {clean(path)}"
        hint = _elsewhere(path) if folder and is_shared(path, found.st_mode) else closing
        raise StoreError(f"{what} is open to others: {clean(path)}", hint=hint)


def is_shared(folder: Path, mode: int) -> bool:
    """Whether closing `folder` could shut somebody out of what is theirs: `/tmp`, a mount, whatever holds folders."""
    if mode & stat.S_ISVTX or len(folder.absolute().parts) <= 2 or os.path.ismount(folder):
        return True
    try:
        with os.scandir(folder) as entries:
            return any(entry.is_dir(follow_symlinks=False) for entry in entries)
    except OSError:
        return True


def _elsewhere(folder: Path) -> str:
    own = folder / "reconciler" / "store.db"
    return f"give it a folder of its own: RECONCILER_STORE=sqlite://{clean(own)}"
