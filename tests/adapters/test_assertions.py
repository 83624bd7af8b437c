"""What is signed, with which algorithm, and which keys sign nothing. Verified by joserfc's other half."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey

from reconciler.adapters.assertions import JoseSigner
from reconciler.model.assertion import Assertion, AssertionTerms, SigningAlgorithm, SigningKey
from reconciler.model.secret import Secret
from reconciler.sandbox.protocol.assertions import KEY_PAIRS, SYMMETRIC, _Registry
from tests.servers.keys import KeyPair, key_pair
from tests.simulators.clocks import CountingEntropy, ManualClock

AUDIENCE = "https://as.example"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def signer(clock: ManualClock) -> JoseSigner:
    return JoseSigner(clock, CountingEntropy())


def assertion(text: str, *, algorithm: SigningAlgorithm | None = None, kid: str | None = None) -> Assertion:
    terms = AssertionTerms(SigningKey(Secret(text), algorithm, kid), AUDIENCE, timedelta(minutes=2))
    return Assertion(terms, issuer="me", subject="ana", scope="read write")


def decoded(signed: Secret, key: Any) -> Any:
    return jwt.decode(signed.reveal(), key, registry=_Registry(algorithms=[*KEY_PAIRS, *SYMMETRIC]))


def public(pair: KeyPair) -> Any:
    jwks: Any = pair.jwks
    return KeySet.import_key_set(jwks)


def header_of(signed: Secret) -> dict[str, Any]:
    first = signed.reveal().partition(".")[0]
    return dict(json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4))))


def pem_of(private: Any, *, encryption: Any = None, old: bool = False) -> str:
    form = serialization.PrivateFormat.TraditionalOpenSSL if old else serialization.PrivateFormat.PKCS8
    sealed = encryption or serialization.NoEncryption()
    return private.private_bytes(serialization.Encoding.PEM, form, sealed).decode()


@pytest.mark.parametrize(
    ("kind", "algorithm"), [("rsa", "RS256"), ("jwk", "RS256"), ("ec", "ES256"), ("ed25519", "EdDSA")]
)
def test_a_key_signs_with_the_algorithm_that_fits_it(signer, clock, kind, algorithm):
    pair = key_pair(kind)
    signed = signer.sign(assertion(pair.private, kid=None if kind == "jwk" else pair.public["kid"]))
    said = decoded(signed, public(pair))
    assert said.header == {"typ": "JWT", "alg": algorithm, "kid": kind}
    now = int(clock.now().timestamp())
    jti = said.claims.pop("jti")
    assert said.claims == {
        "iss": "me", "sub": "ana", "aud": AUDIENCE, "iat": now, "exp": now + 120, "scope": "read write",
    }  # fmt: skip
    assert jti
    assert decoded(signer.sign(assertion(pair.private)), public(pair)).claims["jti"] != jti


def test_another_algorithm_of_the_same_key_is_the_bases_choice(signer):
    pair = key_pair("rsa")
    signed = signer.sign(assertion(pair.private, algorithm=SigningAlgorithm.PS256))
    assert header_of(signed)["alg"] == "PS256"
    assert decoded(signed, public(pair)).claims["iss"] == "me"


@pytest.mark.parametrize("secret", ["short", "x" * 32, "ñ€ " * 20])
def test_a_client_secret_signs_by_its_bytes(signer, secret):
    signed = signer.sign(assertion(secret, algorithm=SigningAlgorithm.HS256))
    raw = secret.encode()
    assert decoded(signed, OctKey(raw, raw)).header["alg"] == "HS256"


@pytest.mark.parametrize("old", [False, True])
def test_a_pem_may_be_of_either_form_and_have_its_line_breaks_written_out(signer, old):
    private = ec.generate_private_key(ec.SECP384R1())
    written = pem_of(private, old=old).replace("\n", "\\n")
    assert header_of(signer.sign(assertion(written)))["alg"] == "ES384"


def test_a_certificate_beside_the_key_is_named_by_its_thumbprints(signer):
    private = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=365))
        .sign(private, None)
    )
    beside = certificate.public_bytes(serialization.Encoding.PEM).decode() + pem_of(private)
    header = header_of(signer.sign(assertion(beside)))
    der = certificate.public_bytes(serialization.Encoding.DER)
    expected = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
    assert header["x5t#S256"] == expected
    assert certificate.fingerprint(hashes.SHA1()) == base64.urlsafe_b64decode(header["x5t"] + "=")


def test_a_public_jwk_holds_nothing_private_and_names_its_algorithm(signer):
    pair = key_pair("jwk")
    public = signer.public_jwk(SigningKey(Secret(pair.private)))
    assert public == {**pair.public, "alg": "RS256"}
    named = signer.public_jwk(SigningKey(Secret(key_pair("ec").private)))
    assert "d" not in named
    assert named["kid"]  # its thumbprint, so that a server with several keys knows it


REFUSED = {
    "a public PEM": lambda: ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode(),
    "a public JWK": lambda: json.dumps(key_pair("jwk").public),
    "an encrypted PEM": lambda: pem_of(
        ec.generate_private_key(ec.SECP256R1()), encryption=serialization.BestAvailableEncryption(b"word")
    ),
    "a short RSA key": lambda: pem_of(rsa.generate_private_key(65537, 1024)),
    "a DSA key": lambda: pem_of(dsa.generate_private_key(2048)),
    "a curve that signs nothing": lambda: pem_of(ec.generate_private_key(ec.SECP256K1())),
    "a client secret": lambda: "canary-of-a-secret",
    "a broken PEM": lambda: "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----",
    "a broken JWK": lambda: '{"kty": "RSA", "d": "canary"}',
    "an oct JWK": lambda: '{"kty": "oct", "k": "canary"}',
    "no JSON": lambda: "{canary",
}  # fmt: skip


@pytest.mark.parametrize("what", sorted(REFUSED))
def test_what_is_no_private_key_signs_nothing_and_is_not_quoted(signer, what):
    text = REFUSED[what]()
    with pytest.raises(ValueError) as refused:
        signer.check(SigningKey(Secret(text)))
    assert refused.value.__cause__ is None
    said = str(refused.value)
    assert "canary" not in said
    assert not any(line and line in said for line in text.splitlines())


@pytest.mark.parametrize(
    ("kind", "algorithm"), [("rsa", SigningAlgorithm.ES256), ("ec", SigningAlgorithm.RS256), ("ed25519", SigningAlgorithm.ES512)]
)  # fmt: skip
def test_an_algorithm_that_does_not_fit_the_key_is_refused(signer, kind, algorithm):
    with pytest.raises(ValueError, match="this key signs with"):
        signer.check(SigningKey(Secret(key_pair(kind).private), algorithm))


def test_there_is_no_algorithm_none():
    assert "none" not in {one.value.lower() for one in SigningAlgorithm}
