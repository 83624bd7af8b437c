"""Signs assertions (RFC 7523) with joserfc: JWS of a PEM's, a JWK's or a client secret's key.

Rules:
- a key is what it looks like: a PEM or a JWK with a private key; never fetched, never encrypted, RSA of 2048 bits at least;
- the algorithm is the base's, or the one that fits the key, from a closed list (RFC 8725 §3.1); one that does not fit is
  refused, and nothing is sent;
- every assertion has a `jti` of its own and lives for minutes (RFC 7523 §3);
- a certificate beside the key in its PEM is named by its thumbprints, as Entra ID wants it (RFC 7515 §4.1.7, §4.1.8);
- no word about a key that cannot be used repeats any of it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from reconciler.model.assertion import Assertion, SigningAlgorithm, SigningKey
from reconciler.model.secret import Secret
from reconciler.ports import Clock, Entropy

if TYPE_CHECKING:
    from joserfc.jwk import Key
    from joserfc.jws import JWSRegistry

_JTI_BYTES = 18
_FEWEST_RSA_BITS = 2048
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\s*([A-Za-z0-9+/=\s]+?)-----END CERTIFICATE-----")
_RSA = tuple(SigningAlgorithm(name + size) for name in ("RS", "PS") for size in ("256", "384", "512"))
_BY_CURVE = {
    "P-256": SigningAlgorithm.ES256,
    "P-384": SigningAlgorithm.ES384,
    "P-521": SigningAlgorithm.ES512,
    "Ed25519": SigningAlgorithm.EDDSA,
    "Ed448": SigningAlgorithm.EDDSA,
}


class _Ready:
    """A key that was read, with the header that its signatures bear."""

    def __init__(self, key: Key, header: dict[str, Any]) -> None:
        self.key = key
        self.header = header


class JoseSigner:
    """`ports.AssertionSigner`. Keys that were read are kept for as long as the run lives."""

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self._clock = clock
        self._entropy = entropy
        self._read: dict[int, tuple[SigningKey, _Ready]] = {}
        self._lock = threading.Lock()

    def check(self, key: SigningKey) -> None:
        """ValueError says why nothing can be signed with it."""
        self._ready(key)

    def public_jwk(self, key: SigningKey) -> dict[str, object]:
        """Its public half, as a server's `jwks` wants it (RFC 7517). ValueError as `check`."""
        ready = self._ready(key)
        found: dict[str, object] = dict(ready.key.as_dict(private=False))
        kid = ready.header.get("kid") or ready.key.thumbprint()
        return {**found, "use": "sig", "alg": ready.header["alg"], "kid": kid}

    def sign(self, assertion: Assertion) -> Secret:
        """The compact JWT. ValueError as `check`."""
        from joserfc import jwt

        ready = self._ready(assertion.terms.key)
        now = int(self._clock.now().timestamp())
        claims: dict[str, Any] = {
            "iss": assertion.issuer,
            "sub": assertion.subject,
            "aud": assertion.terms.audience,
            "iat": now,
            "exp": now + int(assertion.terms.lifetime.total_seconds()),
            "jti": self._entropy.token(_JTI_BYTES),
        }
        if assertion.scope is not None:
            claims["scope"] = assertion.scope
        return Secret(jwt.encode(dict(ready.header), claims, ready.key, registry=_registry()))

    def _ready(self, key: SigningKey) -> _Ready:
        with self._lock:
            found = self._read.get(id(key))
            if found is None:
                # The key itself is kept beside what was read of it, so that its id stays its own.
                found = self._read[id(key)] = (key, _read(key))
            return found[1]


@cache
def _registry() -> JWSRegistry:
    """Our closed list. joserfc warns of `EdDSA`, the name that servers know (RFC 9864 gives it new ones): not ours to say."""
    from joserfc.jws import JWSRegistry

    class Ours(JWSRegistry):
        def get_alg(self, name: str) -> Any:
            return self.algorithms[SigningAlgorithm(name)]

    return Ours()


