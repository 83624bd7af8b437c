"""The story of one object: what its versions, its metadata and its bindings tell of when, what and who.

Rules:
- an event is a fact that the store recorded, with the store's time where a version is meant;
- who wrote it is told where a stamp tells it (`model/stamp`), and never guessed;
- no token, secret or subject is part of an event; texts that another hand could have written are cleaned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.errors import RecordInvalid, clean
from reconciler.model.duration import parse_instant
from reconciler.model.grant import GrantRecord, Phase
from reconciler.model.names import Address
from reconciler.model.registration import RegistrationRecord
from reconciler.model.secret import Document
from reconciler.model.stamp import KEY, Stamp
from reconciler.model.state import ErrorClass
from reconciler.model.status import AccountStatus, ProviderStatus
from reconciler.model.store_path import StorePath
from reconciler.model.stored import KeyMetadata


class EventKind(StrEnum):
    CONSENTED = "consented"
    IMPORTED = "imported"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"
    GRANT_STORED = "grant-stored"
    REFRESH_ANNOUNCED = "refresh-announced"
    REFRESH_UNCLEAR = "refresh-unclear"
    REFUSED = "refused"
    SET_ASIDE = "set-aside"
    BECAME = "became"
    REGISTERED = "registered"
    APPLIED = "applied"
    DISCOVERED = "discovered"
    RECORD_STORED = "record-stored"
    REQUEST_ANNOUNCED = "request-announced"
    SECRET_CHANGED = "secret-changed"
    INCIDENT = "incident"
    REMOVED = "removed"
    DELETED = "deleted"
    TRUSTED = "trusted"
    TRUST_REVOKED = "trust-revoked"


@dataclass(frozen=True, slots=True)
class Event:
    """`path` and `version` name the version that tells it; '' and 0 where it stands in the metadata."""

    at: datetime
    kind: EventKind
    detail: str = ""
    path: str = ""
    version: int = 0
    stamp: Stamp | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """Newest first. `notes`: what the store did not tell, and why."""

    address: Address
    store: str
    now: datetime
    events: tuple[Event, ...]
    written_by: Stamp | None = None
    """Of an account: whose run wrote its status last; of a provider: whose run applied it last."""
    notes: tuple[str, ...] = ()


def told(events: Iterable[Event]) -> tuple[Event, ...]:
    """In the order of reading: newest first, and of one moment the later version first."""
    return tuple(sorted(events, key=lambda e: (e.at, e.version, e.kind.value), reverse=True))


def key_events(path: StorePath, metadata: KeyMetadata, *, written: EventKind) -> Iterator[Event]:
    """One for each version that is kept, and one for each that was deleted."""
    for info in metadata.versions.values():
        newest = info.version == metadata.current_version
        detail = "destroyed" if info.destroyed else "the newest" if newest and info.alive else ""
        yield Event(info.created_time, written, detail, path.text, info.version)
        if info.deletion_time is not None:
            gone = EventKind.WITHDRAWN if written is EventKind.PUBLISHED else EventKind.DELETED
            yield Event(info.deletion_time, gone, "", path.text, info.version)


def stamp_of(status: AccountStatus | ProviderStatus) -> Stamp:
    parts = (status.commit, status.actor, status.run_url, status.tool)
    return Stamp(*(clean(part, cap=400) for part in parts))


def account_events(status: AccountStatus) -> Iterator[Event]:
    """What stands beside the account's token."""
    code = f" ({clean(status.code, cap=80)})" if status.code else ""
    yield Event(status.since, EventKind.BECAME, f"{status.state.value}, {status.reason.value}{code}")
    if status.consented_at is not None:
        scopes = len(status.granted_scopes)
        detail = f"{scopes} scope{'' if scopes == 1 else 's'} granted, asked of {clean(status.owner or 'nobody by name', cap=80)}"
        yield Event(status.consented_at, EventKind.CONSENTED, detail)
    if status.imported_at is not None:
        yield Event(status.imported_at, EventKind.IMPORTED, f"by {clean(status.imported_by, cap=160)}")


def provider_events(status: ProviderStatus) -> Iterator[Event]:
    """What stands beside the provider's record."""
    client = f"client {clean(status.client_id, cap=100)}" if status.client_id else ""
    yield Event(status.registered_at, EventKind.REGISTERED, f"{status.registration}, {client}".strip(", "))
    if status.applied_at is not None:
        detail = f"from {clean(status.source, cap=200)}"
        yield Event(status.applied_at, EventKind.APPLIED, detail, stamp=stamp_of(status))
    if status.discovered_at is not None:
        yield Event(status.discovered_at, EventKind.DISCOVERED, clean(status.issuer, cap=200))
    if status.circuit is not None:
        circuit = status.circuit
        code = f" ({clean(circuit.code, cap=80)})" if circuit.code else ""
        silent = circuit.judge is ErrorClass.TRANSIENT
        met = "accounts in a row got no clear answer" if silent else "accounts agreed"
        detail = f"{circuit.reason.value}{code}, {circuit.accounts} {met}"
        yield Event(circuit.since, EventKind.INCIDENT, detail)
    if status.intent_since is not None and status.intent_op:
        yield Event(status.intent_since, EventKind.REQUEST_ANNOUNCED, "its end is not known")
    if status.removed_at is not None:
        yield Event(status.removed_at, EventKind.REMOVED, "no longer declared, and set aside")


