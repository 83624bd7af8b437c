"""Key pairs of clients that sign, one of each kind, made once a test run: a private PEM or JWK, and the public `jwks`."""

import json
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from joserfc.jwk import ECKey, OKPKey, RSAKey

from reconciler.model.assertion import AssertionTerms, SigningAlgorithm, SigningKey
from reconciler.model.secret import Secret


@dataclass(frozen=True)
class KeyPair:
    """`private`: what a store keeps; `public`: what the server is told, as a JWK."""

    private: str
    public: dict[str, Any]

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [self.public]}

    def terms(
        self, audience: str, *, seconds: float = 120, algorithm: SigningAlgorithm | None = None
    ) -> AssertionTerms:
        """How a client with this key makes its assertions."""
        key = SigningKey(Secret(self.private), algorithm, self.public.get("kid"))
        return AssertionTerms(key, audience, timedelta(seconds=seconds))


@cache
def key_pair(kind: str) -> KeyPair:
    """`rsa`, `rsa-other`, `ec`, `ed25519` as PEM; `jwk` an RSA key as a JWK with its own `kid`."""
    key: Any
    if kind.startswith("rsa") or kind == "jwk":
        key = RSAKey.generate_key(2048, {"kid": kind}, private=True)
    elif kind == "ec":
        key = ECKey.generate_key("P-256", {"kid": kind}, private=True)
    else:
        key = OKPKey.generate_key("Ed25519", {"kid": kind}, private=True)
    private = json.dumps(key.as_dict(private=True)) if kind == "jwk" else key.as_pem(private=True).decode()
    return KeyPair(private, {**key.as_dict(private=False), "use": "sig"})