def _read(key: SigningKey) -> _Ready:
    symmetric = key.algorithm is not None and key.algorithm.is_symmetric
    parsed = _secret_key(key) if symmetric else _key_pair(key.text.reveal())
    fitting = _fitting(parsed)
    algorithm = key.algorithm or fitting[0]
    if algorithm not in fitting:
        names = ", ".join(one.value for one in fitting)
        raise ValueError(
            f"assertions are to be signed with {algorithm.value}, and this key signs with {names}"
        )
    header: dict[str, Any] = {"alg": algorithm.value, "typ": "JWT"}
    kid = key.key_id or parsed.get("kid")
    if kid:
        header["kid"] = str(kid)
    if not symmetric:
        header |= _thumbprints(key.text.reveal())
    return _Ready(parsed, header)


def _secret_key(key: SigningKey) -> Key:
    from joserfc.jwk import OctKey

    # Not `import_key`: it warns of a secret that its server chose short, which is not ours to choose.
    try:
        raw = key.text.reveal().encode("utf-8")
    except UnicodeError:
        raise ValueError("the client secret is no valid text") from None
    return OctKey(raw, raw)


def _key_pair(text: str) -> Key:
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    kinds: dict[str, Any] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    text = text.strip()
    if text.startswith("{"):
        return _from_jwk(text, kinds)
    if "-----BEGIN ENCRYPTED" in text or "Proc-Type: 4,ENCRYPTED" in text:
        raise ValueError(
            "the private key is encrypted: store it without a passphrase, since the store seals it"
        )
    match = re.search(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.+?-----END [A-Z ]*PRIVATE KEY-----", text, re.DOTALL
    )
    if match is None:
        raise ValueError("it is neither a PEM nor a JWK with a private key")
    # A key that went through an environment variable or a JSON editor often has its line breaks written out.
    return _from_pem(match[0].replace("\\n", "\n"), kinds)


def _from_jwk(text: str, kinds: dict[str, Any]) -> Key:
    try:
        document = json.loads(text)
        kind = kinds[document["kty"]]
        key: Key = kind.import_key(
            {name: value for name, value in document.items() if name not in ("use", "key_ops")}
        )
        private = key.is_private
    except Exception:  # noqa: BLE001  whatever is wrong with it: the error would quote the key
        raise ValueError("it is no JWK of kind RSA, EC or OKP") from None
    if not private:
        raise ValueError("it is a public key: the private one is needed")
    return _strong(key)


def _from_pem(text: str, kinds: dict[str, Any]) -> Key:
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private = load_pem_private_key(text.encode("ascii"), password=None)
    except Exception:  # noqa: BLE001  whatever is wrong with it: the error might quote the key
        raise ValueError("it is no readable PEM") from None
    match private:
        case rsa.RSAPrivateKey():
            kind = kinds["RSA"]
        case ec.EllipticCurvePrivateKey():
            kind = kinds["EC"]
        case ed25519.Ed25519PrivateKey() | ed448.Ed448PrivateKey():
            kind = kinds["OKP"]
        case _:
            raise ValueError("it is no RSA, EC or Ed25519 key")
    return _strong(kind(private, private))


def _strong(key: Key) -> Key:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    private = key.private_key
    if isinstance(private, RSAPrivateKey) and private.key_size < _FEWEST_RSA_BITS:
        raise ValueError(f"an RSA key of fewer than {_FEWEST_RSA_BITS} bits signs nothing")
    return key


def _fitting(key: Key) -> tuple[SigningAlgorithm, ...]:
    if key.key_type == "oct":
        return SigningAlgorithm.HS256, SigningAlgorithm.HS384, SigningAlgorithm.HS512
    if key.key_type == "RSA":
        return _RSA
    curve = str(key.as_dict(private=False).get("crv"))
    if curve not in _BY_CURVE:
        raise ValueError("its curve signs nothing: take P-256, P-384, P-521 or Ed25519")
    return (_BY_CURVE[curve],)


def _thumbprints(text: str) -> dict[str, str]:
    found = _CERTIFICATE.search(text.replace("\\n", "\n"))
    if found is None:
        return {}
    try:
        der = base64.b64decode("".join(found[1].split()), validate=True)
    except ValueError:
        raise ValueError("the certificate beside the key is no readable PEM") from None
    sha1 = hashlib.sha1(der, usedforsecurity=False).digest()
    return {"x5t": _url_safe(sha1), "x5t#S256": _url_safe(hashlib.sha256(der).digest())}


def _url_safe(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
