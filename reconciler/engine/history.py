"""Reads the story of one object: metadata of its keys and the bindings of its credential, as the plan role may.

Rules: `versions` reads data of grants and registrations too, which the reconcile role may: of each version how it came
about and whose stamp it bears, and nothing else leaves this module; a path that is denied becomes a note.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from reconciler.decide.history import (
    Event,
    EventKind,
    Story,
    account_events,
    binding_event,
    grant_version,
    key_events,
    provider_events,
    record_version,
    secret_events,
    stamp_of,
    told,
)
from reconciler.decide.trust_origins import own_credential
from reconciler.errors import PathDenied, RecordInvalid, UsageError, clean
from reconciler.model.names import Address, AddressPattern, Kind, Namespace
from reconciler.model.secret import Document
from reconciler.model.stamp import Stamp
from reconciler.model.status import AccountStatus, ProviderStatus
from reconciler.model.store_path import Layout, StorePath, reference_path
from reconciler.model.stored import KeyMetadata
from reconciler.model.suggestion import suggest
from reconciler.model.trust_codec import binding_path
from reconciler.ports import MetadataStore

Reading = Callable[[Event, Document, Document | None], Event]


def find_stored(store: MetadataStore, layout: Layout, pattern: AddressPattern) -> Address:
    """The one stored object that a person means, declared or not. UsageError where there is none, or more than one."""
    kinds = [pattern.kind] if pattern.kind is not None else [Kind.ACCOUNT, Kind.PROVIDER]
    found = []
    for kind in kinds:
        folder = layout.tokens if kind is Kind.ACCOUNT else layout.providers
        for name in [pattern.namespace] if pattern.namespace is not None else _namespaces(store, folder):
            address = Address(kind, Namespace(name), pattern.name)
            if store.read_metadata(_key(layout, address)) is not None:
                found.append(address)
    if len(found) == 1:
        return found[0]
    shown = "/".join(part for part in (pattern.namespace, pattern.name) if part)
    if not found:
        raise UsageError(
            f"the store knows no object '{clean(shown)}'",
            hint=suggest(shown, _known(store, layout, pattern)) or "'reconciler status' lists all objects",
        )
    raise UsageError(
        f"'{clean(shown)}' could be {len(found)} objects",
        hint=f"write one of {', '.join(map(str, sorted(found)[:5]))}",
    )


def _namespaces(store: MetadataStore, folder: StorePath) -> list[str]:
    return [name.rstrip("/") for name in store.list_keys(folder) if name.endswith("/")]


def _known(store: MetadataStore, layout: Layout, pattern: AddressPattern) -> list[str]:
    """What the store holds, in the form that was typed."""
    found = set()
    # A login that may not list them all still gets its answer, without a guess.
    with suppress(PathDenied):
        for folder in (layout.tokens, layout.providers):
            for namespace in _namespaces(store, folder):
                names = store.list_keys(folder.child(namespace))
                found |= {f"{namespace}/{name}" if pattern.namespace is not None else name for name in names}
    return sorted(found)


def _key(layout: Layout, address: Address) -> StorePath:
    return layout.token(address) if address.kind is Kind.ACCOUNT else layout.provider(address)


class Historian:
    """Collects events of one object. `versions`: a store that may read data, or None."""

    def __init__(
        self, store: MetadataStore, layout: Layout, *, versions: MetadataStore | None = None
    ) -> None:
        self._store = store
        self._layout = layout
        self._versions = versions
        self._events: list[Event] = []
        self._notes: list[str] = []
        self._written_by: Stamp | None = None

    def tell(self, address: Address) -> Story:
        now = self._store.server_time()
        if address.kind is Kind.ACCOUNT:
            self._account(address)
        else:
            self._provider(address)
        return Story(
            address,
            self._store.describe(),
            now,
            told(self._events),
            written_by=self._written_by,
            notes=tuple(self._notes),
        )

    def _account(self, address: Address) -> None:
        layout = self._layout
        tokens = self._metadata(layout.token(address))
        if tokens is not None:
            self._events += key_events(layout.token(address), tokens, written=EventKind.PUBLISHED)
            status = AccountStatus.from_metadata(tokens.custom)
            if status is None:
                self._notes.append("what is written beside it is no status of ours")
            else:
                self._events += account_events(status)
                self._written_by = stamp_of(status)
        self._versioned(layout.grant(address), EventKind.GRANT_STORED, read=grant_version)

    def _provider(self, address: Address) -> None:
        path = self._layout.provider(address)
        metadata = self._metadata(path)
        status = None if metadata is None else ProviderStatus.from_metadata(metadata.custom)
        self._versioned(path, EventKind.RECORD_STORED, read=record_version, metadata=metadata)
        credential = own_credential(address)
        if status is not None:
            self._events += provider_events(status)
            self._written_by = stamp_of(status)
            credential = status.secret_path or credential
            self._secret(status)
        self._bindings(binding_path(self._layout, credential))

    def _secret(self, status: ProviderStatus) -> None:
        mount, colon, text = status.secret_path.rpartition(":")
        if not status.secret_path:
            return
        try:
            path = reference_path(text, mount=mount if colon else None)
        except ValueError:
            self._notes.append("the recorded path of its client secret is none")
            return
        metadata = self._metadata(path)
        if metadata is not None:
            self._events += secret_events(path, metadata, status)

    def _bindings(self, path: StorePath) -> None:
        metadata = self._metadata(path)
        for version in () if metadata is None else metadata.versions:
            document = self._document(self._store, path, version)
            event = None if document is None else binding_event(document, path=path, version=version)
            self._events += [] if event is None else [event]

    def _versioned(
        self, path: StorePath, kind: EventKind, *, read: Reading, metadata: KeyMetadata | None = None
    ) -> None:
        """Versions of a record: by metadata alone, or with what each says of itself."""
        metadata = metadata or self._metadata(path)
        if metadata is None:
            return
        before: Document | None = None
        for event in sorted(key_events(path, metadata, written=kind), key=lambda event: event.version):
            document = None
            if self._versions is not None and event.kind is kind and metadata.versions[event.version].alive:
                document = self._document(self._versions, path, event.version)
            self._events.append(event if document is None else read(event, document, before))
            before = document or before

    def _metadata(self, path: StorePath) -> KeyMetadata | None:
        try:
            return self._store.read_metadata(path)
        except PathDenied as denied:
            self._notes.append(denied.message)
            return None

    def _document(self, store: MetadataStore, path: StorePath, version: int) -> Document | None:
        try:
            return store.read(path, version=version).document
        except (PathDenied, RecordInvalid) as problem:
            self._notes.append(problem.message)
            return None
