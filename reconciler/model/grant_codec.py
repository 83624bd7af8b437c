"""How a grant record is stored: a JSON object with RFC 3339 times, absent things left out.

Rules:
- any document gives a GrantRecord or RecordInvalid, never another exception, and no error quotes what was read;
- unknown keys are ignored, so that an older tool reads a newer record of the same format;
- of a token set only what a later publish needs is kept: no ID token, no raw answer.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from reconciler.errors import RecordInvalid
from reconciler.model.duration import format_instant, parse_instant
from reconciler.model.grant import (
    Doubt,
    GrantRecord,
    Imported,
    Intent,
    Op,
    Phase,
    Removal,
    TokenSet,
    Verdict,
)
from reconciler.model.secret import Document
from reconciler.model.state import DeletionPolicy, ErrorClass, GrantType, Reason
from reconciler.model.stored_form import (
    holder_value,
    read_holder,
    read_text,
    read_texts,
    read_time,
    time_value,
)


def encode_grant(grant: GrantRecord) -> Document:
    """The stored form; absent things are left out."""
    return Document({k: v for k, v in _encode(grant).items() if v not in (None, "", [], {}, False)})


def decode_grant(document: Document) -> GrantRecord:
    """RecordInvalid where the document is no grant; nothing of it is quoted, since it may be a secret."""
    try:
        return _decode(document)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        # `from None`: the cause would quote what it could not read, and that may be a secret.
        raise RecordInvalid("a grant record is malformed", hint="an operator must look at it") from None


def _encode(grant: GrantRecord) -> dict[str, Any]:
    return {
        "format": 1,
        "grant": grant.grant.value,
        "refresh_token": grant.refresh_token,
        "origin": grant.origin,
        "client_id": grant.client_id,
        "scopes": list(grant.scopes),
        "requested_scopes": list(grant.requested_scopes),
        "subject": grant.subject,
        "email": grant.email,
        "tenant": grant.tenant,
        "consent_digest": grant.consent_digest,
        "consented_at": time_value(grant.consented_at),
        "refresh_expires_at": time_value(grant.refresh_expires_at),
        "refresh_idle": grant.refresh_idle and int(grant.refresh_idle.total_seconds()),
        "token_set": _encode_tokens(grant.token_set),
        "op": grant.op and {"id": grant.op.id, "phase": grant.op.phase.value},
        "intent": _encode_intent(grant.intent),
        "doubt": _encode_doubt(grant.doubt),
        "verdict": _encode_verdict(grant.verdict),
        "last_try": time_value(grant.last_try),
        "removal": {
            "deletion_policy": grant.removal.deletion_policy.value,
            "protect": grant.removal.protect,
            "client_id": grant.removal.client_id,
            "provider": grant.removal.provider,
            "revocation_endpoint": grant.removal.revocation_endpoint,
        },
        "kept": dict(grant.kept),
        "redirect_uri": grant.redirect_uri,
        "forgotten": grant.forgotten,
        "owner": grant.owner,
        "imported": _encode_import(grant.imported),
    }


def _encode_tokens(tokens: TokenSet | None) -> dict[str, Any] | None:
    if tokens is None:
        return None
    return {
        "access_token": tokens.access_token,
        "token_type": tokens.token_type,
        "expires_at": format_instant(tokens.expires_at),
        "lifetime": int(tokens.lifetime.total_seconds()),
        "scope": None if tokens.scope is None else list(tokens.scope),
    }


def _encode_intent(intent: Intent | None) -> dict[str, Any] | None:
    if intent is None:
        return None
    return {
        "op_id": intent.op_id,
        "phase": intent.phase.value,
        "refresh_fingerprint": intent.refresh_fingerprint,
        "holder": holder_value(intent.holder),
        "deadline": int(intent.deadline.total_seconds()),
        "tool": intent.tool,
        "commit": intent.commit,
        "attempts": intent.attempts,
        "since": time_value(intent.since),
        "interrupted": intent.interrupted,
    }


def _encode_doubt(doubt: Doubt | None) -> dict[str, Any] | None:
    if doubt is None:
        return None
    return {
        "since": format_instant(doubt.since),
        "attempts": doubt.attempts,
        "interrupted": doubt.interrupted,
    }


def _encode_verdict(verdict: Verdict | None) -> dict[str, Any] | None:
    if verdict is None:
        return None
    return {
        "class": verdict.judge.value,
        "reason": verdict.reason.value,
        "first_at": format_instant(verdict.first_at),
        "last_at": format_instant(verdict.last_at),
        "confirmed": verdict.confirmed,
        "code": verdict.code,
        "refresh_fingerprint": verdict.refresh_fingerprint,
    }


def _encode_import(imported: Imported | None) -> dict[str, Any] | None:
    if imported is None:
        return None
    return {
        "at": format_instant(imported.at),
        "by": imported.by,
        "commit": imported.commit,
        "proved": imported.proved,
        "replaced": imported.replaced,
        "subject": imported.subject,
    }


def _span(value: Any) -> timedelta | None:
    return None if value is None else timedelta(seconds=int(value))


def _kept(value: Any) -> dict[str, str]:
    return {read_text(name): read_text(text) for name, text in value.items()}


def _decode(document: Document) -> GrantRecord:
    op = document.get("op")
    removal = document.get("removal") or {}
    return GrantRecord(
        grant=GrantType(document["grant"]),
        refresh_token=document.secret("refresh_token"),
        origin=read_text(document["origin"]),
        client_id=read_text(document["client_id"]),
        scopes=read_texts(document.get("scopes", [])),
        requested_scopes=read_texts(document.get("requested_scopes", [])),
        subject=None if document.get("subject") is None else read_text(document["subject"]),
        email=read_text(document.get("email", "")),
        tenant=read_text(document.get("tenant", "")),
        consent_digest=read_text(document.get("consent_digest", "")),
        consented_at=read_time(document.get("consented_at")),
        refresh_expires_at=read_time(document.get("refresh_expires_at")),
        refresh_idle=_span(document.get("refresh_idle")),
        token_set=_decode_tokens(document.get("token_set")),
        op=None if op is None else Op(read_text(op["id"]), Phase(op["phase"])),
        intent=_decode_intent(document.get("intent")),
        doubt=_decode_doubt(document.get("doubt")),
        verdict=_decode_verdict(document.get("verdict")),
        last_try=read_time(document.get("last_try")),
        removal=Removal(
            deletion_policy=DeletionPolicy(removal.get("deletion_policy", "Orphan")),
            protect=removal.get("protect", False) is True,
            client_id=read_text(removal.get("client_id", "")),
            provider=read_text(removal.get("provider", "")),
            revocation_endpoint=read_text(removal.get("revocation_endpoint", "")),
        ),
        kept=_kept(document.get("kept") or {}),
        redirect_uri=read_text(document.get("redirect_uri", "")),
        forgotten=document.get("forgotten", False) is True,
        owner=read_text(document.get("owner", "")),
        imported=_decode_import(document.get("imported")),
    )


def _decode_tokens(value: Any) -> TokenSet | None:
    if value is None:
        return None
    document = Document(value)
    scope = value.get("scope")
    return TokenSet(
        access_token=document.secret("access_token"),
        token_type=read_text(value.get("token_type", "Bearer")),
        expires_at=parse_instant(value["expires_at"]),
        refresh_token=None,
        scope=None if scope is None else read_texts(scope),
        lifetime=timedelta(seconds=int(value["lifetime"])),
    )


def _decode_intent(value: Any) -> Intent | None:
    if value is None:
        return None
    return Intent(
        op_id=read_text(value["op_id"]),
        phase=Phase(value["phase"]),
        refresh_fingerprint=read_text(value["refresh_fingerprint"]),
        holder=read_holder(value["holder"]),
        deadline=timedelta(seconds=int(value["deadline"])),
        tool=read_text(value["tool"]),
        commit=read_text(value.get("commit", "")),
        attempts=int(value.get("attempts", 1)),
        since=read_time(value.get("since")),
        interrupted=value.get("interrupted") is True,
    )


def _decode_doubt(value: Any) -> Doubt | None:
    if value is None:
        return None
    return Doubt(parse_instant(value["since"]), int(value["attempts"]), value["interrupted"] is True)


def _decode_verdict(value: Any) -> Verdict | None:
    if value is None:
        return None
    return Verdict(
        judge=ErrorClass(value["class"]),
        reason=Reason(value["reason"]),
        first_at=parse_instant(value["first_at"]),
        last_at=parse_instant(value["last_at"]),
        confirmed=value["confirmed"] is True,
        code=read_text(value.get("code", "")),
        refresh_fingerprint=read_text(value.get("refresh_fingerprint", "")),
    )


def _decode_import(value: Any) -> Imported | None:
    if value is None:
        return None
    return Imported(
        at=parse_instant(value["at"]),
        by=read_text(value.get("by", "")),
        commit=read_text(value.get("commit", "")),
        proved=value.get("proved") is True,
        replaced=int(value.get("replaced", 0)),
        subject=read_text(value.get("subject", "")),
    )
