"""Is there a store of ours, and may this version of the tool use it? And the making of a new one.

Rules (DESIGN §5):
- what marks a store is the key `meta/format`; where it is missing, a mistyped mount, prefix or namespace is likelier
  than an empty store, so nothing goes on and nothing is registered twice (exit 8);
- the format stands in that key's custom metadata too, so that `plan` learns it without reading data;
- a newer format than this tool knows is refused; a place that holds keys of ours but no format is not made anew;
- making is idempotent, writes with `cas=0` only, and writes the format last: half a store is no store.

Made once and never changed: `meta/fingerprint-key`, 32 random bytes in hex. Nothing else here is secret.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from reconciler.errors import (
    CasConflict,
    PathDenied,
    RecordInvalid,
    StoreNotInitialised,
    StoreTooNew,
    StoreUnreachable,
    StoreUnsuitable,
    WriteUnclear,
    clean,
)
from reconciler.model.duration import format_instant
from reconciler.model.metadata_text import split_metadata
from reconciler.model.secret import Document, Secret
from reconciler.model.store_path import Layout, StorePath
from reconciler.model.stored import KeyMetadata, Stored
from reconciler.model.trust import TrustSettings
from reconciler.model.trust_codec import encode_settings
from reconciler.ports import Clock, Entropy, MetadataStore, SecretStore

FORMAT = 1
_KEY_BYTES = 32
_MADE_FIRST = frozenset({"meta/", "trust/"})
"""What may stand under the prefix of a store whose making was interrupted."""


@dataclass(frozen=True, slots=True)
class StoreFormat:
    """An opened store. `fingerprint_key`: what fingerprints of secrets are keyed with, 32 bytes."""

    format: int
    fingerprint_key: bytes = field(repr=False)


def check_format(store: MetadataStore, layout: Layout) -> int:
    """The store's format, by one metadata read. StoreNotInitialised, StoreTooNew, StoreUnsuitable."""
    try:
        metadata = store.read_metadata(layout.format)
    except PathDenied:
        raise StoreUnsuitable(
            f"{store.describe()}: the login may not read {layout.format}",
            hint="check mount, prefix and namespace, or let the policy read the metadata of everything under the prefix",
        ) from None
    if metadata is None or metadata.newest is None:
        raise _not_initialised(store, layout)
    if not metadata.newest.alive:
        raise StoreNotInitialised(
            f"{store.describe()}: {layout.format} was deleted",
            hint="undelete its newest version: the store is whole, only its mark is gone",
        )
    return _known_format(store, layout, metadata)


def is_made(store: MetadataStore, layout: Layout) -> bool:
    """Whether it is there already. StoreTooNew, StoreUnsuitable."""
    try:
        check_format(store, layout)
    except StoreNotInitialised:
        return False
    return True


def open_store(store: SecretStore, layout: Layout) -> StoreFormat:
    """The store's format and its fingerprint key: one metadata read, one read."""
    known = check_format(store, layout)
    return StoreFormat(known, _fingerprint_key(store, layout, store.read(layout.fingerprint_key)))


def init_store(
    store: SecretStore,
    layout: Layout,
    *,
    settings: TrustSettings | None,
    clock: Clock,
    entropy: Entropy,
    by: str = "",
) -> StoreFormat:
    """Make the store where there is none; one that is there is opened and left as it is.

    `settings` are the first settings of trust; existing ones are kept. `by` is who makes it (tool and version).
    StoreUnsuitable where keys of ours are there without a format; StoreTooNew; StoreUnreachable where the end of a
    write is unknown: making it again then goes on.
    """
    try:
        return open_store(store, layout)
    except StoreNotInitialised:
        _refuse_remains(store, layout)
    random = hashlib.sha256(entropy.token(_KEY_BYTES).encode()).hexdigest()
    key = _write_first(store, layout.fingerprint_key, Document({"key": Secret(random)}))
    created = format_instant(clock.now())
    if settings is not None:
        _write_trust(store, layout, encode_settings(settings, at=clock.now(), by=by))
    _write_first(store, layout.format, Document({"format": FORMAT, "created": created, "tool": by}))
    said = split_metadata({"format": str(FORMAT), "created": created, "tool": by})
    try:
        store.write_metadata(layout.format, said)
    except WriteUnclear:
        raise _again(store) from None
    return StoreFormat(check_format(store, layout), _fingerprint_key(store, layout, key))


def _known_format(store: MetadataStore, layout: Layout, metadata: KeyMetadata) -> int:
    text = metadata.custom.get("format", "")
    if not text:
        raise StoreNotInitialised(
            f"{store.describe()}: the store under '{layout.prefix}' was not made to its end",
            hint="run: reconciler init-store",
        )
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) > 0):
        raise StoreUnsuitable(f"{store.describe()}: {layout.format} names no format: '{clean(text, cap=40)}'")
    if int(text) > FORMAT:
        raise StoreTooNew(
            f"{store.describe()}: the store has format {int(text)}, this version knows {FORMAT}",
            hint="use the version of reconciler that the others use, or a newer one",
        )
    return int(text)


def _fingerprint_key(store: MetadataStore, layout: Layout, stored: Stored) -> bytes:
    secret = None if stored.document is None else stored.document.secret("key")
    if secret is None:
        raise StoreNotInitialised(
            f"{store.describe()}: {layout.fingerprint_key} is missing or deleted",
            hint="undelete it: without it, changed secrets cannot be told from unchanged ones",
        )
    try:
        key = bytes.fromhex(secret.reveal())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise RecordInvalid(f"{layout.fingerprint_key} is no key of ours")
    return key


def _refuse_remains(store: SecretStore, layout: Layout) -> None:
    """A new store is made in an empty place, or goes on with one whose making was interrupted."""
    metadata = store.read_metadata(layout.format)
    if metadata is not None and metadata.newest is not None and not metadata.newest.alive:
        check_format(store, layout)
    remains = [name for name in store.list_keys(layout.prefix) if name not in _MADE_FIRST]
    if remains:
        shown = ", ".join(clean(name, cap=40) for name in remains[:5])
        raise StoreUnsuitable(
            f"{store.describe()}: '{layout.prefix}' holds keys ({shown}) but no {layout.format}",
            hint="choose an empty prefix, or bring back meta/format if this is a store of yours",
        )


def _write_first(store: SecretStore, path: StorePath, document: Document) -> Stored:
    """Written with `cas=0`; what somebody else wrote first is taken instead."""
    try:
        store.write(path, document, cas=0)
    except (CasConflict, WriteUnclear):
        found = store.read(path)
        if found.version == 0:
            raise _again(store) from None
        return found
    return Stored(version=1, document=Document(document.plain()))


def _write_trust(store: SecretStore, layout: Layout, document: Document) -> None:
    try:
        _write_first(store, layout.trust_settings, document)
    except PathDenied:
        # The policy of trust/ allows `create` alone: denied means that settings are there already, or not ours to make.
        if store.read(layout.trust_settings).version == 0:
            raise


def _not_initialised(store: MetadataStore, layout: Layout) -> StoreNotInitialised:
    return StoreNotInitialised(
        f"{store.describe()}: there is no store under '{layout.prefix}'",
        hint="a mistyped mount, prefix or namespace is the likelier cause; a new store is made by: reconciler init-store",
    )


def _again(store: SecretStore) -> StoreUnreachable:
    return StoreUnreachable(
        f"{store.describe()}: the store was not made to its end",
        hint="run it again: it goes on where it stopped",
    )
