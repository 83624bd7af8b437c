"""The record under `providers/<ns>/<name>` of a client that we registered ourselves (RFC 7591, 7592), and how it is stored.

Rules:
- an intent is written before the provider is asked to create, change or delete a client, and stands *beside* what is
  known of the client, never in its place;
- an open `create` intent means: a client may exist there that nobody knows;
- `op` names the write that made this version, so that an unclear write is settled by reading it back;
- any document gives a RegistrationRecord or RecordInvalid, never another exception, and no error quotes what was read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from reconciler.errors import RecordInvalid
from reconciler.model.behaviour import ClientAuth
from reconciler.model.duration import format_instant, parse_instant
from reconciler.model.grant import Holder
from reconciler.model.secret import Document, Secret
from reconciler.model.stored_form import holder_value, read_holder, read_text, read_time, time_value


class IntentKind(StrEnum):
    """What the provider was about to be asked for."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class RegistrationIntent:
    """Announced before the request left. Its age is that of the version that brought it, by the store's clock."""

    op_id: str
    kind: IntentKind
    since: datetime
    issuer: str
    """Where: the issuer, or the origin of the endpoint where there is none."""
    holder: Holder
    tool: str = ""
    commit: str = ""


@dataclass(frozen=True, slots=True)
class ClientRegistration:
    """Our client as its server last described it (RFC 7591 §3.2.1, RFC 7592 §3)."""

    client_id: str
    client_secret: Secret | None
    """None for a public client, or where a broken answer brought none."""
    auth: ClientAuth
    issuer: str
    registration_client_uri: str = ""
    """'' where the server offers no management (RFC 7592)."""
    registration_access_token: Secret | None = None
    client_secret_expires_at: datetime | None = None
    """None: it never expires (0 on the wire)."""
    metadata_digest: str = ""
    """Digest of the metadata that was asked for, so that a change of it is noticed."""

    @property
    def can_be_managed(self) -> bool:
        return bool(self.registration_client_uri) and self.registration_access_token is not None


@dataclass(frozen=True, slots=True)
class RegistrationRecord:
    owner: str
    """Ownership mark of the reconciler that wrote it."""
    op: str
    client: ClientRegistration | None = None
    intent: RegistrationIntent | None = None

    def with_intent(self, intent: RegistrationIntent) -> RegistrationRecord:
        return replace(self, intent=intent, op=intent.op_id)

    def to_document(self) -> Document:
        """The stored form; absent things are left out."""
        found = {
            "format": 1,
            "owner": self.owner,
            "op": self.op,
            "client": None if self.client is None else _encode_client(self.client),
            "intent": None if self.intent is None else _encode_intent(self.intent),
        }
        return Document({key: value for key, value in found.items() if value is not None})

    @staticmethod
    def from_document(document: Document) -> RegistrationRecord:
        try:
            return _decode(document)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            # `from None`: the cause would quote what it could not read, and that may be a secret.
            raise RecordInvalid(
                "a registration record is malformed",
                hint="an operator must look at it; nothing is overwritten",
            ) from None


def _encode_client(client: ClientRegistration) -> dict[str, Any]:
    found = {
        "client_id": client.client_id,
        "client_secret": client.client_secret,
        "auth": client.auth.value,
        "issuer": client.issuer,
        "registration_client_uri": client.registration_client_uri,
        "registration_access_token": client.registration_access_token,
        "client_secret_expires_at": time_value(client.client_secret_expires_at),
        "metadata_digest": client.metadata_digest,
    }
    return {key: value for key, value in found.items() if value is not None and value != ""}


def _encode_intent(intent: RegistrationIntent) -> dict[str, Any]:
    return {
        "op_id": intent.op_id,
        "kind": intent.kind.value,
        "since": format_instant(intent.since),
        "issuer": intent.issuer,
        "holder": holder_value(intent.holder),
        "tool": intent.tool,
        "commit": intent.commit,
    }


def _decode(document: Document) -> RegistrationRecord:
    if document["format"] != 1:
        raise ValueError("not this format")
    client, intent = document.get("client"), document.get("intent")
    return RegistrationRecord(
        owner=read_text(document["owner"]),
        op=read_text(document["op"]),
        client=None if client is None else _decode_client(client),
        intent=None if intent is None else _decode_intent(intent),
    )


def _decode_client(value: Any) -> ClientRegistration:
    document = Document(_object(value))
    client_id = read_text(document["client_id"])
    if not client_id:
        raise ValueError("no client id")
    return ClientRegistration(
        client_id=client_id,
        client_secret=document.secret("client_secret"),
        auth=ClientAuth(document["auth"]),
        issuer=read_text(document.get("issuer", "")),
        registration_client_uri=read_text(document.get("registration_client_uri", "")),
        registration_access_token=document.secret("registration_access_token"),
        client_secret_expires_at=read_time(document.get("client_secret_expires_at")),
        metadata_digest=read_text(document.get("metadata_digest", "")),
    )


def _decode_intent(value: Any) -> RegistrationIntent:
    found = _object(value)
    return RegistrationIntent(
        op_id=read_text(found["op_id"]),
        kind=IntentKind(found["kind"]),
        since=parse_instant(found["since"]),
        issuer=read_text(found["issuer"]),
        holder=read_holder(_object(found["holder"])),
        tool=read_text(found.get("tool", "")),
        commit=read_text(found.get("commit", "")),
    )


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise TypeError("not an object")
    return value
