"""The authorization request, and every callback that must not be believed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.decide.authorization import (
    AuthorizationRequest,
    Callback,
    CallbackRefused,
    Nonces,
    RedirectMode,
    Refusal,
    judge_callback,
    plan_authorization,
    redirect_uri,
    s256,
)
from reconciler.model.behaviour import Behaviour, ClientAuth
from reconciler.model.endpoint import parse_url
from reconciler.model.ready import ClientCredentials, ReadyEndpoints, ReadyProvider
from reconciler.model.secret import Secret
from tests.simulators.manifests import make_account, make_behaviour, make_provider
from tests.simulators.token_endpoint import trusted

REDIRECT = "http://127.0.0.1:49152/callback"
NONCES = Nonces(Secret("the-state"), Secret("v" * 43), Secret("the-nonce"))
ISSUER = "https://as.example"
REQUEST = AuthorizationRequest(
    url="https://as.example/authorize",
    redirect_uri=REDIRECT,
    state=NONCES.state,
    verifier=NONCES.verifier,
    nonce=None,
    issuer=ISSUER,
    issuer_in_response=True,
)


def ready(behaviour: Behaviour | None = None, *, page: str = "https://as.example/authorize") -> ReadyProvider:
    return ReadyProvider(
        desired=make_provider(behaviour=behaviour or make_behaviour()),
        endpoints=ReadyEndpoints(trusted(), trusted(), parse_url(page)),
        client=ClientCredentials("client-1", Secret("s"), ClientAuth.POST),
        issuer=ISSUER,
        issuer_in_response=True,
    )


def asked(provider: ReadyProvider | None = None, **account: Any) -> tuple[str, dict[str, str]]:
    request = plan_authorization(
        provider or ready(), make_account(**account), redirect=REDIRECT, nonces=NONCES
    )
    parts = urlsplit(request.url)
    values = parse_qs(parts.query, keep_blank_values=True, strict_parsing=True)
    assert all(len(found) == 1 for found in values.values())
    return f"{parts.scheme}://{parts.netloc}{parts.path}", {name: found[0] for name, found in values.items()}


def back(*, redirect: str = REDIRECT, **values: Any) -> str:
    return f"{redirect}?{urlencode(values, doseq=True)}"


def judged(redirected: str, request: AuthorizationRequest = REQUEST) -> Refusal | str:
    verdict = judge_callback(redirected, request=request)
    return verdict.code.reveal() if isinstance(verdict, Callback) else verdict.kind


GOOD: dict[str, Any] = {"code": "c0de", "state": "the-state", "iss": ISSUER}


def test_a_request_has_pkce_state_and_scopes():
    page, values = asked(scopes=("b", "a"))
    assert page == "https://as.example/authorize"
    assert values == {
        "response_type": "code",
        "client_id": "client-1",
        "redirect_uri": REDIRECT,
        "state": "the-state",
        "scope": "a b",
        "code_challenge": s256(NONCES.verifier),
        "code_challenge_method": "S256",
    }


def test_the_challenge_is_that_of_the_rfc():
    verifier = Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    assert s256(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_openid_brings_a_nonce_and_the_person_who_is_meant():
    _, values = asked(scopes=("openid",), identity="ana@example.com")
    assert (values["nonce"], values["login_hint"]) == ("the-nonce", "ana@example.com")


def test_what_the_base_adds_cannot_take_the_place_of_ours():
    behaviour = make_behaviour(authorization_parameters={"access_type": "offline"}).model_copy(
        update={
            "authorization_parameters": {"access_type": "offline", "state": "fixed", "code_challenge": "x"}
        }
    )
    _, values = asked(ready(behaviour))
    assert (values["access_type"], values["state"]) == ("offline", "the-state")
    assert values["code_challenge"] == s256(NONCES.verifier)


def test_scopes_follow_the_base():
    _, values = asked(ready(make_behaviour(scopes={"separator": ","})), scopes=("a", "b"))
    assert values["scope"] == "a,b"
    _, values = asked(ready(make_behaviour(scopes={"in_request": False})), scopes=("a",))
    assert "scope" not in values


def test_pkce_is_left_out_only_where_the_server_refuses_it():
    _, values = asked(ready(make_behaviour(pkce="unsupported")))
    assert not any(name.startswith("code_challenge") for name in values)
    _, values = asked(ready(make_behaviour(pkce="supported")))
    assert values["code_challenge_method"] == "S256"


def test_a_query_of_the_page_is_kept():
    _, values = asked(ready(page="https://as.example/authorize?tenant=7"))
    assert (values["tenant"], values["client_id"]) == ("7", "client-1")


def test_a_short_verifier_is_refused():
    with pytest.raises(ValueError, match="43"):
        plan_authorization(
            ready(), make_account(), redirect=REDIRECT, nonces=replace(NONCES, verifier=Secret("v" * 42))
        )


def test_the_right_callback_gives_its_code():
    assert judged(back(**GOOD)) == "c0de"


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"state": "another"}, Refusal.STATE_WRONG),
        ({"state": "the-state "}, Refusal.STATE_WRONG),
        ({"state": ""}, Refusal.STATE_WRONG),
        ({"state": []}, Refusal.STATE_MISSING),
        ({"state": ["the-state", "the-state"]}, Refusal.STATE_MISSING),
        ({"state": ["the-state", "another"]}, Refusal.STATE_MISSING),
        ({"code": ["a", "b"]}, Refusal.DOUBLED),
        ({"iss": [ISSUER, "https://evil.example"]}, Refusal.DOUBLED),
        ({"error": ["a", "b"], "code": []}, Refusal.DOUBLED),
        ({"iss": "https://evil.example"}, Refusal.ISSUER_WRONG),
        ({"iss": f"{ISSUER}/"}, Refusal.ISSUER_WRONG),
        ({"iss": []}, Refusal.ISSUER_MISSING),
        ({"error": "access_denied"}, Refusal.ERROR_AND_CODE),
        ({"error": "access_denied", "code": []}, Refusal.DENIED),
        ({"error": "server_error", "code": []}, Refusal.ERROR),
        ({"code": []}, Refusal.CODE_MISSING),
        ({"code": ""}, Refusal.CODE_MISSING),
    ],
)
def test_a_callback_that_is_not_whole_is_refused(change, refusal):
    assert judged(back(**{**GOOD, **change})) is refusal


def test_a_mixed_up_error_is_judged_by_its_issuer_first():
    values = {"error": "access_denied", "state": "the-state", "iss": "https://evil.example"}
    assert judged(back(**values)) is Refusal.ISSUER_WRONG


@pytest.mark.parametrize(
    "redirect",
    [
        "https://127.0.0.1:49152/callback",
        "http://127.0.0.1:49153/callback",
        "http://127.0.0.1/callback",
        "http://localhost:49152/callback",
        "http://127.0.0.1:49152/callback/",
        "http://127.0.0.1:49152/",
        "http://evil@127.0.0.1:49152/callback",
        "http://evil.example/callback",
        "http://[::1",
        "",
    ],
)
def test_another_address_is_not_our_redirect_uri(redirect):
    assert judged(back(redirect=redirect, **GOOD)) is Refusal.NOT_OURS


def test_only_a_callback_with_our_state_can_end_the_waiting():
    ignored = [back(**{**GOOD, "state": "x"}), back(code="c"), "http://evil.example/", back(error="x")]
    for redirected in ignored:
        verdict = judge_callback(redirected, request=REQUEST)
        assert isinstance(verdict, CallbackRefused)
        assert not verdict.final


def test_the_providers_words_are_shown_cleaned_and_its_code_only_if_it_is_one():
    values = {
        "error": "x" * 80 + "9s3cr3t",
        "error_description": "no\x1b[31m\n" + "y" * 500,
        "state": "the-state",
    }
    verdict = judge_callback(back(iss=ISSUER, **values), request=REQUEST)
    assert isinstance(verdict, CallbackRefused)
    assert verdict.code == "a code that is not shown"
    assert verdict.description.isprintable()
    assert len(verdict.description) <= 120


def test_a_server_that_says_nothing_of_iss_need_not_send_it():
    request = replace(REQUEST, issuer_in_response=False)
    assert judged(back(code="c", state="the-state"), request) == "c"
    assert judged(back(**{**GOOD, "iss": "https://evil.example"}), request) is Refusal.ISSUER_WRONG


@pytest.mark.parametrize(
    ("iss", "judged_as"),
    [
        ("https://as.example", "c"),
        ("https://AS.example/tenant/", "c"),
        ("https://login.example:8443", "c"),
        ("https://honest.example", Refusal.ISSUER_ELSEWHERE),
        ("https://as.example@honest.example", Refusal.ISSUER_ELSEWHERE),
        ("https://login.example.honest.example", Refusal.ISSUER_ELSEWHERE),
        ("no URL", "c"),
    ],
)
def test_where_the_issuer_is_not_known_one_of_another_servers_hosts_is_a_mix_up(iss: str, judged_as: Any):
    """RFC 9700 §4.4: its page led the person on to an honest server, whose code it would be sent."""
    behaviour = make_behaviour()
    provider = replace(
        ready(behaviour, page="https://login.example/authorize"), issuer=None, issuer_in_response=False
    )
    request = plan_authorization(provider, make_account(), redirect=REDIRECT, nonces=NONCES)
    assert (request.page, request.server) == ("login.example", "as.example")
    assert judged(back(code="c", state="the-state", iss=iss), request) == judged_as
    assert judged(back(code="c", state="the-state"), request) == "c"


def test_a_pasted_url_may_have_spaces_around_and_a_fragment_behind():
    assert judged(f"  {back(**GOOD)}#_=_\n") == "c0de"


def test_the_query_of_our_own_redirect_uri_is_not_the_callbacks():
    request = replace(REQUEST, redirect_uri="https://acme.example/cb?state=own&x=1")
    redirected = f"https://acme.example/cb?state=own&x=1&{urlencode(GOOD)}"
    assert judged(redirected, request) == "c0de"


@given(st.text(max_size=300))
def test_any_text_is_judged(text):
    assert isinstance(judge_callback(text, request=REQUEST), CallbackRefused)
    assert isinstance(judge_callback(f"{REDIRECT}?{text}", request=REQUEST), CallbackRefused)


def test_a_callback_of_megabytes_is_not_read():
    assert judged(back(**{**GOOD, "x": "y" * 1_000_000})) is Refusal.NOT_OURS


@pytest.mark.parametrize(
    ("declared", "paste", "registered", "mode", "port"),
    [
        (["http://127.0.0.1/callback"], False, "http://127.0.0.1/callback", RedirectMode.LISTEN, None),
        (["http://localhost:8400/cb"], False, "http://localhost:8400/cb", RedirectMode.LISTEN, 8400),
        (["http://[::1]/cb"], False, "http://[::1]/cb", RedirectMode.LISTEN, None),
        (["https://acme.example/cb"], False, "https://acme.example/cb", RedirectMode.PASTE, None),
        (
            ["https://acme.example/cb", "http://127.0.0.1/c"],
            False,
            "http://127.0.0.1/c",
            RedirectMode.LISTEN,
            None,
        ),
        (
            ["http://127.0.0.1/c", "https://acme.example/cb"],
            True,
            "https://acme.example/cb",
            RedirectMode.PASTE,
            None,
        ),
        (["http://127.0.0.1/c"], True, "http://127.0.0.1/c", RedirectMode.PASTE, None),
    ],
)
def test_the_redirect_uri_follows_what_is_declared(declared, paste, registered, mode, port):
    chosen = redirect_uri(make_provider(redirect_uris=declared), paste=paste)
    assert chosen is not None
    assert (str(chosen), chosen.mode, chosen.port) == (registered, mode, port)


def test_a_provider_without_redirect_uri_has_none():
    assert redirect_uri(make_provider(redirect_uris=())) is None


def test_any_free_port_is_filled_in():
    chosen = redirect_uri(make_provider(redirect_uris=["http://[::1]/cb"]))
    assert chosen is not None
    assert chosen.at(5000) == "http://[::1]:5000/cb"
