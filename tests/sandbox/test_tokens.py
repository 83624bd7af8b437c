"""What tokens open, and how they are revoked, introspected and proven."""

from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from reconciler.sandbox import Sandbox, TokenPolicy
from tests.sandbox.application import Application, refused

Register = Callable[..., Application]


def seeded(app: Application, *scopes: str) -> dict[str, Any]:
    return app.sandbox.add_grants(app.client_id, scopes=scopes or ("profile",), subject="ana@example.com")[0]


def test_the_resource_server_says_who_a_token_speaks_for(app: Application) -> None:
    told = app.call_api(seeded(app)["access_token"]).json()
    assert (told["sub"], told["name"], told["client_id"]) == ("ana@example.com", "Ana", app.client_id)


def test_a_resource_opens_to_its_own_scope_only(app: Application) -> None:
    profile, files = seeded(app, "profile")["access_token"], seeded(app, "files.read")["access_token"]
    assert app.call_api(files, "/api/files").status_code == 200
    assert refused(app.call_api(profile, "/api/files")) == (403, "insufficient_scope")


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer nothing", "Basic eDp5"])
def test_without_a_good_token_nothing_opens(app: Application, header: str | None) -> None:
    answer = app.http.get("/api/me", headers={} if header is None else {"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].lower().startswith("bearer")


def test_an_access_token_dies_when_its_time_has_passed(app: Application) -> None:
    app.sandbox.configure_client(app.client_id, policy=TokenPolicy(access_token_seconds=300))
    tokens = seeded(app)
    assert tokens["expires_in"] == 300
    app.sandbox.advance_clock(299)
    assert app.call_api(tokens["access_token"]).status_code == 200
    app.sandbox.advance_clock(1)
    assert refused(app.call_api(tokens["access_token"])) == (401, "invalid_token")


def test_revoking_a_refresh_token_kills_its_family(app: Application) -> None:
    tokens = seeded(app)
    assert app.post("/revoke", {"token": tokens["refresh_token"]}).status_code == 200
    assert refused(app.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    assert app.call_api(tokens["access_token"]).status_code == 401


def test_revoking_an_access_token_kills_that_one_only(app: Application) -> None:
    tokens = seeded(app)
    assert app.post("/revoke", {"token": tokens["access_token"]}).status_code == 200
    assert app.call_api(tokens["access_token"]).status_code == 401
    assert app.refresh(tokens["refresh_token"]).status_code == 200


def test_revoking_what_is_unknown_is_fine_and_what_is_another_clients_is_not(
    app: Application, sandbox: Sandbox, register: Register
) -> None:
    assert app.post("/revoke", {"token": "unknown"}).status_code == 200
    stranger = register(sandbox)
    token = seeded(app)["refresh_token"]
    assert stranger.post("/revoke", {"token": token}).status_code == 400
    assert app.refresh(token).status_code == 200


def test_a_person_revokes_at_the_provider(app: Application) -> None:
    tokens = seeded(app)
    assert app.sandbox.revoke_person("ana@example.com") == 1
    assert refused(app.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    assert app.sandbox.list_grants()[0]["revoked_because"] == "revoked by the person"


def test_a_provider_revokes_all_grants_of_a_client(
    app: Application, sandbox: Sandbox, register: Register
) -> None:
    other = register(sandbox)
    mine = app.sandbox.add_grants(app.client_id, count=3)
    theirs = seeded(other)
    assert app.sandbox.revoke_client_grants(app.client_id) == 3
    assert app.sandbox.revoke_client_grants(app.client_id) == 0
    assert {app.refresh(one["refresh_token"]).status_code for one in mine} == {400}
    assert other.refresh(theirs["refresh_token"]).status_code == 200


def test_introspection_tells_a_client_about_its_own_living_tokens(
    app: Application, sandbox: Sandbox, register: Register
) -> None:
    tokens = seeded(app)
    told = app.post("/introspect", {"token": tokens["access_token"]}).json()
    assert (told["active"], told["sub"], told["scope"]) == (True, "ana@example.com", "profile")
    assert told["exp"] - told["iat"] == 3600
    assert app.post("/introspect", {"token": tokens["refresh_token"]}).json()["active"] is True
    assert register(sandbox).post("/introspect", {"token": tokens["access_token"]}).json() == {
        "active": False
    }
    app.refresh(tokens["refresh_token"])
    assert app.post("/introspect", {"token": tokens["refresh_token"]}).json() == {"active": False}
    assert app.post("/introspect", {"token": "unknown"}).json() == {"active": False}


def test_introspection_spends_nothing(app: Application) -> None:
    token = seeded(app)["refresh_token"]
    app.post("/introspect", {"token": token})
    assert app.refresh(token).status_code == 200


def test_an_id_token_can_be_proven_with_the_published_key(app: Application) -> None:
    app.sandbox.advance_clock(3600)
    tokens = app.tokens(scope="openid profile email", nonce="n-1")
    keys = KeySet.import_key_set(app.http.get("/jwks").json())
    token = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"])
    assert token.header["kid"] == app.http.get("/jwks").json()["keys"][0]["kid"]
    assert token.claims["iss"] == app.sandbox.issuer
    assert token.claims["aud"] == app.client_id
    assert (token.claims["sub"], token.claims["email"], token.claims["nonce"]) == (
        "ana@example.com", "ana@example.com", "n-1")  # fmt: skip
    assert abs(token.claims["iat"] - app.sandbox.now()) < 30, "timed by the sandbox's clock"


def test_the_published_key_is_public(app: Application) -> None:
    (key,) = app.http.get("/jwks").json()["keys"]
    assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")
    assert not {"d", "p", "q", "dp", "dq", "qi"} & key.keys()


def test_without_openid_there_is_no_id_token_and_no_userinfo(app: Application) -> None:
    tokens = app.tokens(scope="profile")
    assert "id_token" not in tokens
    assert refused(app.call_api(tokens["access_token"], "/userinfo")) == (403, "insufficient_scope")


def test_userinfo_tells_what_the_scopes_allow(app: Application) -> None:
    told = app.call_api(app.tokens(scope="openid profile")["access_token"], "/userinfo").json()
    assert told == {"sub": "ana@example.com", "name": "Ana"}
