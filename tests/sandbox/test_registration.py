"""Dynamic client registration: RFC 7591 and RFC 7592."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from reconciler.sandbox import RegistrationTokenRotation, Sandbox
from tests.sandbox.application import CALLBACK, Application, refused

Start = Callable[..., Sandbox]

METADATA = {
    "client_name": "reconciler",
    "redirect_uris": [CALLBACK],
    "grant_types": ["authorization_code", "refresh_token"],
    "scope": "profile files.read",
}


def post(sandbox: Sandbox, metadata: Any, *, token: str | None = None) -> httpx.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.post(f"{sandbox.url}/register", json=metadata, headers=headers)


def ask(
    method: str, registered: dict[str, Any], *, token: str | None = None, body: Any = None
) -> httpx.Response:
    token = token if token is not None else registered["registration_access_token"]
    return httpx.request(
        method, registered["registration_client_uri"], headers={"Authorization": f"Bearer {token}"}, json=body
    )


def update_of(registered: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What RFC 7592 §2.2 wants sent: everything, but for four fields."""
    kept = {
        name: value
        for name, value in registered.items()
        if name
        not in (
            "registration_access_token",
            "registration_client_uri",
            "client_secret_expires_at",
            "client_id_issued_at",
        )
    }
    return kept | changes


def test_a_client_registers_itself_and_can_work_at_once(sandbox: Sandbox) -> None:
    answer = post(sandbox, METADATA)
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    registered = answer.json()
    assert registered["registration_client_uri"] == f"{sandbox.issuer}/register/{registered['client_id']}"
    assert registered["client_secret_expires_at"] == 0
    assert registered["token_endpoint_auth_method"] == "client_secret_basic"
    app = Application(sandbox, registered)
    with app.http:
        assert app.tokens()["scope"] == "profile files.read"
    (client,) = [one for one in sandbox.list_clients() if one["dynamic"]]
    assert client["client_id"] == registered["client_id"]


def test_a_client_gets_no_scope_that_it_did_not_register(sandbox: Sandbox) -> None:
    app = Application(sandbox, post(sandbox, METADATA | {"scope": "profile"}).json())
    with app.http:
        assert app.tokens(scope="profile files.read")["scope"] == "profile"


def test_a_public_client_has_no_secret(sandbox: Sandbox) -> None:
    registered = post(sandbox, METADATA | {"token_endpoint_auth_method": "none"}).json()
    assert "client_secret" not in registered
    app = Application(sandbox, registered | {"client_secret": None}, auth_method="none")
    with app.http:
        assert "refresh_token" in app.tokens()


def test_a_secret_can_have_an_end(start: Start) -> None:
    sandbox = start(client_secret_seconds=100)
    registered = post(sandbox, METADATA | {"grant_types": ["client_credentials"]}).json()
    assert registered["client_secret_expires_at"] == registered["client_id_issued_at"] + 100
    app = Application(sandbox, registered)
    with app.http:
        assert app.post("/token", {"grant_type": "client_credentials"}).status_code == 200
        sandbox.advance_clock(101)
        assert refused(app.post("/token", {"grant_type": "client_credentials"})) == (401, "invalid_client")


def test_registering_needs_the_initial_access_token_where_there_is_one(start: Start) -> None:
    sandbox = start(initial_access_token="let me in")
    assert refused(post(sandbox, METADATA)) == (401, "invalid_token")
    assert refused(post(sandbox, METADATA, token="open sesame")) == (401, "invalid_token")
    assert post(sandbox, METADATA, token="let me in").status_code == 201
    assert sandbox.counters()["registrations"] == 1


def test_registration_can_be_switched_off(start: Start) -> None:
    sandbox = start(registration=False)
    assert post(sandbox, METADATA).status_code == 404
    assert "registration_endpoint" not in httpx.get(f"{sandbox.url}/.well-known/openid-configuration").json()


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ({}, "invalid_client_metadata"),
        (["a list"], "invalid_client_metadata"),
        ("text", "invalid_client_metadata"),
        (METADATA | {"redirect_uris": CALLBACK}, "invalid_client_metadata"),
        (METADATA | {"redirect_uris": ["no url"]}, "invalid_client_metadata"),
        (METADATA | {"redirect_uris": []}, "invalid_redirect_uri"),
        (METADATA | {"grant_types": ["password"]}, "invalid_client_metadata"),
        (METADATA | {"grant_types": [{}]}, "invalid_client_metadata"),
        (METADATA | {"response_types": ["token"]}, "invalid_client_metadata"),
        (METADATA | {"scope": "launch.rockets"}, "invalid_client_metadata"),
        (METADATA | {"scope": 7}, "invalid_client_metadata"),
        (METADATA | {"token_endpoint_auth_method": "tls_client_auth"}, "invalid_client_metadata"),
        (
            {"grant_types": ["client_credentials"], "token_endpoint_auth_method": "none"},
            "invalid_client_metadata",
        ),
        (METADATA | {"jwks": 1}, "invalid_client_metadata"),
        (METADATA | {"jwks": {"keys": 7}}, "invalid_client_metadata"),
    ],
)
def test_metadata_that_makes_no_sense_is_refused(sandbox: Sandbox, metadata: Any, error: str) -> None:
    assert refused(post(sandbox, metadata)) == (400, error)
    assert sandbox.list_clients() == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"null"])
