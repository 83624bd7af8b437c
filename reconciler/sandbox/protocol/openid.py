"""The OpenID Connect parts: the signing key, the ID token, the claims about a person.

The key is made on first need (an RSA key costs a quarter of a second, and most tests never ask for one) and lives as
long as the sandbox. ID tokens are RS256 (OpenID Connect Core §2), timed by the sandbox's clock, and answer the
authorization request only: a refresh brings none.
"""

from __future__ import annotations

import threading
from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Request
from authlib.oidc.core.grants.code import OpenIDToken
from joserfc.jwk import KeySet, RSAKey

from reconciler.sandbox.config import Person
from reconciler.sandbox.records import Client
from reconciler.sandbox.world import World


class SigningKey:
    """One RSA key, made when it is first asked for."""

    def __init__(self) -> None:
        self._key: RSAKey | None = None
        self._lock = threading.Lock()

    def get(self) -> RSAKey:
        with self._lock:
            if self._key is None:
                self._key = RSAKey.generate_key(
                    2048, parameters={"use": "sig", "alg": "RS256"}, auto_kid=True
                )
            return self._key

    def public_set(self) -> dict[str, Any]:
        """The JWK Set that `jwks_uri` serves (RFC 7517 §5)."""
        return dict(KeySet([self.get()]).as_dict(private=False))


class SandboxIdToken(OpenIDToken):
    """Adds `id_token` to a token response whose scope holds `openid`."""

    def __init__(self, *, world: World, issuer: str, signing_key: SigningKey) -> None:
        self._world = world
        self._issuer = issuer
        self._signing_key = signing_key

    def resolve_client_private_key(self, _client: Client) -> RSAKey:
        return self._signing_key.get()

    def get_encode_header(self, _client: Client) -> dict[str, str]:
        return {"alg": "RS256", "kid": str(self._signing_key.get().kid)}

    def get_client_algorithm(self, _client: Client) -> str:
        return "RS256"

    def get_client_claims(self, client: Client) -> dict[str, Any]:
        now = int(self._world.clock.now())
        return {"iss": self._issuer, "aud": client.client_id, "iat": now, "exp": now + 3600, "auth_time": now}

    def get_authorization_code_claims(self, authorization_code: Any) -> dict[str, Any]:
        return {"nonce": authorization_code.nonce} if authorization_code.nonce else {}

    def get_compatible_claims(self, request: OAuth2Request) -> dict[str, Any]:
        return self.get_client_claims(request.client)

    def generate_user_info(self, user: str, scope: str) -> dict[str, Any]:
        return claims_about(user, scope=scope, people=self._world.config.people)


def claims_about(subject: str, *, scope: str, people: tuple[Person, ...]) -> dict[str, Any]:
    """The claims that `scope` allows about a person (OpenID Connect Core §5.4)."""
    scopes = scope.split()
    claims: dict[str, Any] = {"sub": subject}
    if "profile" in scopes:
        claims["name"] = next((one.name for one in people if one.subject == subject and one.name), subject)
    if "email" in scopes and "@" in subject:
        claims |= {"email": subject, "email_verified": True}
    return claims
