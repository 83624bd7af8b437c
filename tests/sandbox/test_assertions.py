"""What the sandbox makes of assertions: an independent peer verifies what the tool signs (RFC 7523)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from reconciler.sandbox import Sandbox
from tests.sandbox.application import refused
from tests.servers.keys import key_pair

BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture
def client(sandbox: Sandbox) -> str:
    made = sandbox.add_client(auth_method="private_key_jwt", jwks=key_pair("rsa").jwks)
    assert made["client_secret"] is None
    return str(made["client_id"])


@pytest.fixture
def said(sandbox: Sandbox, client: str) -> Callable[..., dict[str, Any]]:
    def make(**changes: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": client, "sub": client, "aud": sandbox.issuer, "iat": now, "exp": now + 60, "jti": str(time.time_ns()),
        }  # fmt: skip
        return {name: value for name, value in {**claims, **changes}.items() if value is not None}

    return make


def signed(claims: dict[str, Any], *, kind: str = "rsa", alg: str = "RS256") -> str:
    return jwt.encode({"alg": alg, "kid": "rsa"}, claims, RSAKey.import_key(key_pair(kind).private))


def asks(sandbox: Sandbox, assertion: str, **fields: str) -> httpx.Response:
    form = {"grant_type": "client_credentials", "client_assertion_type": TYPE, "client_assertion": assertion}
    return httpx.post(f"{sandbox.url}/token", data={**form, **fields})


def test_a_signed_client_gets_a_token_and_its_assertion_works_once(sandbox, said):
    assertion = signed(said())
    assert asks(sandbox, assertion).status_code == 200
    assert refused(asks(sandbox, assertion)) == (401, "invalid_client")


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://another.example"},
        {"exp": 1},
        {"iat": int(time.time()) + 3600, "exp": int(time.time()) + 3700},
        {"exp": int(time.time()) + 86400},
        {"iss": "somebody"},
        {"sub": "somebody"},
        {"jti": None},
        {"exp": "soon"},
    ],
    ids=["audience", "expired", "of the future", "too long", "issuer", "subject", "no jti", "no number"],
)
def test_claims_that_do_not_hold_are_refused(sandbox, said, changes):
    assert refused(asks(sandbox, signed(said(**changes)))) == (401, "invalid_client")


def test_another_key_and_a_shared_secret_are_refused(sandbox, said):
    assert refused(asks(sandbox, signed(said(), kind="rsa-other"))) == (401, "invalid_client")
    public = RSAKey.import_key(key_pair("rsa").public).as_pem(private=False)
    confused = jwt.encode({"alg": "HS256"}, said(), OctKey(public, public))
    assert refused(asks(sandbox, confused)) == (401, "invalid_client")
    assert asks(sandbox, "no.jwt.at-all").status_code in (400, 401)


def test_a_grant_by_assertion_is_for_the_client_or_a_person_it_knows(sandbox, said, client):
    for subject, status in ((client, 200), ("ana@example.com", 200), ("nobody@example.com", 400)):
        form = {"grant_type": BEARER, "assertion": signed(said(sub=subject)), "scope": "files.read"}
        answer = httpx.post(f"{sandbox.url}/token", data=form)
        assert answer.status_code == status, answer.text
        if status == 200:
            assert answer.json()["scope"] == "files.read"
            assert "refresh_token" not in answer.json()
        else:
            assert answer.json()["error"] == "invalid_grant"


def test_scopes_may_stand_in_the_assertion(sandbox, said):
    form = {"grant_type": BEARER, "assertion": signed(said(scope="files.read files.write"))}
    assert httpx.post(f"{sandbox.url}/token", data=form).json()["scope"] == "files.read files.write"


def test_keys_can_be_changed_from_behind(sandbox, said, client):
    sandbox.configure_keys(client, jwks=key_pair("rsa-other").jwks)
    assert refused(asks(sandbox, signed(said()))) == (401, "invalid_client")