def secret_events(path: StorePath, metadata: KeyMetadata, status: ProviderStatus) -> Iterator[Event]:
    """Versions of the client secret that the provider names: which was applied, and which worked last."""
    marks = {status.secret_version: "applied", status.good_secret_version: "the last that worked"}
    if status.secret_version == status.good_secret_version:
        marks = {status.secret_version: "applied, and the last that worked"}
    for event in key_events(path, metadata, written=EventKind.SECRET_CHANGED):
        if event.kind is EventKind.SECRET_CHANGED:
            detail = marks.get(event.version, "")
            yield Event(event.at, event.kind, detail or event.detail, event.path, event.version)
        else:
            yield event


def binding_event(document: Document, *, path: StorePath, version: int) -> Event | None:
    """One version of a binding of trust; None where it is none."""
    try:
        at = parse_instant(str(document.get("at", "")))
    except ValueError:
        return None
    origins = document.get("origins")
    shown = ", ".join(map(str, origins)) if isinstance(origins, list) else ""
    revoked = document.get("revoked") is True
    kind = EventKind.TRUST_REVOKED if revoked else EventKind.TRUSTED
    stamp = Stamp.from_value(document.get(KEY)) or Stamp(tool=clean(document.get("by", ""), cap=160))
    return Event(at, kind, "" if revoked else clean(shown, cap=400), path.text, version, stamp)


_JUST = timedelta(minutes=2)


def grant_version(event: Event, document: Document, before: Document | None) -> Event:
    """`event` with what the version's own record says of how it came about. `before`: the record of the version before."""
    stamp = Stamp.from_value(document.get(KEY))
    try:
        record = GrantRecord.from_document(document)
    except RecordInvalid:
        return Event(event.at, event.kind, "no record of ours", event.path, event.version, stamp)
    kind, detail = _of_grant(record, event.at, before=_record(before))
    return Event(event.at, kind, detail or event.detail, event.path, event.version, stamp)


def _record(document: Document | None) -> GrantRecord | None:
    try:
        return None if document is None else GrantRecord.from_document(document)
    except RecordInvalid:
        return None


def _of_grant(record: GrantRecord, at: datetime, *, before: GrantRecord | None) -> tuple[EventKind, str]:
    if record.forgotten:
        return EventKind.SET_ASIDE, "it still carries its refresh token"
    if record.intent is not None:
        unclear = record.intent.phase is Phase.UNCLEAR
        where = f"on {clean(record.intent.holder.host, cap=80)}, process {record.intent.holder.pid}"
        return EventKind.REFRESH_UNCLEAR if unclear else EventKind.REFRESH_ANNOUNCED, where
    if record.verdict is not None:
        verdict = record.verdict
        code = f" ({clean(verdict.code, cap=80)})" if verdict.code else ""
        sure = "" if verdict.confirmed else ", not confirmed yet"
        return EventKind.REFUSED, f"{verdict.reason.value}{code}{sure}"
    if _is_new(_imported_at(record), _imported_at(before), at=at):
        return EventKind.GRANT_STORED, "an import"
    if _is_new(record.consented_at, None if before is None else before.consented_at, at=at):
        return EventKind.GRANT_STORED, "a consent"
    return EventKind.GRANT_STORED, "a refresh"


def _imported_at(record: GrantRecord | None) -> datetime | None:
    return None if record is None or record.imported is None else record.imported.at


def _is_new(said: datetime | None, said_before: datetime | None, *, at: datetime) -> bool:
    """Whether this version is the first to say so. Of the oldest that is kept, only the time tells."""
    return said is not None and said != said_before and abs(at - said) < _JUST


def record_version(event: Event, document: Document, before: Document | None) -> Event:
    """The same of a registration's record, which says it all by itself."""
    stamp = Stamp.from_value(document.get(KEY))
    try:
        record = RegistrationRecord.from_document(document)
    except RecordInvalid:
        return Event(event.at, event.kind, "no record of ours", event.path, event.version, stamp)
    if record.intent is not None:
        detail = f"to {record.intent.kind.value} at {clean(record.intent.issuer, cap=200)}"
        return Event(event.at, EventKind.REQUEST_ANNOUNCED, detail, event.path, event.version, stamp)
    client = "no client" if record.client is None else f"client {clean(record.client.client_id, cap=100)}"
    return Event(event.at, event.kind, client, event.path, event.version, stamp)
