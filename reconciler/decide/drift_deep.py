"""Drift that only data tells: the client as its server describes it, and the token as workloads read it.

Rules:
- a registration is compared where what was asked for is what is declared now; a server may leave a field out, and may
  add grant and response types: only what it says otherwise counts;
- a published token is compared with the grant that it came from where the grant keeps it, else by its shape and dates;
- nothing of either is ever shown: which field differs is the whole message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from reconciler.decide.answer_document import read_json_object, value_at
from reconciler.decide.drift import Drift, DriftKind, expires_too_late
from reconciler.errors import RecordInvalid
from reconciler.model.answer import HttpAnswer, Outcome
from reconciler.model.duration import parse_instant
from reconciler.model.grant import GrantRecord
from reconciler.model.names import Address
from reconciler.model.secret import Document
from reconciler.model.status import AccountStatus, ProviderStatus
from reconciler.model.stored import Stored

_FIELDS = frozenset({"access_token", "token_type", "expires_at", "scope"})
_LISTS = frozenset({"redirect_uris", "grant_types", "response_types"})
_GONE = frozenset({401, 403, 404, 410})
"""What servers say to the registration access token of a client that does not exist (RFC 7592 §2)."""


def registration_drift(address: Address, *, asked: Mapping[str, object], outcome: Outcome) -> Iterator[Drift]:
    """`asked`: the metadata that was last sent (RFC 7591 §2). `outcome`: of the read (RFC 7592 §2.1)."""
    if not isinstance(outcome, HttpAnswer):
        return
    if outcome.status in _GONE:
        yield Drift(
            DriftKind.REGISTRATION_GONE,
            address,
            f"its server does not know the client, or our registration token, any more (HTTP {outcome.status})",
            before="registered",
            after="refused",
            run="reconciler plan",
        )
        return
    document = read_json_object(outcome.body.reveal()) if 200 <= outcome.status < 300 else None
    if document is None:
        return
    for name, wanted in sorted(asked.items()):
        found = value_at(document, name)
        if found is not None and _differs(name, wanted, found):
            yield Drift(
                DriftKind.REGISTRATION_CHANGED,
                address,
                f"its server has another {name} than was registered",
                run="reconciler reconcile",
            )


def _differs(name: str, wanted: object, found: object) -> bool:
    if name == "redirect_uris":
        return not isinstance(found, list) or set(map(str, found)) != set(_texts(wanted))
    if name in _LISTS:
        return not isinstance(found, list) or not set(_texts(wanted)) <= set(map(str, found))
    if name == "scope":
        return not isinstance(found, str) or not set(str(wanted).split()) <= set(found.split())
    return found != wanted


def _texts(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def record_drift(address: Address, *, status: ProviderStatus, client_id: str) -> Iterator[Drift]:
    """`client_id`: of the stored registration; the status names the one that was applied."""
    if status.client_id and client_id and client_id != status.client_id:
        yield Drift(
            DriftKind.RECORD_EDITED,
            address,
            "its registration record holds another client than was registered",
            run=f"reconciler history {address}",
        )


def token_drift(
    address: Address, *, status: AccountStatus, stored: Stored, grant: Stored | None
) -> Iterator[Drift]:
    """`stored`: the published token; `grant`: its grant, None for an account without one."""
    if stored.document is None or stored.created_time is None:
        return
    why = _edited(stored.document, status=status, created=stored.created_time)
    if not why and grant is not None:
        why = _from_elsewhere(stored, grant)
    if why:
        yield Drift(
            DriftKind.TOKEN_EDITED,
            address,
            f"its published token was written by another hand: {why}",
            after=f"version {stored.version}",
            run=f"reconciler refresh {address.short} --force",
        )


def _edited(document: Document, *, status: AccountStatus, created: datetime) -> str:
    names = set(document)
    texts = all(isinstance(document.get(name), str) for name in _FIELDS)
    if not texts or names - _FIELDS - {"values"}:
        return "it has other fields"
    try:
        expires = parse_instant(str(document.get("expires_at", "")))
    except ValueError:
        return "its expiry is no date"
    if expires_too_late(status, created=created, expires=expires):
        return "it claims to live longer than the provider gave"
    if status.granted_scopes and set(str(document.get("scope", "")).split()) != set(status.granted_scopes):
        return "its scopes are not those that were granted"
    return ""


def _from_elsewhere(stored: Stored, grant: Stored) -> str:
    """Compared only where nothing is under way: a commit younger than the token is an unfinished refresh."""
    if grant.document is None or grant.created_time is None or stored.created_time is None:
        return ""
    try:
        record = GrantRecord.from_document(grant.document)
    except RecordInvalid:
        return ""
    under_way = record.intent is not None or grant.created_time > stored.created_time
    if record.token_set is None or under_way or stored.document is None:
        return ""
    same = stored.document.secret("access_token") == record.token_set.access_token
    return "" if same else "it is not the one that its grant was last given"
