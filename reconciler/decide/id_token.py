"""What an ID token proves: who signed it, whom it is for, which request it answers (OpenID Connect Core §3.1.3.7).

Rules:
- the signature is checked against the server's published keys, by an asymmetric algorithm that the server announces (or,
  where it announces none, any that we take): never `none`, never a shared secret (RFC 8725 §§3.1, 3.2);
- `iss`, `aud`, `azp`, `exp`, `iat` and `nonce` are checked, with five minutes between our clock and theirs; an `iat` that
  is further off tells of a wrong clock, and says by how much;
- a token that is there and does not hold is a forgery until somebody knows better: it is never a mere warning;
- any text and any key set give claims or an IdentityProblem, never another exception, and nothing of them is quoted.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.decide.answer_document import read_json_object, seconds_at, text_at, value_at
from reconciler.decide.identity import IdentityProblem
from reconciler.model.answer import NoAnswer, Outcome
from reconciler.model.duration import format_rough
from reconciler.model.secret import Document, Secret, same_text

LEEWAY = timedelta(minutes=5)
"""Between our clock and theirs."""
ALGORITHMS = frozenset(
    {
        *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
        *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
    }
)
"""Asymmetric, and taken for sound today (RFC 7518 §3.1, RFC 8037, RFC 9864)."""
_KINDS = frozenset({"RSA", "EC", "OKP"})
_MOST_KEYS = 50
_SMALLEST_RSA_BITS = 2048
_LONGEST_HEADER = 16 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLAIM = re.compile(r"\{([A-Za-z0-9_]{1,40})\}")
_FILLING = re.compile(r"[A-Za-z0-9._-]{1,128}")


@dataclass(frozen=True, slots=True)
class TokenAudience:
    """What an ID token is held against. `issuer` None: the server has no known issuer; `{claim}` in it stands for that
    claim of the token. `nonce` None: none was sent."""

    issuer: str | None
    client_id: str
    nonce: Secret | None


def read_keys(outcome: Outcome) -> Document | IdentityProblem:
    """The JWK Set (RFC 7517 §5) in what the server's key endpoint answered."""
    if isinstance(outcome, NoAnswer):
        return IdentityProblem(f"the server's keys: {outcome.why}", transient=True)
    if outcome.status != 200:
        transient = outcome.status in (408, 429) or outcome.status >= 500
        return IdentityProblem(f"the server's keys: HTTP {outcome.status}", transient=transient)
    document = read_json_object(outcome.body.reveal())
    if document is None or not isinstance(value_at(document, "keys"), list):
        return IdentityProblem("the server's keys: the answer is no key set")
    return document


def read_id_token(
    id_token: Secret,
    *,
    audience: TokenAudience,
    now: datetime,
    keys: Mapping[str, Any] | None,
    algorithms: Sequence[str] = (),
) -> Document | IdentityProblem:
    """The claims of an ID token that is genuine, meant for us, fresh, and an answer to our request.

    `keys`: the server's JWK Set; None where it publishes none that we know: then the TLS connection to the token endpoint
    stands in for the signature (§3.1.3.7, 6). `algorithms`: as the server announces them; empty: it does not.
    """
    claims = _unverified(id_token) if keys is None else _verified(id_token, keys, announced=algorithms)
    if isinstance(claims, IdentityProblem):
        return claims
    return _check(claims, audience=audience, now=now) or claims


def _check(claims: Document, *, audience: TokenAudience, now: datetime) -> IdentityProblem | None:
    if audience.issuer is not None and text_at(claims, "iss") != _filled(audience.issuer, claims):
        return _wrong("the ID token is from another issuer")
    if not _is_for(claims, audience.client_id):
        return _wrong("the ID token is for another client")
    if audience.nonce is not None and not same_text(text_at(claims, "nonce"), audience.nonce.reveal()):
        return _wrong("the ID token answers another request (nonce)")
    issued, expires = seconds_at(claims, "iat"), seconds_at(claims, "exp")
    if issued is not None and _since(issued, now) < -LEEWAY:
        late = format_rough(_since(issued, now))
        return _wrong(
            f"this machine's clock is {late} behind the provider's: the ID token comes from the future"
        )
    if expires is None or _since(expires, now) > LEEWAY:
        ago = f": it was issued {format_rough(_since(issued, now))} ago" if issued is not None else ""
        return _wrong(f"the ID token has expired (or this machine's clock is wrong){ago}")
    if issued is None:
        return _wrong("the ID token does not say when it was issued")
    return None


