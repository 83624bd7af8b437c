"""JWTs by which a client proves itself or asks for a token (RFC 7521, RFC 7523): what they say, before they are signed.

Rules:
- an `Assertion` is made anew for each request and lives for minutes; what is signed is a Secret until it is on the wire;
- the key is whole in `key`: a PEM or a JWK for a key pair, the client secret's bytes for `client_secret_jwt`;
- the algorithm is never taken from what a server says: the base's, or the one that fits the key (RFC 8725 §3.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from reconciler.model.secret import Secret

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
"""The grant type on the wire (RFC 7523 §2.1)."""
CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""RFC 7523 §2.2."""


class SigningAlgorithm(StrEnum):
    """How assertions may be signed (RFC 7518 §3.1, RFC 8037): nothing weaker, and never `none`."""

    RS256 = "RS256"
    RS384 = "RS384"
    RS512 = "RS512"
    PS256 = "PS256"
    PS384 = "PS384"
    PS512 = "PS512"
    ES256 = "ES256"
    ES384 = "ES384"
    ES512 = "ES512"
    EDDSA = "EdDSA"
    HS256 = "HS256"
    HS384 = "HS384"
    HS512 = "HS512"

    @property
    def is_symmetric(self) -> bool:
        return self.value.startswith("HS")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """`text`: a PEM or a JWK; with a symmetric algorithm, a client secret. `algorithm` None: the one that fits it."""

    text: Secret
    algorithm: SigningAlgorithm | None = None
    key_id: str | None = None


@dataclass(frozen=True, slots=True)
class AssertionTerms:
    """How one client's assertions are made. `audience` is who they are for, as the server names itself."""

    key: SigningKey
    audience: str
    lifetime: timedelta


@dataclass(frozen=True, slots=True)
class Assertion:
    """One JWT to be signed: `iss`, `sub`, `aud`, `iat`, `exp`, `jti`, and `scope` where it is said in there."""

    terms: AssertionTerms
    issuer: str
    subject: str
    scope: str | None = None
