"""Judges what a registration endpoint answered: any outcome gives a ClientRegistration or a RegistrationError.

Rules (RFC 7591 §3.2, RFC 7592 §§2, 3):
- a 2xx JSON object with a `client_id` means that a client exists: whatever else is wrong with it, it is kept, so that
  nothing exists there that nobody knows;
- a 4xx is definite: nothing was made or changed; whatever else is no usable answer is not;
- a new registration access token or client secret replaces the old one; one that is left out leaves it;
- messages name status and code, never the server's words.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from reconciler.decide.answer_document import (
    is_sendable_token,
    is_storable,
    read_json_object,
    seconds_at,
    text_at,
)
from reconciler.decide.classify import shown_code
from reconciler.decide.client_metadata import client_auth
from reconciler.model.answer import HttpAnswer, Loss, NoAnswer, Outcome
from reconciler.model.behaviour import ClientAuth
from reconciler.model.registration import ClientRegistration
from reconciler.model.secret import Document, Secret

_LONGEST_ID = 512
_LONGEST_URI = 2048
_YEAR_9999 = 253_370_764_800
"""Seconds since 1970: a date beyond it is none."""
_NOT_DONE = frozenset({301, 307, 308, *range(400, 500)} - {408})
"""Statuses that say that the request was not carried out. 302 and 303 after a POST may mean that it was."""


@dataclass(frozen=True, slots=True)
class RegistrationError:
    """No usable answer. `definite`: surely nothing was made, changed or deleted by this request."""

    message: str
    """Ours, one line: `HTTP 401 invalid_token`."""
    definite: bool
    code: str = ""
    status: int = 0
    """0 where there was no answer."""
    retryable: bool = False


def judge_created(
    outcome: Outcome, *, asked: ClientAuth, issuer: str, digest: str
) -> ClientRegistration | RegistrationError:
    """The answer to a registration request. `asked`: the client authentication that we asked for."""
    document = _object(outcome)
    if document is None or not isinstance(outcome, HttpAnswer) or not 200 <= outcome.status < 300:
        return _error(outcome, document)
    client_id = text_at(document, "client_id")
    if not _is_id(client_id):
        return RegistrationError(
            f"HTTP {outcome.status} without a usable client_id", definite=False, status=outcome.status
        )
    auth = client_auth(text_at(document, "token_endpoint_auth_method")) or asked
    blank = ClientRegistration(client_id, None, auth=auth, issuer=issuer, metadata_digest=digest)
    return _updated(blank, document)


def judge_current(
    outcome: Outcome, *, known: ClientRegistration, digest: str
) -> ClientRegistration | RegistrationError:
    """The answer to a read or an update. `digest`: of the metadata that the server now has, as far as we know."""
    document = _object(outcome)
    if document is None or not isinstance(outcome, HttpAnswer) or not 200 <= outcome.status < 300:
        return _error(outcome, document)
    client_id = text_at(document, "client_id")
    if client_id != known.client_id:
        # Whatever it means, no token of one client is ever taken for another's.
        return RegistrationError(
            f"HTTP {outcome.status} that speaks of another client", definite=False, status=outcome.status
        )
    return _updated(replace(known, metadata_digest=digest), document)


def judge_deleted(outcome: Outcome) -> RegistrationError | None:
    """None where the client is gone (RFC 7592 §2.3: 204)."""
    if isinstance(outcome, HttpAnswer) and outcome.status in (200, 202, 204):
        return None
    return _error(outcome, _object(outcome))


def missing_of(client: ClientRegistration, *, asked: ClientAuth) -> str:
    """What a registration lacks to be used, in words; '' where it can be."""
    if client.auth.has_key_pair:
        return "" if asked.has_key_pair else "the server wants a private key of it, which was not asked for"
    if client.auth is not ClientAuth.NONE and client.client_secret is None:
        return f"the server gave no client secret for `{client.auth.value}` authentication"
    if client.auth is ClientAuth.NONE and asked is not ClientAuth.NONE:
        return "the server made it a public client, though a confidential one was asked for"
    return ""


def _object(outcome: Outcome) -> Document | None:
    return read_json_object(outcome.body.reveal()) if isinstance(outcome, HttpAnswer) else None


def _error(outcome: Outcome, document: Document | None) -> RegistrationError:
    if isinstance(outcome, NoAnswer):
        return RegistrationError(outcome.why, definite=outcome.loss is Loss.NOT_SENT, retryable=True)
    said = text_at(document, "error") if document is not None else ""
    # The shape of a code only: a server may put there the very token that it was sent.
    code = said if shown_code(said) == said else ""
    return RegistrationError(
        f"HTTP {outcome.status} {code or 'without a readable answer'}",
        definite=outcome.status in _NOT_DONE,
        code=code,
        status=outcome.status,
        retryable=outcome.status == 429 or outcome.status >= 500,
    )


def _updated(client: ClientRegistration, document: Document) -> ClientRegistration:
    auth = client_auth(text_at(document, "token_endpoint_auth_method")) or client.auth
    secret = text_at(document, "client_secret")
    token = text_at(document, "registration_access_token")
    uri = text_at(document, "registration_client_uri")
    fresh = is_storable(secret)
    return replace(
        client,
        auth=auth,
        client_secret=Secret(secret) if fresh else client.client_secret,
        client_secret_expires_at=_secret_end(document, client, fresh=fresh),
        registration_access_token=Secret(token)
        if token and is_sendable_token(token)
        else client.registration_access_token,
        registration_client_uri=uri
        if uri and uri.isascii() and uri.isprintable() and len(uri) <= _LONGEST_URI
        else client.registration_client_uri,
    )


def _secret_end(document: Document, client: ClientRegistration, *, fresh: bool) -> datetime | None:
    seconds = seconds_at(document, "client_secret_expires_at")
    if seconds is None:
        return None if fresh else client.client_secret_expires_at
    if not 0 < seconds < _YEAR_9999:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _is_id(text: str) -> bool:
    return is_storable(text) and text.isprintable() and len(text) <= _LONGEST_ID
