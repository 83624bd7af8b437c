"""Signs ID tokens as an authorization server does, and lets a test sign what a server never would."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, Key


@dataclass
class Signer:
    """`claims` are merged into every token; a value of `...` removes one. `published` False: the key set is another's."""

    issuer: str = "http://127.0.0.1:9400"
    algorithm: str = "ES256"
    key: Key = field(default_factory=lambda: ECKey.generate_key("P-256", {"use": "sig"}, auto_kid=True))
    claims: dict[str, Any] = field(default_factory=dict)
    published: bool = True

    def id_token(self, subject: str, client_id: str, nonce: str | None, now: datetime) -> str:
        issued = int(now.timestamp())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": client_id,
            "sub": subject,
            "email": f"{subject}@example.com",
            "email_verified": True,
            "iat": issued,
            "exp": issued + 3600,
            **({"nonce": nonce} if nonce else {}),
            **self.claims,
        }
        return self.sign({name: value for name, value in claims.items() if value is not ...})

    def sign(self, claims: dict[str, Any]) -> str:
        header = {"alg": self.algorithm, "kid": self.key.kid}
        return jwt.encode(header, claims, self.key, algorithms=[self.algorithm])

    def public_keys(self) -> dict[str, Any]:
        key = self.key if self.published else ECKey.generate_key("P-256", {"use": "sig"}, auto_kid=True)
        return {"keys": [key.as_dict(private=False)]}