def test_a_body_that_is_no_json_is_refused(sandbox: Sandbox, body: bytes) -> None:
    answer = httpx.post(f"{sandbox.url}/register", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert "error" in answer.json()


def test_a_client_reads_itself(sandbox: Sandbox) -> None:
    registered = post(sandbox, METADATA).json()
    assert ask("GET", registered).json() == registered


def test_an_update_replaces_the_metadata_and_keeps_the_client(sandbox: Sandbox) -> None:
    registered = post(sandbox, METADATA).json()
    updated = ask(
        "PUT", registered, body=update_of(registered, client_name="renamed", scope="profile")
    ).json()
    assert (updated["client_name"], updated["scope"]) == ("renamed", "profile")
    assert updated["client_secret"] == registered["client_secret"]
    assert ask("GET", registered).json()["client_name"] == "renamed"
    assert sandbox.counters()["updates"] == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "another"},
        {"client_secret": "another"},
        {"client_secret_expires_at": 0},
        {"client_secret": 7},
    ],
)
def test_an_update_that_is_not_one_of_this_client_is_refused(sandbox: Sandbox, changes: dict) -> None:
    registered = post(sandbox, METADATA).json()
    assert refused(ask("PUT", registered, body=update_of(registered, **changes))) == (400, "invalid_request")
    assert ask("GET", registered).json() == registered


def test_an_update_is_checked_like_a_registration_and_prints_nothing(
    sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    registered = post(sandbox, METADATA).json()
    wrong = update_of(registered, scope="launch.rockets")
    assert refused(ask("PUT", registered, body=wrong)) == (400, "invalid_client_metadata")
    assert capfd.readouterr() == ("", "")


def test_a_client_that_becomes_public_loses_its_secret_and_gets_another_if_it_comes_back(
    sandbox: Sandbox,
) -> None:
    registered = post(sandbox, METADATA).json()
    body = update_of(registered, token_endpoint_auth_method="none")
    public = ask("PUT", registered, body=body).json()
    assert "client_secret" not in public
    body = update_of(public, token_endpoint_auth_method="client_secret_post")
    assert ask("PUT", registered, body=body).json()["client_secret"] != registered["client_secret"]


def test_a_deleted_client_is_gone_with_its_grants_and_its_token(sandbox: Sandbox) -> None:
    registered = post(sandbox, METADATA).json()
    app = Application(sandbox, registered)
    with app.http:
        tokens = app.tokens()
        assert ask("DELETE", registered).status_code == 204
        assert app.call_api(tokens["access_token"]).status_code == 401
        assert refused(app.refresh(tokens["refresh_token"])) == (401, "invalid_client")
    assert refused(ask("GET", registered)) == (401, "invalid_token")
    assert sandbox.list_clients() == []
    assert sandbox.counters()["deregistrations"] == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_wrong_registration_token_opens_nothing(sandbox: Sandbox, method: str) -> None:
    registered, other = post(sandbox, METADATA).json(), post(sandbox, METADATA).json()
    body = update_of(registered) if method == "PUT" else None
    for token in ("wrong", other["registration_access_token"]):
        assert refused(ask(method, registered, token=token, body=body)) == (401, "invalid_token")
    assert len(sandbox.list_clients()) == 2


@pytest.mark.parametrize(
    ("rotation", "at_read", "at_update"),
    [
        (RegistrationTokenRotation.NEVER, False, False),
        (RegistrationTokenRotation.ON_UPDATE, False, True),
        (RegistrationTokenRotation.ON_READ_AND_UPDATE, True, True),
    ],
)
def test_the_registration_token_is_replaced_as_configured_and_the_old_one_is_dead(
    start: Start, rotation: RegistrationTokenRotation, at_read: bool, at_update: bool
) -> None:
    sandbox = start(registration_token_rotation=rotation)
    registered = post(sandbox, METADATA).json()
    for method, changes in (("GET", at_read), ("PUT", at_update)):
        old = registered["registration_access_token"]
        registered = ask(method, registered, body=update_of(registered) if method == "PUT" else None).json()
        assert (registered["registration_access_token"] != old) is changes
        if changes:
            assert refused(ask("GET", registered, token=old)) == (401, "invalid_token")


def test_a_client_registered_by_hand_cannot_be_read_over_the_wire(sandbox: Sandbox) -> None:
    made = sandbox.add_client()
    uri = f"{sandbox.url}/register/{made['client_id']}"
    assert refused(ask("GET", {"registration_client_uri": uri}, token="None")) == (401, "invalid_token")
