"""A consent whose request is pushed first (RFC 9126), on a server that takes no other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from reconciler.adapters.http import HttpClient
from reconciler.adapters.system import SystemEntropy
from reconciler.adapters.token_endpoint import HttpTokenEndpoint
from reconciler.decide.issuer_metadata import IssuerMetadata, judge_metadata
from reconciler.decide.pending_consent import PendingConsent
from reconciler.decide.pushed_request import Pushed, PushRefused, judge_pushed
from reconciler.decide.results import Outcome
from reconciler.engine.consent import begin_consent, finish_consent
from reconciler.engine.run import Run
from reconciler.errors import ProviderFailed, ProviderUnreachable
from reconciler.model.answer import Loss, NoAnswer
from reconciler.model.behaviour import ClientAuth
from reconciler.model.ready import ClientCredentials, ReadyProvider
from reconciler.model.secret import Secret
from reconciler.sandbox import Sandbox, SandboxConfig, faults, person
from tests.contract.peers import CALLBACK, discovered, loopback_client
from tests.engine.refresh_world import RefreshWorld
from tests.simulators.manifests import make_account, make_behaviour
from tests.simulators.token_endpoint import answer

ACCOUNT = make_account(scopes=("profile",))


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with loopback_client() as client:
        yield client


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxConfig(pushed_only=True)) as running:
        yield running


@pytest.fixture
def run(http: HttpClient) -> Run:
    return RefreshWorld().make_run(endpoint=HttpTokenEndpoint(http), entropy=SystemEntropy())


@pytest.fixture
def provider(sandbox: Sandbox, http: HttpClient) -> ReadyProvider:
    made = sandbox.add_client(redirect_uris=["http://127.0.0.1/callback"])
    client = ClientCredentials(made["client_id"], Secret(made["client_secret"]), ClientAuth.BASIC)
    return replace(discovered(http, sandbox.issuer, client, make_behaviour()), pushes_authorization=True)


def begun(run: Run, provider: ReadyProvider) -> PendingConsent:
    pending = begin_consent(run, ACCOUNT, provider, redirect_uri=CALLBACK)
    assert isinstance(pending, PendingConsent)
    return pending


def test_the_link_holds_a_reference_alone_and_the_consent_goes_through(run: Run, provider: ReadyProvider):
    pending = begun(run, provider)
    assert set(parse_qs(urlsplit(pending.url).query)) == {"client_id", "request_uri"}
    back = person.press_allow(pending.url, subject="ana@example.com")
    result = finish_consent(run, ACCOUNT, provider, pending=pending, callback_url=back)
    assert result.outcome is Outcome.DONE, result


def test_a_request_uri_is_good_for_one_decision(run: Run, provider: ReadyProvider):
    pending = begun(run, provider)
    person.press_allow(pending.url, subject="ana@example.com")
    with pytest.raises(person.PageRefused):
        person.press_allow(pending.url, subject="ben@example.com")


def test_where_it_is_not_pushed_such_a_server_refuses(run: Run, provider: ReadyProvider):
    pending = begun(run, replace(provider, pushes_authorization=False))
    with pytest.raises(person.PageRefused):
        person.press_allow(pending.url, subject="ana@example.com")


def test_a_refused_push_ends_the_consent_before_anybody_is_asked(
    sandbox: Sandbox, run: Run, provider: ReadyProvider
):
    sandbox.add_fault(faults.oauth_error("par", "invalid_request"))
    with pytest.raises(ProviderFailed, match="HTTP 400 invalid_request"):
        begun(run, provider)
    sandbox.add_fault(faults.close_before("par"))
    with pytest.raises(ProviderUnreachable):
        begun(run, provider)


def test_without_an_endpoint_it_is_said_what_to_declare(run: Run, provider: ReadyProvider):
    without = replace(provider, endpoints=replace(provider.endpoints, pushed_authorization_request=None))
    with pytest.raises(ProviderFailed, match="RFC 9126"):
        begun(run, without)


@pytest.mark.parametrize(
    "said",
    [
        answer(201, {"expires_in": 60}),
        answer(201, {"request_uri": ""}),
        answer(201, {"request_uri": "urn:x\nLocation: y"}),
        answer(200, b"<html>"),
        answer(400, {"error": "canary of a secret " * 20}),
    ],
)
def test_an_answer_without_a_usable_reference_is_a_refusal_that_repeats_nothing(said):
    judged = judge_pushed(said)
    assert isinstance(judged, PushRefused)
    assert not judged.transient
    assert "canary" not in judged.message


def test_an_outage_is_one_and_a_good_answer_is_taken():
    assert judge_pushed(NoAnswer(Loss.UNCLEAR, "timed out")) == PushRefused("timed out", transient=True)
    assert judge_pushed(answer(503, b"")) == PushRefused("HTTP 503 without a request_uri", transient=True)
    assert judge_pushed(answer(201, {"request_uri": "urn:x", "expires_in": 60})) == Pushed("urn:x", 60)


@pytest.mark.parametrize("wanted", [True, False])
def test_the_issuers_metadata_say_whether_it_must_be_pushed(wanted):
    import json

    document = {
        "issuer": "https://as.example",
        "token_endpoint": "https://as.example/token",
        "require_pushed_authorization_requests": wanted,
    }
    found = judge_metadata("https://as.example", json.dumps(document).encode())
    assert isinstance(found, IssuerMetadata)
    assert found.pushed_only is wanted
