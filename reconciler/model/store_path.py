"""Paths in a store, checked before any client sees them.

Rules:
- our own segments match `[a-z0-9][a-z0-9._-]{0,62}` in full; references to secrets may also use `A-Z` and `_`;
- one to eight segments; never `.` or `..`, never an escape: `../../sys/policies` would reach Vault's policy API
  through hvac and httpx alike;
- a reference never leads under the store's own prefix.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reconciler.model.names import Address, Kind, Name, Namespace, is_name

MAX_SEGMENTS = 8
_OWN = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_REFERENCE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True, order=True)
class StorePath:
    """A checked path inside a KV mount. `mount` None means the store's own mount. `str()` joins with '/'."""

    segments: tuple[str, ...]
    mount: str | None = None

    def __str__(self) -> str:
        path = "/".join(self.segments)
        return path if self.mount is None else f"{self.mount}:{path}"

    @property
    def text(self) -> str:
        """The path without the mount, as a client sends it."""
        return "/".join(self.segments)

    @property
    def name(self) -> str:
        return self.segments[-1]

    def child(self, segment: str) -> StorePath:
        """One level deeper; ValueError where `segment` is not legal for our own paths."""
        return StorePath((*self.segments, _own_segment(segment)), self.mount)


def _own_segment(segment: str) -> str:
    if _OWN.fullmatch(segment) is None:
        raise ValueError(_illegal(segment, 1))
    return segment


def _illegal(segment: str, number: int) -> str:
    # Somebody may have written the secret where its path belongs: only what cannot be one is repeated.
    if not segment:
        return f"segment {number} of the path is empty"
    if segment in (".", ".."):
        return f"segment {number} of the path is '{segment}'"
    return (
        f"segment {number} of the path is longer than 63 characters or holds a character that is not allowed"
    )


def own_path(text: str) -> StorePath:
    """A path of ours, relative to the mount; ValueError where it breaks the grammar."""
    return StorePath(_split(text, _OWN))


def reference_path(text: str, *, mount: str | None = None) -> StorePath:
    """A path to somebody's secret; ValueError where it breaks the grammar."""
    if mount is not None:
        _split(mount, _REFERENCE)
    return StorePath(_split(text, _REFERENCE), mount)


def _split(text: str, grammar: re.Pattern[str]) -> tuple[str, ...]:
    segments = tuple(text.split("/"))
    if len(segments) > MAX_SEGMENTS:
        raise ValueError(f"more than {MAX_SEGMENTS} segments")
    for number, segment in enumerate(segments, start=1):
        if grammar.fullmatch(segment) is None:
            raise ValueError(_illegal(segment, number))
    return segments


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything of ours stands under the store's prefix (DESIGN §5). `prefix` is a path of ours, never empty."""

    prefix: StorePath
    mount: str | None = None
    """The store's own mount, for telling a reference that names it; None where a store has none."""

    def folder(self, *parts: str) -> StorePath:
        path = self.prefix
        for part in parts:
            path = path.child(part)
        return path

    @property
    def providers(self) -> StorePath:
        return self.folder("providers")

    @property
    def grants(self) -> StorePath:
        return self.folder("grants")

    @property
    def tokens(self) -> StorePath:
        return self.folder("tokens")

    @property
    def trust(self) -> StorePath:
        return self.folder("trust")

    @property
    def trust_settings(self) -> StorePath:
        return self.folder("trust", "settings")

    @property
    def meta(self) -> StorePath:
        return self.folder("meta")

    @property
    def format(self) -> StorePath:
        return self.folder("meta", "format")

    @property
    def fingerprint_key(self) -> StorePath:
        return self.folder("meta", "fingerprint-key")

    @property
    def web_key(self) -> StorePath:
        return self.folder("meta", "web-key")

    @property
    def notified(self) -> StorePath:
        return self.folder("meta", "notified")

    @property
    def used_marks(self) -> StorePath:
        return self.folder("meta", "used")

    def provider(self, address: Address) -> StorePath:
        return self.folder("providers", address.namespace, address.name)

    def grant(self, address: Address) -> StorePath:
        return self.folder("grants", address.namespace, address.name)

    def token(self, address: Address) -> StorePath:
        return self.folder("tokens", address.namespace, address.name)

    def holds(self, path: StorePath) -> bool:
        """True where `path` is the prefix or lies under it, in the store's own mount."""
        depth = len(self.prefix.segments)
        return path.mount is None and path.segments[:depth] == self.prefix.segments

    def account_at(self, path: StorePath) -> Address | None:
        """The account whose `tokens/` or `grants/` key this is, or None."""
        rest = path.segments[len(self.prefix.segments) :]
        if not self.holds(path) or len(rest) != 3 or rest[0] not in ("tokens", "grants"):
            return None
        return _address(Kind.ACCOUNT, rest)

    def provider_at(self, path: StorePath) -> Address | None:
        """The provider whose `providers/` key this is, or None."""
        rest = path.segments[len(self.prefix.segments) :]
        if not self.holds(path) or len(rest) != 3 or rest[0] != "providers":
            return None
        return _address(Kind.PROVIDER, rest)


def _address(kind: Kind, rest: tuple[str, ...]) -> Address | None:
    if not is_name(rest[1]) or not is_name(rest[2]):
        return None
    return Address(kind, Namespace(rest[1]), Name(rest[2]))
