"""Whose grant it is: the subject behind a token answer, and whether that is the person who was meant to consent.

Rules (OpenID Connect Core §§3.1.3.7, 5.3.2; RFC 7662 §2.2; RFC 9068 does not apply: access tokens are never read):
- an ID token comes straight from the token endpoint over TLS, which stands in for its signature (§3.1.3.7, 6); its
  `iss`, `aud`, `azp`, `exp` and `nonce` are checked; anything else in it is believed no further than the endpoint is;
- userinfo whose `sub` is not the ID token's is refused;
- a pinned identity is a subject, or an e-mail that the server does not call unverified;
- texts found here name a person: they are compared and stored, and shown only where a person is told of a mismatch.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.decide.answer_document import read_json_object, seconds_at, text_at, value_at
from reconciler.model.answer import NoAnswer, Outcome
from reconciler.model.behaviour import IdentityRules
from reconciler.model.secret import Document, Secret

_LEEWAY = timedelta(minutes=5)
"""Between our clock and theirs."""
_LONGEST_SUBJECT = 255
"""OpenID Connect Core §2: at most 255 ASCII characters."""


@dataclass(frozen=True, slots=True)
class Identity:
    """`subject` is stable at this provider; `email` is what people know, None where it is not told or not verified."""

    subject: str
    email: str | None = None


@dataclass(frozen=True, slots=True)
class IdentityProblem:
    """`message` is ours, one line. `transient`: asking again may help."""

    message: str
    transient: bool = False


@dataclass(frozen=True, slots=True)
class TokenAudience:
    """What an ID token is held against. `issuer` None: the server has no known issuer. `nonce` None: none was sent."""

    issuer: str | None
    client_id: str
    nonce: Secret | None


def read_id_token(id_token: Secret, *, audience: TokenAudience, now: datetime) -> Document | IdentityProblem:
    """The claims of an ID token that is meant for us, fresh, and an answer to our request."""
    parts = id_token.reveal().split(".")
    if len(parts) != 3:
        return IdentityProblem("the ID token is encrypted or no JWT")
    try:
        payload = base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return IdentityProblem("the ID token is no JWT")
    claims = read_json_object(payload)
    if claims is None:
        return IdentityProblem("the ID token is no JWT")
    if audience.issuer is not None and text_at(claims, "iss") != audience.issuer:
        return IdentityProblem("the ID token is from another issuer")
    if not _is_for(claims, audience.client_id):
        return IdentityProblem("the ID token is for another client")
    expires = seconds_at(claims, "exp")
    if expires is None or _is_past(expires, now - _LEEWAY):
        return IdentityProblem("the ID token has expired (or this machine's clock is wrong)")
    if audience.nonce is not None and not _same(text_at(claims, "nonce"), audience.nonce.reveal()):
        return IdentityProblem("the ID token answers another request (nonce)")
    return claims


def read_identity_answer(outcome: Outcome, *, introspection: bool) -> Document | IdentityProblem:
    """The claims in an answer of the userinfo or the introspection endpoint."""
    what = "introspection" if introspection else "userinfo"
    if isinstance(outcome, NoAnswer):
        return IdentityProblem(f"{what}: {outcome.why}", transient=True)
    if outcome.status != 200:
        transient = outcome.status in (408, 429) or outcome.status >= 500
        return IdentityProblem(f"{what}: HTTP {outcome.status}", transient=transient)
    claims = read_json_object(outcome.body.reveal())
    if claims is None:
        return IdentityProblem(f"{what}: the answer is not a JSON object")
    if introspection and value_at(claims, "active") is not True:
        return IdentityProblem(f"{what}: the new access token is not active")
    return claims


def identity_in(claims: Mapping[str, Any], rules: IdentityRules) -> Identity | IdentityProblem:
    """The identity that the base's claim names. Numbers count as their decimal text."""
    subject = _text(value_at(claims, rules.claim))
    if subject is None:
        return IdentityProblem(f"the answer has no usable `{rules.claim}`")
    email = None if rules.email_claim is None else _text(value_at(claims, rules.email_claim))
    if value_at(claims, "email_verified") in (False, "false"):
        email = None
    return Identity(subject, email)


def same_subject(claims: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """False only where both name a `sub`, and not the same (OpenID Connect Core §5.3.2)."""
    one, two = _text(value_at(claims, "sub")), _text(value_at(other, "sub"))
    return one is None or two is None or one == two


def is_expected(identity: Identity, *, pinned: str | None, stored: str | None) -> bool:
    """True where this person may hold the grant: the pinned one, or, where none is pinned, the one who consented before."""
    if pinned is not None:
        return identity.subject == pinned or (
            identity.email is not None and identity.email.casefold() == pinned.casefold()
        )
    return stored is None or identity.subject == stored


def _is_for(claims: Mapping[str, Any], client_id: str) -> bool:
    said, party = value_at(claims, "aud"), value_at(claims, "azp")
    audiences = said if isinstance(said, list) else [said]
    if client_id not in [item for item in audiences if isinstance(item, str)]:
        return False
    return party is None or party == client_id


def _is_past(seconds: int, now: datetime) -> bool:
    return seconds < (now - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()


def _text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    text = str(value)
    return text if text.isprintable() and 0 < len(text) <= _LONGEST_SUBJECT else None


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))
