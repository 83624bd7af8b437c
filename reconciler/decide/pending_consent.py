"""A consent that was begun and not yet answered: everything that its callback is judged by and its code exchanged with.

The two halves of a consent may be minutes, two HTTP requests and a restart apart (`engine/consent`: `begin_consent`,
`finish_consent`), so what lies between them is one value with a stored form.

Rules:
- it holds `state`, PKCE verifier and `nonce`: whoever keeps it seals it, and uses it up once;
- it is bound to the account, to what is asked of the person, and to the client and server that the code belongs to:
  where any of these is another one by the time of the callback, the consent begins again, and no code is sent anywhere;
- any document gives a PendingConsent or RecordInvalid, and no error quotes what was read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconciler.decide.authorization import (
    AuthorizationRequest,
    Callback,
    CallbackRefused,
    judge_callback,
)
from reconciler.decide.digests import digest_of
from reconciler.errors import RecordInvalid
from reconciler.model.behaviour import CallbackRules
from reconciler.model.desired import DesiredAccount
from reconciler.model.duration import format_instant, parse_instant
from reconciler.model.names import Address
from reconciler.model.ready import ReadyProvider
from reconciler.model.secret import Document, Secret
from reconciler.model.stored_form import read_account, read_text, read_texts


@dataclass(frozen=True, slots=True)
class PendingConsent:
    """`consent_digest` is the account's (provider, grant, scopes, identity), `provider_digest` as `provider_fingerprint`.
    Times are this machine's, UTC; after `expires_at` the consent begins again."""

    account: Address
    request: AuthorizationRequest
    consent_digest: str
    provider_digest: str
    begun_at: datetime
    expires_at: datetime

    @property
    def url(self) -> str:
        """The link for the person's browser; '' after decoding, since it is needed only once, at the beginning."""
        return self.request.url

    @property
    def state(self) -> Secret:
        """What a callback is found by: its `state` parameter is this text, and no other consent's."""
        return self.request.state


def provider_fingerprint(provider: ReadyProvider) -> str:
    """Digest of what a code belongs to: client, issuer, and where it would be sent. Nothing secret goes in."""
    return digest_of(
        {
            "address": str(provider.desired.address),
            "client_id": provider.client.client_id,
            "issuer": provider.issuer,
            "token": str(provider.endpoints.token),
        }
    )


def what_moved(
    pending: PendingConsent, account: DesiredAccount, provider: ReadyProvider, *, now: datetime
) -> str:
    """Why a callback must not be taken any more, in words; '' where it may."""
    if pending.account != account.address:
        return "it was begun for another account"
    if now >= pending.expires_at:
        return "it was begun too long ago"
    if pending.consent_digest != account.consent_digest:
        return "what the account asks for has changed since it was begun"
    if pending.provider_digest != provider_fingerprint(provider):
        return "its provider, or our client there, has changed since it was begun"
    return ""


def judge_pending(redirected: str, *, pending: PendingConsent) -> Callback | CallbackRefused:
    """Judge the whole URL that the browser was sent back to."""
    return judge_callback(redirected, request=pending.request)


def encode_pending(pending: PendingConsent) -> Document:
    """The stored form, with Secrets inside: seal it. The link itself is left out."""
    request = pending.request
    values = {
        "format": 1,
        "account": pending.account.short,
        "redirect_uri": request.redirect_uri,
        "state": request.state,
        "verifier": request.verifier,
        "nonce": request.nonce,
        "issuer": request.issuer,
        "issuer_in_response": request.issuer_in_response,
        "comes_back_to": request.comes_back_to,
        "rules": request.rules.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "server": request.server,
        "page": request.page,
        "only": None if request.only is None else list(request.only),
        "consent_digest": pending.consent_digest,
        "provider_digest": pending.provider_digest,
        "begun_at": format_instant(pending.begun_at),
        "expires_at": format_instant(pending.expires_at),
    }
    return Document({key: value for key, value in values.items() if value is not None})


def decode_pending(document: Document) -> PendingConsent:
    """RecordInvalid where the document is no pending consent."""
    try:
        return _decode(document)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        # `from None`: the cause would quote what it could not read.
        raise RecordInvalid("a pending consent is malformed", hint="begin the consent again") from None


def _decode(document: Document) -> PendingConsent:
    state = document.secret("state")
    if document["format"] != 1 or state is None or not isinstance(document["issuer_in_response"], bool):
        raise ValueError("not a pending consent")
    issuer, only = document.get("issuer"), document.get("only")
    return PendingConsent(
        account=read_account(document["account"]),
        request=AuthorizationRequest(
            url="",
            redirect_uri=read_text(document["redirect_uri"]),
            state=state,
            verifier=document.secret("verifier"),
            nonce=document.secret("nonce"),
            issuer=None if issuer is None else read_text(issuer),
            issuer_in_response=document["issuer_in_response"],
            comes_back_to=read_text(document.get("comes_back_to", "")),
            rules=CallbackRules.model_validate(document.get("rules", {})),
            server=read_text(document.get("server", "")),
            page=read_text(document.get("page", "")),
            only=None if only is None else read_texts(only),
        ),
        consent_digest=read_text(document["consent_digest"]),
        provider_digest=read_text(document["provider_digest"]),
        begun_at=parse_instant(read_text(document["begun_at"])),
        expires_at=parse_instant(read_text(document["expires_at"])),
    )
