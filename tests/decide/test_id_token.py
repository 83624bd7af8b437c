"""What an ID token proves, and every way in which one proves nothing (OpenID Connect Core §3.1.3.7, RFC 8725)."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from reconciler.decide.id_token import TokenAudience, read_id_token, read_keys
from reconciler.decide.identity import IdentityProblem
from reconciler.model.answer import HttpAnswer, Loss, NoAnswer
from reconciler.model.secret import Document, Secret, SecretBytes
from tests.simulators.signer import Signer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
AUDIENCE = TokenAudience("https://as.example", "client-1", Secret("the-nonce"))
CLAIMS: dict[str, Any] = {
    "iss": "https://as.example",
    "aud": "client-1",
    "iat": SECONDS - 1,
    "exp": SECONDS + 60,
    "nonce": "the-nonce",
    "sub": "ana",
}
SERVER = Signer(issuer="https://as.example")
OTHER = Signer(issuer="https://as.example")


def claims_with(**change: object) -> dict[str, Any]:
    return {name: value for name, value in {**CLAIMS, **change}.items() if value is not ...}


def read(
    text: str,
    *,
    keys: dict[str, Any] | None = None,
    algorithms: tuple[str, ...] = (),
    audience: TokenAudience = AUDIENCE,
) -> Document | IdentityProblem:
    published = SERVER.public_keys() if keys is None else keys
    return read_id_token(Secret(text), audience=audience, now=NOW, keys=published, algorithms=algorithms)


def refused(said: Document | IdentityProblem, why: str) -> None:
    assert isinstance(said, IdentityProblem)
    assert why in said.message
    assert said.forged
    assert not said.transient


def part(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def test_a_token_for_us_that_its_server_signed_gives_its_claims():
    claims = read(SERVER.sign(CLAIMS))
    assert isinstance(claims, Document)
    assert claims["sub"] == "ana"


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("RS256", RSAKey.generate_key(2048, auto_kid=True)),
        ("PS256", RSAKey.generate_key(2048, auto_kid=True)),
        ("ES256", ECKey.generate_key("P-256", auto_kid=True)),
        ("ES384", ECKey.generate_key("P-384", auto_kid=True)),
        ("Ed25519", OKPKey.generate_key("Ed25519", auto_kid=True)),
    ],
)
def test_each_usual_signature_is_taken(algorithm, key):
    signer = Signer(key=key, algorithm=algorithm)
    text = jwt.encode({"alg": algorithm, "kid": key.kid}, CLAIMS, key, algorithms=[algorithm])
    assert isinstance(read(text, keys=signer.public_keys()), Document)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": ...}, "another issuer"),
        ({"aud": "another"}, "another client"),
        ({"aud": ...}, "another client"),
        ({"aud": ["client-1", "x"], "azp": "x"}, "another client"),
        ({"exp": SECONDS - 600}, "expired"),
        ({"exp": ...}, "expired"),
        ({"exp": "soon"}, "expired"),
        ({"iat": ...}, "when it was issued"),
        ({"iat": SECONDS + 7200, "exp": SECONDS + 10800}, "clock is 2 h behind"),
        ({"iat": SECONDS - 10800, "exp": SECONDS - 7200}, "issued 3 h ago"),
        ({"exp": -(10**23)}, "expired"),
        ({"nonce": "another"}, "another request"),
        ({"nonce": ...}, "another request"),
    ],
)
def test_a_token_that_is_not_for_us_is_refused(change, why):
    refused(read(SERVER.sign(claims_with(**change))), why)


def test_several_audiences_are_fine_where_we_are_the_party():
    assert isinstance(read(SERVER.sign(claims_with(aud=["x", "client-1"], azp="client-1"))), Document)


@pytest.mark.parametrize("off", [timedelta(minutes=-4), timedelta(minutes=4)])
def test_a_clock_that_is_four_minutes_off_is_forgiven(off: timedelta):
    seconds = int((NOW + off).timestamp())
    assert isinstance(read(SERVER.sign(claims_with(iat=seconds, exp=seconds + 1))), Document)


# ------------------------------------------------------------------------------------------------------------- forgeries


def test_another_servers_signature_is_refused():
    refused(read(OTHER.sign(CLAIMS)), "does not publish")


def test_a_stolen_key_id_does_not_help():
    text = jwt.encode({"alg": "ES256", "kid": SERVER.key.kid}, CLAIMS, OTHER.key, algorithms=["ES256"])
    refused(read(text), "no valid signature")


def test_changed_claims_are_refused():
    head, _, signature = SERVER.sign(CLAIMS).split(".")
    refused(read(f"{head}.{part(claims_with(sub='bob'))}.{signature}"), "no valid signature")


@pytest.mark.parametrize("name", ["none", "None", "nOnE", ""])
def test_no_signature_is_no_signature(name: str):
    refused(read(f"{part({'alg': name})}.{part(CLAIMS)}."), "in a way")


def test_our_own_secret_signs_nothing():
    """HS256 with the client secret, or with the server's public key for a secret (RFC 8725 §2.1)."""
    for secret in ("client-secret" * 3, json.dumps(SERVER.public_keys()["keys"][0])):
        text = jwt.encode({"alg": "HS256"}, CLAIMS, OctKey.import_key(secret), algorithms=["HS256"])
        refused(read(text), "in a way")
        with_secret = {"keys": [{"kty": "oct", "k": part(secret)}]}
        refused(read(text, keys=with_secret), "in a way")


