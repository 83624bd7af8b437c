"""What an issuer says of itself is believed only as far as it says it of itself."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.decide.issuer_metadata import (
    IssuerMetadata,
    MetadataProblem,
    judge_metadata,
    judge_metadata_answer,
    metadata_urls,
)
from reconciler.model.answer import HttpAnswer, Loss, NoAnswer
from reconciler.model.secret import SecretBytes

ISSUER = "https://as.example/tenant"
GOOD = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://as.example/authorize",
    "token_endpoint": "https://as.example/token",
    "registration_endpoint": "https://as.example/register",
    "jwks_uri": "https://as.example/jwks",
    "code_challenge_methods_supported": ["plain", "S256"],
    "authorization_response_iss_parameter_supported": True,
    "scopes_supported": ["a", 1],
}


def judged(**change: object) -> IssuerMetadata | MetadataProblem:
    return judge_metadata(ISSUER, json.dumps({**GOOD, **change}).encode())


@pytest.mark.parametrize(
    ("issuer", "urls"),
    [
        (
            "https://as.example",
            [
                "https://as.example/.well-known/openid-configuration",
                "https://as.example/.well-known/oauth-authorization-server",
            ],
        ),
        (
            "https://as.example/a/b/",
            [
                "https://as.example/a/b/.well-known/openid-configuration",
                "https://as.example/.well-known/oauth-authorization-server/a/b",
            ],
        ),
        (
            "https://AS.example:8443/",
            [
                "https://AS.example:8443/.well-known/openid-configuration",
                "https://AS.example:8443/.well-known/oauth-authorization-server",
            ],
        ),
    ],
)
def test_metadata_is_looked_for_where_the_standards_say(issuer, urls):
    assert [url.text for url in metadata_urls(issuer)] == urls


@pytest.mark.parametrize(
    "issuer", ["http://as.example", "https://as.example/?x=1", "as.example", "https://a@b/"]
)
def test_what_is_no_issuer_is_asked_nowhere(issuer):
    with pytest.raises(ValueError):
        metadata_urls(issuer)


def test_good_metadata_is_taken():
    found = judged()
    assert isinstance(found, IssuerMetadata)
    assert dict(found.endpoints) == {
        "authorization": "https://as.example/authorize",
        "token": "https://as.example/token",
        "registration": "https://as.example/register",
        "jwks": "https://as.example/jwks",
    }
    assert (found.issuer_in_response, found.s256, found.scopes) == (True, True, ("a",))
    assert found.auth_methods == ("client_secret_basic",)


@pytest.mark.parametrize("said", ["https://as.example/tenant/", "https://evil.example", "", None, 7])
def test_another_issuer_is_refused(said):
    problem = judged(issuer=said)
    assert isinstance(problem, MetadataProblem)
    assert "issuer" in problem.message


@pytest.mark.parametrize(
    "token", [None, "http://as.example/token", "https://user@as.example/", 3, "javascript:x"]
)
def test_a_token_endpoint_must_be_usable(token):
    assert isinstance(judged(token_endpoint=token), MetadataProblem)


def test_another_broken_endpoint_is_left_out_and_noted():
    found = judged(revocation_endpoint="http://169.254.169.254/", introspection_endpoint=[])
    assert isinstance(found, IssuerMetadata)
    assert "revocation" not in found.endpoints
    assert len(found.notes) == 2


def test_http_is_taken_on_loopback_where_that_is_admitted():
    body = json.dumps({"issuer": "http://127.0.0.1:9", "token_endpoint": "http://127.0.0.1:9/t"}).encode()
    assert isinstance(judge_metadata("http://127.0.0.1:9", body, loopback=True), IssuerMetadata)
    assert isinstance(judge_metadata("http://127.0.0.1:9", body), MetadataProblem)


@pytest.mark.parametrize(
    ("outcome", "transient"),
    [
        (NoAnswer(Loss.NOT_SENT, "the connection was refused"), True),
        (HttpAnswer(503, {}, SecretBytes(b"")), True),
        (HttpAnswer(404, {}, SecretBytes(b"{}")), False),
        (HttpAnswer(302, {"location": "https://evil.example"}, SecretBytes(b"")), False),
        (HttpAnswer(200, {}, SecretBytes(b"<html>")), False),
    ],
)
def test_an_answer_without_metadata_says_whether_later_is_better(outcome, transient):
    problem = judge_metadata_answer(ISSUER, outcome)
    assert isinstance(problem, MetadataProblem)
    assert problem.transient is transient


@given(
    st.binary(max_size=300)
    | st.dictionaries(
        st.sampled_from(sorted(GOOD)), st.none() | st.text() | st.integers() | st.lists(st.text())
    ).map(lambda d: json.dumps({"issuer": ISSUER, **d}).encode())
)
def test_any_bytes_are_judged(body):
    assert isinstance(judge_metadata(ISSUER, body), (IssuerMetadata, MetadataProblem))
