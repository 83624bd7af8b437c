"""What is shown or recorded is never read from where a token stands."""

import pytest

from reconciler.decide.token_paths import is_given_as_token
from reconciler.decide.token_response import judge_answer
from reconciler.model.behaviour import ResponseFields
from reconciler.model.grant import TokenSet
from tests.decide.declaring import declare, document, google, said
from tests.decide.health_world import NOW
from tests.simulators.manifests import make_behaviour
from tests.simulators.token_endpoint import answer

TOKEN = "a-token-that-is-long-enough"


@pytest.mark.parametrize(
    "rules",
    [
        "response: {scope: access_token}",
        "response: {scope: refresh_token}",
        "response: {scope: user.accessToken}",
        "response: {accessToken: data.key, scope: data.key}",
        "response: {accessToken: data.key, scope: data}",
        "response: {tokenType: id_token}",
        "response: {error: client_secret}",
        "errors: {codeFields: [error.code, access_token]}",
        "identity: {source: token-response, claim: refresh_token}",
        "identity: {source: token-response, claim: sub, emailClaim: access_token}",
        "refreshToken: {lifetimeField: refresh_token}",
        "response: {keep: [instance_url, refresh_token]}",
        "callback: {keep: [realmId, code]}",
        "callback: {scope: code}",
    ],
)
def test_a_base_may_not_read_them_from_there(rules):
    (line,) = said(declare(document("BaseProvider", "mine", f"{rules}\ngrants: [authorization_code]")))
    assert line.endswith("is where a token stands: what is shown is not read from there")


def test_nor_may_a_provider():
    desired = declare(google(more="server: {response: {scope: access_token}}"))
    assert "spec.server.response.scope is where a token stands" in said(desired)[0]


@pytest.mark.parametrize("field", ["authToken", "ACCESS-TOKEN", "session_secret"])
def test_whatever_the_field_is_called_a_token_is_no_scope(field):
    """The names are the base's own: `access_token` is led astray so that the rule on names sees nothing."""
    body = {"good": "another-token-of-this-answer", field: TOKEN, "what": TOKEN}
    behaviour = make_behaviour(response={"access_token": "good", "scope": "what"})
    judged = judge_answer(answer(200, body), behaviour=behaviour, now=NOW)
    assert isinstance(judged, TokenSet)
    assert judged.scope is None
    assert "the answer gives a token as its scope: what was requested is assumed" in judged.warnings


def test_the_access_token_itself_is_no_scope_wherever_it_is_repeated():
    behaviour = make_behaviour(response={"access_token": "good", "scope": "copy"})
    judged = judge_answer(answer(200, {"good": TOKEN, "copy": f"read {TOKEN}"}), behaviour=behaviour, now=NOW)
    assert isinstance(judged, TokenSet)
    assert judged.scope is None


def test_what_is_kept_for_workloads_is_no_token_either():
    behaviour = make_behaviour(response={"access_token": "good", "keep": ["shop", "copy"]})
    body = {"good": "another-token-of-this-answer", "refresh_token": TOKEN, "copy": TOKEN, "shop": "7"}
    judged = judge_answer(answer(200, body), behaviour=behaviour, now=NOW)
    assert isinstance(judged, TokenSet)
    assert judged.kept == {"shop": "7"}


@pytest.mark.parametrize("scope", ["read", "token", "https://www.googleapis.com/auth/drive", "user:email"])
def test_a_scope_that_merely_occurs_is_a_scope(scope):
    document = {"access_token": "ya29.read-token-xyz", "token_type": "token"}
    assert not is_given_as_token(scope, document, ResponseFields())
