"""Keys and signed tokens as a CI system's OIDC issuer makes them, for JWT logins."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey


@cache
def _key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "test"}, private=True)


@dataclass(frozen=True)
class TokenIssuer:
    """Signs RS256 tokens with one key a test run."""

    key: RSAKey = field(default_factory=_key, repr=False)

    @property
    def public_key(self) -> str:
        """PEM."""
        return self.key.as_pem(private=False).decode()

    def sign(
        self, *, audience: str, subject: str, seconds: int = 300, claims: Mapping[str, Any] | None = None
    ) -> str:
        """A compact JWT that lives `seconds` from now (negative: already dead)."""
        now = int(time.time())
        body = {
            "aud": audience,
            "sub": subject,
            "iat": now,
            "nbf": now - 10,
            "exp": now + seconds,
            **(claims or {}),
        }
        return jwt.encode({"alg": "RS256", "kid": "test"}, body, self.key)
