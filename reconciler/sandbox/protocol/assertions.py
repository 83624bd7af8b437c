"""JWTs that clients sign (RFC 7523): to authenticate (`private_key_jwt`, `client_secret_jwt`), and as a grant of their own.

Authlib reads the requests; here stands whose key verifies them, by which clock, for which audience, and that each `jti`
is good once (§3).

Rules: the algorithm must be one of the client's kind, so that no public key is ever taken for a shared secret (RFC 8725
§3.1); the audience is the issuer, the token endpoint or the endpoint itself (RFC 9126 §2); a grant's subject is a person
whom the sandbox knows, or the client itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidGrantError
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion, JWTBearerGrant
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey
from joserfc.jws import JWSRegistry

from reconciler.sandbox.protocol.answers import make_token_answer
from reconciler.sandbox.records import JWT_BEARER, Client
from reconciler.sandbox.world import World

SYMMETRIC = ("HS256", "HS384", "HS512")
KEY_PAIRS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)
LEEWAY = 30
"""Seconds by which a client's clock may be off."""
_LONGEST_LIFE = 3600


class _Registry(JWSRegistry):
    """A closed list of algorithms, without a warning for the older of EdDSA's names."""

    def get_alg(self, name: str) -> Any:
        if name not in (self.allowed or ()):
            raise ValueError("this algorithm is not for this client")
        return self.algorithms[name]


class ClientAssertion(JWTBearerClientAssertion):
    """RFC 7523 §2.2, for one of its two methods."""

    def __init__(self, method: str, *, world: World, audiences: Callable[[], list[str]]) -> None:
        super().__init__(leeway=LEEWAY)
        self.CLIENT_AUTH_METHOD = method
        self._world = world
        self._audiences = audiences

    def __call__(self, query_client: Callable[[str], Client | None], request: OAuth2Request) -> Client | None:
        """The client whose assertion the request bears; None where it bears none, or one of the other method's."""
        assertion = request.form.get("client_assertion")
        if request.form.get("client_assertion_type") != self.CLIENT_ASSERTION_TYPE or not assertion:
            return None
        _, claims = self.extract_assertion(assertion)
        client = query_client(claims["sub"]) if isinstance(claims.get("sub"), str) else None
        if client is None or request.form.get("client_id") not in (None, client.client_id):
            raise InvalidClientError(status_code=401, description="No such client.")
        if client.auth_method != self.CLIENT_AUTH_METHOD:
            return None
        symmetric = self.CLIENT_AUTH_METHOD == "client_secret_jwt"
        try:
            said = _verified(assertion, client, world=self._world, symmetric=symmetric)
            _check(said, self._world, audiences=self._audiences())
            if (said["iss"], said["sub"]) != (client.client_id, client.client_id):
                raise _Wrong("iss and sub must be the client's id.")
        except _Wrong as wrong:
            raise InvalidClientError(status_code=401, description=str(wrong)) from None
        return client


class BearerGrant(JWTBearerGrant):
    """RFC 7523 §2.1: a token for whoever the client signs for."""

    def process_assertion_claims(self, assertion: str) -> dict[str, Any]:
        _, claims = self.extract_assertion(assertion)
        issuer = claims.get("iss")
        client = self.server.world.clients.get(issuer) if isinstance(issuer, str) else None
        if client is None:
            raise InvalidGrantError(description="No such issuer.")
        try:
            said = _verified(assertion, client, world=self.server.world, symmetric=False)
            _check(said, self.server.world, audiences=self.get_audiences())
        except _Wrong as wrong:
            raise InvalidGrantError(description=str(wrong)) from None
        self._scope = said.get("scope")
        return said

    def get_audiences(self) -> list[str]:
        found: list[str] = self.server.audiences()
        return found

    def resolve_issuer_client(self, issuer: str) -> Client | None:
        found: Client | None = self.server.world.clients.get(issuer)
        return found

    def authenticate_user(self, subject: str) -> str | None:
        world: World = self.server.world
        known = {one.subject for one in world.config.people} | set(world.clients)
        return subject if subject in known else None

    def has_granted_permission(self, client: Client, user: str) -> bool:
        """For itself, or for a person: not in another client's name."""
        return user == client.client_id or user not in self.server.world.clients

    def generate_token(
        self, scope: str | None = None, user: str | None = None, **_wanted: Any
    ) -> dict[str, Any]:
        client: Client = self.request.client
        world: World = self.server.world
        asked = scope or self._scope or " ".join(world.config.default_scopes)
        return make_token_answer(
            world,
            client_id=client.client_id,
            subject=user or client.client_id,
            scope=client.get_allowed_scope(asked),
            grant=None,
            refresh_token=None,
        )


BearerGrant.GRANT_TYPE = JWT_BEARER


class _Wrong(Exception):
    """What is wrong with an assertion, in words for the answer."""


def _verified(assertion: str, client: Client, *, world: World, symmetric: bool) -> dict[str, Any]:
    """The claims, where the client's own key signed them."""
    expired = client.secret_expires_at and world.clock.now() >= client.secret_expires_at
    if symmetric and (client.secret is None or expired):
        raise _Wrong("The client has no secret (any more).")
    registry = _Registry(algorithms=list(SYMMETRIC if symmetric else KEY_PAIRS))
    try:
        return dict(jwt.decode(assertion, _key_of(client, symmetric=symmetric), registry=registry).claims)
    except (JoseError, ValueError, TypeError, KeyError):
        raise _Wrong("Invalid JWT Signature.") from None


def _key_of(client: Client, *, symmetric: bool) -> Any:
    if symmetric:
        raw = (client.secret or "").encode()
        return OctKey(raw, raw)
    jwks: Any = client.metadata.get("jwks") or {"keys": []}
    return KeySet.import_key_set(jwks)


def _check(claims: dict[str, Any], world: World, *, audiences: list[str]) -> None:
    """Hold them against the sandbox's clock and names (RFC 7523 §3)."""
    now = world.clock.now()
    audience = claims.get("aud")
    named = set(audience if isinstance(audience, list) else [audience])
    expires, issued, jti = claims.get("exp"), claims.get("iat", now), claims.get("jti")
    if not named & set(audiences):
        raise _Wrong("The assertion is for another audience.")
    if not isinstance(expires, (int, float)) or not isinstance(issued, (int, float)):
        raise _Wrong("The assertion has no times.")
    if now - LEEWAY >= expires:
        raise _Wrong("The assertion has expired.")
    if issued > now + LEEWAY or expires > now + LEEWAY + _LONGEST_LIFE:
        raise _Wrong("The assertion is from the future, or lives too long.")
    if not isinstance(jti, str) or not world.patience.use_once(
        f"{claims.get('iss')} {jti}", until=expires + LEEWAY
    ):
        raise _Wrong("The assertion was used before, or has no jti.")