def test_what_the_server_does_not_announce_is_not_taken():
    refused(read(SERVER.sign(CLAIMS), algorithms=("RS256",)), "does not announce")
    assert isinstance(read(SERVER.sign(CLAIMS), algorithms=("RS256", "ES256")), Document)
    refused(read(f"{part({'alg': 'none'})}.{part(CLAIMS)}.", algorithms=("none",)), "in a way")


def test_a_key_in_the_token_itself_is_not_believed():
    header = {"alg": "ES256", "jwk": OTHER.key.as_dict(private=False)}
    text = jwt.encode(header, CLAIMS, OTHER.key, algorithms=["ES256"])
    refused(read(text), "no valid signature")


def test_a_key_for_encryption_and_a_short_one_sign_nothing():
    for_encryption = {**SERVER.key.as_dict(private=False), "use": "enc"}
    refused(read(SERVER.sign(CLAIMS), keys={"keys": [for_encryption]}), "does not publish")
    strong = RSAKey.generate_key(2048, auto_kid=True)
    text = jwt.encode({"alg": "RS256", "kid": strong.kid}, CLAIMS, strong, algorithms=["RS256"])
    weak = {**strong.as_dict(private=False), "n": part("x" * 125)}
    refused(read(text, keys={"keys": [weak]}), "does not publish")


def test_keys_that_nobody_can_read_are_passed_over():
    keys = {"keys": [7, {}, {"kty": "AKP"}, {"kty": "EC", "crv": "P-999"}, *SERVER.public_keys()["keys"]]}
    assert isinstance(read(SERVER.sign(CLAIMS), keys=keys), Document)


def test_a_token_without_a_key_id_is_tried_with_each_key():
    text = jwt.encode({"alg": "ES256"}, CLAIMS, SERVER.key, algorithms=["ES256"])
    keys = {"keys": [*OTHER.public_keys()["keys"], *SERVER.public_keys()["keys"]]}
    assert isinstance(read(text, keys=keys), Document)


# ----------------------------------------------------------------------------------------------- an issuer with a tenant


def test_an_issuer_may_bear_a_claim_of_the_token():
    microsoft = TokenAudience("https://login.example/{tid}/v2.0", "client-1", Secret("the-nonce"))
    good = claims_with(iss="https://login.example/9188/v2.0", tid="9188")
    assert isinstance(read(SERVER.sign(good), audience=microsoft), Document)
    for wrong in (
        {"iss": "https://login.example/9188/v2.0", "tid": "1234"},
        {"iss": "https://login.example/a/b/v2.0", "tid": "a/b"},
        {"iss": "https://login.example//v2.0", "tid": ""},
        {"iss": "https://login.example//v2.0"},
    ):
        refused(read(SERVER.sign(claims_with(**wrong)), audience=microsoft), "another issuer")


# ------------------------------------------------------------------------------------------------------------- odd input


@pytest.mark.parametrize("text", ["x", "a.b.c", "a.b.c.d.e", "..", "e30.W10.", "e30.e30=.x"])
@pytest.mark.parametrize("keys", [None, SERVER.public_keys()])
def test_what_is_no_token_is_refused(text, keys):
    said = read_id_token(Secret(text), audience=AUDIENCE, now=NOW, keys=keys)
    assert isinstance(said, IdentityProblem)
    assert said.forged


_TEXTS = st.text(min_size=1, max_size=80) | st.binary(max_size=80).map(lambda b: f"a.{b.hex()}.c")
_HEADS = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "crit", "b64"]), st.text(max_size=9) | st.integers() | st.none()
)


@given(_TEXTS | _HEADS.map(lambda head: f"{part(head)}.{part(CLAIMS)}.c2ln"))
def test_any_text_is_judged(text):
    for keys in (None, SERVER.public_keys(), {"keys": "x"}):
        said = read_id_token(Secret(text), audience=AUDIENCE, now=NOW, keys=keys)
        assert isinstance(said, IdentityProblem | Document)
        assert keys is None or isinstance(said, IdentityProblem)


def test_without_published_keys_the_connection_stands_in_for_the_signature():
    said = read_id_token(Secret(SERVER.sign(CLAIMS)), audience=AUDIENCE, now=NOW, keys=None)
    assert isinstance(said, Document)


@pytest.mark.parametrize(
    ("outcome", "transient"),
    [
        (NoAnswer(Loss.NOT_SENT, "connection refused"), True),
        (HttpAnswer(503, {}, SecretBytes(b"")), True),
        (HttpAnswer(404, {}, SecretBytes(b"{}")), False),
        (HttpAnswer(200, {}, SecretBytes(b"[]")), False),
        (HttpAnswer(200, {}, SecretBytes(b'{"keys": {}}')), False),
    ],
)
def test_an_answer_that_holds_no_keys_is_a_problem(outcome, transient):
    said = read_keys(outcome)
    assert isinstance(said, IdentityProblem)
    assert (said.transient, said.forged) == (transient, False)