def _wrong(message: str) -> IdentityProblem:
    return IdentityProblem(message, forged=True)


def _since(seconds: int, now: datetime) -> timedelta:
    """How long ago that was; bounded, since a server may write any number."""
    passed = (now - _EPOCH).total_seconds() - seconds
    return timedelta(seconds=max(-(10**9), min(passed, 10**9)))


def _unverified(id_token: Secret) -> Document | IdentityProblem:
    parts = id_token.reveal().split(".")
    if len(parts) != 3:
        return _wrong("the ID token is encrypted or no JWT")
    try:
        payload = base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return _wrong("the ID token is no JWT")
    claims = read_json_object(payload)
    return _wrong("the ID token is no JWT") if claims is None else claims


def _verified(
    id_token: Secret, keys: Mapping[str, Any], *, announced: Sequence[str]
) -> Document | IdentityProblem:
    from joserfc.errors import JoseError
    from joserfc.jws import JWSRegistry, deserialize_compact

    header = _header(id_token)
    if header is None:
        return _wrong("the ID token is encrypted or no JWT")
    allowed = ALGORITHMS & frozenset(announced) if announced else ALGORITHMS
    algorithm, kid = text_at(header, "alg"), text_at(header, "kid")
    if algorithm not in allowed:
        return _wrong(
            "the ID token is signed in a way that its server does not announce, or that we do not take"
        )
    registry = JWSRegistry(algorithms=sorted(allowed), strict_check_header=False)
    registry.max_header_length = _LONGEST_HEADER
    candidates = _keys_for(keys, kid=kid)
    for key in candidates:
        try:
            signed = deserialize_compact(id_token.reveal(), key, registry=registry)
        except (JoseError, ValueError, TypeError, AttributeError, KeyError):
            continue  # another key of the set, or one that cannot sign like that
        claims = read_json_object(signed.payload)
        return _wrong("the ID token is no JWT") if claims is None else claims
    if not candidates:
        return _wrong("the ID token is signed by a key that its server does not publish")
    return _wrong("the ID token has no valid signature")


def _header(id_token: Secret) -> Document | None:
    parts = id_token.reveal().split(".")
    if len(parts) != 3 or len(parts[0]) > _LONGEST_HEADER:
        return None
    try:
        return read_json_object(
            base64.b64decode(parts[0] + "=" * (-len(parts[0]) % 4), altchars=b"-_", validate=True)
        )
    except (binascii.Error, ValueError):
        return None


def _keys_for(keys: Mapping[str, Any], *, kid: str) -> list[Any]:
    """The set's signing keys with that id; all of them where the token names none. Keys of other kinds are none of ours."""
    from joserfc.errors import JoseError
    from joserfc.jwk import JWKRegistry

    listed = value_at(keys, "keys")
    found = []
    for entry in listed[:_MOST_KEYS] if isinstance(listed, list) else []:
        if not isinstance(entry, Mapping) or not _is_signing(entry):
            continue
        if kid and entry.get("kid") != kid:
            continue
        try:
            found.append(JWKRegistry.import_key(dict(entry)))
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            continue
    return found


def _is_signing(entry: Mapping[Any, Any]) -> bool:
    """Of a kind that we take, for signatures, and not a short one."""
    if entry.get("kty") not in _KINDS or entry.get("use", "sig") != "sig":
        return False
    modulus = entry.get("n", "")
    return entry["kty"] != "RSA" or (isinstance(modulus, str) and len(modulus) * 6 >= _SMALLEST_RSA_BITS)


def _filled(issuer: str, claims: Mapping[str, Any]) -> str:
    """`issuer` with its `{claim}` parts; '' (which no token bears) where one of them is no plain text."""
    broken = False

    def fill(found: re.Match[str]) -> str:
        nonlocal broken
        value = text_at(claims, found[1])
        broken = broken or _FILLING.fullmatch(value) is None
        return value

    filled = _CLAIM.sub(fill, issuer)
    return "\n" if broken else filled


def _is_for(claims: Mapping[str, Any], client_id: str) -> bool:
    said, party = value_at(claims, "aud"), value_at(claims, "azp")
    audiences = said if isinstance(said, list) else [said]
    if client_id not in [item for item in audiences if isinstance(item, str)]:
        return False
    return party is None or party == client_id
