"""Whatever is sent, the sandbox answers with a refusal or a page, never with a crash."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.sandbox import Sandbox
from tests.sandbox.application import Application

Register = Callable[..., Application]

ODD = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ['"', "\\", "\x00", "code", "code token", "a b", "é", "http://[", "%", "{}", "none", "none login"]
    ),
)
FIELDS = ("response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method",
          "grant_type", "code", "refresh_token", "device_code", "token", "token_type_hint", "prompt", "nonce",
          "response_mode", "user_code", "code_verifier", "max_age")  # fmt: skip
FORMS = st.dictionaries(st.sampled_from(FIELDS), ODD, max_size=6)
GRANTS = (
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:device_code",
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), ODD),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(ODD, inner, max_size=3)),
    max_leaves=6,
)
METADATA = st.dictionaries(
    st.sampled_from(["redirect_uris", "grant_types", "response_types", "scope", "jwks", "jwks_uri", "contacts",
                     "client_uri", "software_statement", "token_endpoint_auth_method", "client_name", "client_id"]),
    JSON,
    max_size=5,
)  # fmt: skip
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """A client of the sandbox."""
    with httpx.Client(base_url=sandbox.url, timeout=20) as client:
        yield client


@QUICK
@given(changes=FORMS)
def test_the_authorization_endpoint_survives_any_request(app: Application, changes: dict[str, str]) -> None:
    assert app.http.get(app.authorization_url(**changes)).status_code in (200, 302, 400)


@QUICK
@given(path=st.sampled_from(["/token", "/revoke", "/introspect", "/device_authorization"]), fields=FORMS,
       grant=st.sampled_from(GRANTS))  # fmt: skip
def test_every_form_endpoint_survives_any_form(
    app: Application, path: str, fields: dict[str, str], grant: str
) -> None:
    assert app.post(path, {"grant_type": grant, **fields}).status_code < 500


@QUICK
@given(path=st.sampled_from(["/token", "/register", "/introspect", "/authorize", "/device"]), body=st.binary(max_size=200),
       kind=st.sampled_from(["application/json", "application/x-www-form-urlencoded", "multipart/form-data", "x"]))  # fmt: skip
def test_every_endpoint_survives_any_bytes(http: httpx.Client, path: str, body: bytes, kind: str) -> None:
    assert http.post(path, content=body, headers={"Content-Type": kind}).status_code < 500


@QUICK
@given(metadata=METADATA)
def test_registration_survives_any_metadata(http: httpx.Client, metadata: dict) -> None:
    created = http.post("/register", json=metadata)
    assert created.status_code in (201, 400)
    if created.status_code == 201:
        app = created.json()
        query = {"client_id": app["client_id"], "response_type": "code", "redirect_uri": "http://127.0.0.1/"}
        assert http.get("/authorize", params=query).status_code in (200, 302, 400)
        uri, token = app["registration_client_uri"], app["registration_access_token"]
        assert http.get(uri, headers={"Authorization": f"Bearer {token}"}).status_code == 200


@QUICK
@given(header=st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40),
       path=st.sampled_from(["/token", "/api/me", "/userinfo", "/register/x", "/_sandbox/now"]))  # fmt: skip
def test_any_authorization_header_is_refused(http: httpx.Client, header: str, path: str) -> None:
    sent = {b"Authorization": header.strip().encode("latin-1") or b"x"}
    method = "GET" if path in ("/api/me", "/register/x") else "POST"
    assert http.request(method, path, headers=sent).status_code in (400, 401)
