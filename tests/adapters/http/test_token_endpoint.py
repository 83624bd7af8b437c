"""How requests to token, userinfo, registration and metadata endpoints look on the wire."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest

from reconciler.adapters.discovery import HttpMetadataEndpoint
from reconciler.adapters.http import HttpClient, HttpPolicy
from reconciler.adapters.registration import HttpRegistrationEndpoint
from reconciler.adapters.token_endpoint import HttpTokenEndpoint
from reconciler.model.answer import HttpAnswer, Loss, NoAnswer
from reconciler.model.assertion import Assertion
from reconciler.model.behaviour import BasicEncoding, ClientAuth, RequestShape
from reconciler.model.endpoint import TrustedUrl, parse_url
from reconciler.model.ready import ClientCredentials
from reconciler.model.secret import Secret
from reconciler.ports import MetadataEndpoint, RegistrationEndpoint, TokenEndpoint
from tests.adapters.http.raw_server import RawServer, http, raw_server, says

ODD = Secret("p@ss:w%rd+ /ü")


@pytest.fixture
def server() -> Iterator[RawServer]:
    with raw_server(says(http('{"a": 1}'))) as running:
        yield running


@pytest.fixture
def client() -> Iterator[HttpClient]:
    with HttpClient(HttpPolicy(loopback=True)) as made:
        yield made


def trusted(server: RawServer, path: str = "/token") -> TrustedUrl:
    return TrustedUrl(parse_url(server.url(path), allow_loopback_http=True))


def taken_apart(request: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}, body


def posted(server: RawServer, client: HttpClient, credentials: ClientCredentials | None):
    endpoint: TokenEndpoint = HttpTokenEndpoint(client)
    said = endpoint.post(
        trusted(server), form={"grant_type": "refresh_token", "refresh_token": ODD}, client=credentials
    )
    assert isinstance(said, HttpAnswer)
    _, headers, body = taken_apart(server.requests[0])
    return headers, {k: v[0] for k, v in parse_qs(body.decode(), strict_parsing=True).items()}


def test_a_post_is_a_form_and_asks_for_json(server, client):
    headers, form = posted(server, client, None)
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert headers["accept"] == "application/json"
    assert form == {"grant_type": "refresh_token", "refresh_token": ODD.reveal()}
    assert "authorization" not in headers


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        (BasicEncoding.FORM, "a%3Ab+c:p%40ss%3Aw%25rd%2B+%2F%C3%BC"),
        (BasicEncoding.RAW, "a:b c:p@ss:w%rd+ /ü"),
    ],
)
def test_basic_credentials_are_encoded_as_the_base_says(server, client, encoding, expected):
    headers, form = posted(server, client, ClientCredentials("a:b c", ODD, ClientAuth.BASIC, encoding))
    scheme, _, value = headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(value).decode()) == ("Basic", expected)
    assert "client_id" not in form


def test_post_credentials_go_into_the_body(server, client):
    headers, form = posted(server, client, ClientCredentials("me", ODD, ClientAuth.POST))
    assert (form["client_id"], form["client_secret"]) == ("me", ODD.reveal())
    assert "authorization" not in headers


@pytest.mark.parametrize("auth", [ClientAuth.BASIC, ClientAuth.POST, ClientAuth.NONE])
def test_a_public_client_sends_its_id_alone(server, client, auth):
    headers, form = posted(server, client, ClientCredentials("me", None, auth))
    assert form["client_id"] == "me"
    assert "client_secret" not in form
    assert "authorization" not in headers


def test_userinfo_carries_the_access_token(server, client):
    HttpTokenEndpoint(client).get(trusted(server, "/userinfo"), bearer=Secret("at"))
    first, headers, _ = taken_apart(server.requests[0])
    assert first == "GET /userinfo HTTP/1.1"
    assert headers["authorization"] == "Bearer at"


def test_a_token_with_a_line_break_is_not_sent(server, client):
    said = HttpTokenEndpoint(client).get(trusted(server), bearer=Secret("at\r\nX-Evil: 1"))
    assert isinstance(said, NoAnswer)
    assert said.loss is Loss.NOT_SENT
    assert server.requests == []


def test_a_secret_without_utf8_form_is_not_sent_and_not_quoted(server, client):
    said = HttpTokenEndpoint(client).post(
        trusted(server), form={"refresh_token": Secret("canary\ud800")}, client=None
    )
    assert said == NoAnswer(Loss.NOT_SENT, "a stored value is no valid text and cannot be sent")


def test_a_registration_is_json_with_a_bearer_token(server, client):
    endpoint: RegistrationEndpoint = HttpRegistrationEndpoint(client)
    body = {"client_name": "x", "client_secret": Secret("s"), "redirect_uris": ("http://127.0.0.1/cb",)}
    endpoint.send("PUT", trusted(server, "/reg/1"), body=body, bearer=Secret("rat"))
    endpoint.send("DELETE", trusted(server, "/reg/1"), body=None, bearer=Secret("rat"))
    first, headers, raw = taken_apart(server.requests[0])
    assert first == "PUT /reg/1 HTTP/1.1"
    assert (headers["authorization"], headers["content-type"]) == ("Bearer rat", "application/json")
    assert json.loads(raw) == {
        "client_name": "x",
        "client_secret": "s",
        "redirect_uris": ["http://127.0.0.1/cb"],
    }
    first, headers, raw = taken_apart(server.requests[1])
    assert (first, raw) == ("DELETE /reg/1 HTTP/1.1", b"")
    assert server.connections == 2


def test_metadata_is_fetched_without_credentials(server, client):
    endpoint: MetadataEndpoint = HttpMetadataEndpoint(client)
    said = endpoint.fetch(
        parse_url(server.url("/.well-known/openid-configuration"), allow_loopback_http=True)
    )
    assert isinstance(said, HttpAnswer)
    first, headers, _ = taken_apart(server.requests[0])
    assert first == "GET /.well-known/openid-configuration HTTP/1.1"
    assert "authorization" not in headers


# ------------------------------------------------------------------------- servers that depart from RFC 6749


def asked(server: RawServer, client: HttpClient, shape: dict[str, Any], auth: ClientAuth = ClientAuth.POST):
    said = HttpTokenEndpoint(client).post(
        trusted(server),
        form={"grant_type": "refresh_token", "refresh_token": Secret("r t")},
        client=ClientCredentials("id", Secret("s&s"), auth),
        shape=RequestShape.model_validate(shape),
    )
    assert isinstance(said, HttpAnswer)
    return taken_apart(server.requests[0])


def test_a_server_that_wants_json_gets_the_same_fields_as_json(server, client):
    first, headers, body = asked(
        server, client, {"body": "json", "headers": {"Notion-Version": "2022-06-28"}}
    )
    assert first == "POST /token HTTP/1.1"
    assert (headers["content-type"], headers["notion-version"]) == ("application/json", "2022-06-28")
    assert json.loads(body) == {
        "grant_type": "refresh_token",
        "refresh_token": "r t",
        "client_id": "id",
        "client_secret": "s&s",
    }


def test_a_server_that_wants_a_query_gets_a_get_without_a_body(server, client):
    shape = {
        "body": "query",
        "grantType": "ig_refresh_token",
        "names": {"refresh_token": "access_token"},
        "omit": ["client_id", "client_secret"],
    }
    first, headers, body = asked(server, client, shape)
    assert first == "GET /token?grant_type=ig_refresh_token&access_token=r+t HTTP/1.1"
    assert body == b""
    assert "content-type" not in headers


@pytest.mark.parametrize(
    "said", [http('{"a": 1}'), http("<html>", status="502 Bad Gateway"), b"no HTTP at all"]
)
def test_secrets_in_a_query_are_in_no_log_and_in_no_outcome_however_it_ends(said, caplog):
    """Three bases ask for that: the URL is a secret from there on, for the libraries below us too."""
    caplog.set_level(logging.DEBUG)
    shape = RequestShape.model_validate({"body": "query"})
    credentials = ClientCredentials("id", Secret("canary-secret"), ClientAuth.POST)
    form: dict[str, str | Secret | Assertion] = {
        "grant_type": "fb_exchange_token",
        "refresh_token": Secret("canary-token"),
    }
    with raw_server(says(said)) as running, HttpClient(HttpPolicy(loopback=True)) as made:
        outcome = HttpTokenEndpoint(made).post(trusted(running), form=form, client=credentials, shape=shape)
        first, _, _ = taken_apart(running.requests[0])
    assert "canary-secret" in first
    assert "canary-token" in first
    assert "canary" not in caplog.text + repr(outcome) + str(outcome)


def test_a_field_is_sent_by_the_servers_own_name_once(server, client):
    _, _, body = asked(server, client, {"names": {"client_id": "client_key"}, "omit": ["grant_type"]})
    assert parse_qs(body.decode()) == {
        "refresh_token": ["r t"],
        "client_secret": ["s&s"],
        "client_key": ["id"],
    }


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (ClientAuth.BEARER, "Bearer s&s"),
        (ClientAuth.SECRET_AS_USER, "Basic " + base64.b64encode(b"s&s:").decode()),
    ],
)
def test_a_secret_that_authenticates_alone_stands_in_the_header_only(server, client, auth, expected):
    _, headers, body = asked(server, client, {}, auth)
    assert headers["authorization"] == expected
    assert parse_qs(body.decode()).keys() == {"grant_type", "refresh_token"}


def test_an_api_with_a_header_of_its_own_gets_the_token_there(server, client):
    HttpTokenEndpoint(client).get(
        trusted(server), bearer=Secret("at"), header="Authentication", scheme="bearer"
    )
    _, headers, _ = taken_apart(server.requests[0])
    assert headers["authentication"] == "bearer at"
    assert "authorization" not in headers
