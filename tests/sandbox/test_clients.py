"""Who a client is, and what it gets for itself."""

import base64
from collections.abc import Callable

import httpx
import pytest

from reconciler.sandbox import Sandbox
from tests.sandbox.application import Application, refused

Start = Callable[..., Sandbox]
Register = Callable[..., Application]
OWN = {"grant_type": "client_credentials", "scope": "files.read"}


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_client_gets_a_token_of_its_own(sandbox: Sandbox, register: Register, method: str) -> None:
    app = register(sandbox, auth_method=method)
    tokens = app.post("/token", OWN).json()
    assert tokens["scope"] == "files.read"
    assert "refresh_token" not in tokens
    assert app.call_api(tokens["access_token"], "/api/files").json()["owner"] == app.client_id
    assert sandbox.counters()["exchanges"] == {"client_credentials": 1}


def test_a_public_client_gets_none(sandbox: Sandbox, register: Register) -> None:
    app = register(sandbox, auth_method="none")
    assert refused(app.post("/token", OWN)) == (400, "unauthorized_client")


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_wrong_secret_is_refused(sandbox: Sandbox, register: Register, method: str) -> None:
    app = register(sandbox, auth_method=method)
    answer = app.post("/token", OWN, secret="wrong")
    assert refused(answer) == (401, "invalid_client")
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert sandbox.counters()["refusals"] == {"invalid_client": 1}


def test_an_unknown_client_is_refused(sandbox: Sandbox) -> None:
    answer = httpx.post(f"{sandbox.url}/token", data=OWN, auth=("nobody", "x"))
    assert refused(answer) == (401, "invalid_client")


def test_a_client_authenticates_by_its_own_method_only(sandbox: Sandbox, register: Register) -> None:
    app = register(sandbox)
    fields = {**OWN, "client_id": app.client_id, "client_secret": app.secret or ""}
    assert refused(httpx.post(f"{sandbox.url}/token", data=fields)) == (401, "invalid_client")
    fields.pop("client_secret")
    assert refused(httpx.post(f"{sandbox.url}/token", data=fields)) == (401, "invalid_client")


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


@pytest.mark.parametrize(("raw", "sent"), [(False, "50%25+a%2Bb%3A"), (True, "50% a+b:")])
def test_basic_credentials_are_form_encoded_or_raw_as_the_provider_wants(
    start: Start, raw: bool, sent: str
) -> None:
    sandbox = start(basic_raw=raw)
    sandbox.add_client(client_id="app", client_secret="50% a+b:")
    assert httpx.post(f"{sandbox.url}/token", data=OWN, headers=basic("app", sent)).status_code == 200


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !", "Basic " + base64.b64encode(b"\xff:\xff").decode(), "Basic YXBw"]
)
def test_credentials_that_cannot_be_read_are_refused(sandbox: Sandbox, header: str) -> None:
    answer = httpx.post(f"{sandbox.url}/token", data=OWN, headers={"Authorization": header})
    assert refused(answer) == (401, "invalid_client")


def test_a_rotated_secret_works_and_the_old_one_does_not_and_grants_live_on(app: Application) -> None:
    token = app.sandbox.add_grants(app.client_id)[0]["refresh_token"]
    old, app.secret = app.secret, app.sandbox.rotate_client_secret(app.client_id)
    assert refused(app.post("/token", OWN, secret=old)) == (401, "invalid_client")
    assert app.refresh(token).status_code == 200


def test_a_deleted_client_is_unknown_and_its_tokens_are_dead(app: Application) -> None:
    own = app.post("/token", OWN).json()["access_token"]
    granted = app.sandbox.add_grants(app.client_id, scopes=["files.read"])[0]["access_token"]
    assert app.sandbox.delete_client(app.client_id)
    assert not app.sandbox.delete_client(app.client_id)
    assert refused(app.post("/token", OWN)) == (401, "invalid_client")
    assert [app.call_api(one, "/api/files").status_code for one in (own, granted)] == [401, 401]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "unsupported_grant_type"),
        ({"grant_type": 'pass"word'}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "scope": "launch.rockets"}, "invalid_scope"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "authorization_code"}, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "made up"}, "invalid_grant"),
    ],
)
def test_a_token_request_that_makes_no_sense_is_refused(app: Application, fields: dict, error: str) -> None:
    assert refused(app.post("/token", fields)) == (400, error)


def test_a_token_endpoint_takes_posts_only(app: Application) -> None:
    answer = app.http.get("/token")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "OPTIONS, POST")


def test_a_client_id_can_be_registered_once(sandbox: Sandbox) -> None:
    sandbox.add_client(client_id="app")
    with pytest.raises(ValueError, match="exists already"):
        sandbox.add_client(client_id="app")
