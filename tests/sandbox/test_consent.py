"""The authorization endpoint and the code that comes of it."""

from collections.abc import Callable

import httpx
import pytest

from reconciler.sandbox import LoopbackRedirects, RefreshTokenRule, Sandbox, TokenPolicy, person
from tests.sandbox.application import CALLBACK, LISTENING_AT, Application, refused

Start = Callable[..., Sandbox]
Register = Callable[..., Application]


def came_back(url: str) -> dict[str, str]:
    assert url.startswith(LISTENING_AT + "?")
    return dict(httpx.URL(url).params)


def test_allowing_brings_a_code_the_state_and_the_issuer(app: Application) -> None:
    back = came_back(person.press_allow(app.authorization_url(), subject="ana@example.com"))
    assert set(back) == {"code", "state", "iss"}
    assert (back["state"], back["iss"]) == ("s-1", app.sandbox.issuer)
    answer = app.exchange(back["code"]).json()
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == (
        "Bearer",
        3600,
        "profile files.read",
    )
    (grant,) = app.sandbox.list_grants()
    assert (grant["subject"], grant["origin"]) == ("ana@example.com", "authorization_code")


def test_denying_brings_an_error_the_state_and_the_issuer(app: Application) -> None:
    back = came_back(person.press_deny(app.authorization_url()))
    assert (back["error"], back["state"], back["iss"]) == ("access_denied", "s-1", app.sandbox.issuer)


def test_the_issuer_can_be_left_out(start: Start, register: Register) -> None:
    app = register(start(iss_parameter=False))
    assert set(came_back(person.press_allow(app.authorization_url(), subject="ana"))) == {"code", "state"}


def test_a_person_may_untick_scopes(app: Application) -> None:
    assert app.tokens(scopes=["profile"])["scope"] == "profile"


def test_a_person_who_unticks_everything_has_denied(app: Application) -> None:
    back = came_back(person.press_allow(app.authorization_url(), subject="ana", scopes=[]))
    assert back["error"] == "access_denied"


def test_a_request_without_scope_gets_the_default_ones(app: Application) -> None:
    assert app.tokens(scope="")["scope"] == "profile"


def test_an_unknown_scope_is_refused_to_the_application(app: Application) -> None:
    back = came_back(person.press_allow(app.authorization_url(scope="profile launch.rockets"), subject="ana"))
    assert (back["error"], back["state"], back["iss"]) == ("invalid_scope", "s-1", app.sandbox.issuer)


def test_a_sandbox_can_accept_any_scope(start: Start, register: Register) -> None:
    app = register(start(any_scope=True))
    assert (
        app.tokens(scope="https://www.example.com/auth/drive")["scope"]
        == "https://www.example.com/auth/drive"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge": "short"},
    ],
)
def test_pkce_with_s256_is_required(app: Application, changes: dict) -> None:
    back = came_back(person.press_allow(app.authorization_url(**changes), subject="ana"))
    assert back["error"] == "invalid_request"


def test_pkce_can_be_optional(start: Start, register: Register) -> None:
    app = register(start(pkce_required=False))
    url = app.authorization_url(code_challenge=None, code_challenge_method=None)
    code = came_back(person.press_allow(url, subject="ana"))["code"]
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": LISTENING_AT}
    assert app.post("/token", fields).status_code == 200


def test_a_wrong_verifier_is_refused_and_burns_the_code(app: Application) -> None:
    code = app.consent()
    assert refused(app.exchange(code, code_verifier="x" * 43)) == (400, "invalid_grant")
    assert refused(app.exchange(code)) == (400, "invalid_grant")
    assert app.sandbox.list_grants() == []


def test_a_code_that_comes_twice_revokes_what_it_brought(app: Application) -> None:
    code = app.consent()
    tokens = app.exchange(code).json()
    assert refused(app.exchange(code)) == (400, "invalid_grant")
    assert app.call_api(tokens["access_token"]).status_code == 401
    assert app.sandbox.list_grants()[0]["revoked_because"] == "authorization code reuse"


def test_a_code_lives_a_minute(app: Application) -> None:
    code = app.consent()
    app.sandbox.advance_clock(61)
    assert refused(app.exchange(code)) == (400, "invalid_grant")


def test_a_code_is_bound_to_its_redirect_uri_and_its_client(
    app: Application, sandbox: Sandbox, register: Register
) -> None:
    assert refused(app.exchange(app.consent(), redirect_uri=CALLBACK)) == (400, "invalid_grant")
    stranger = register(sandbox)
    assert refused(stranger.exchange(app.consent(), code_verifier=app.verifier)) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("registered", "asked", "fits"),
    [
        ("http://127.0.0.1/callback", "http://127.0.0.1:50000/callback", True),
        ("http://[::1]:1234/callback", "http://[::1]:50000/callback", True),
        ("http://127.0.0.1/callback", "http://127.0.0.1:50000/other", False),
        ("http://127.0.0.1/callback", "http://127.0.0.1:50000/callback?x=1", False),
        ("http://127.0.0.1/callback", "http://127.0.0.2:50000/callback", False),
        ("http://127.0.0.1/callback", "http://ana@127.0.0.1:50000/callback", False),
        ("http://127.0.0.1/callback", "http://127.0.0.1:x/callback", False),
        ("http://127.0.0.1/callback", "https://127.0.0.1/callback", False),
        ("http://localhost/callback", "http://localhost:50000/callback", False),
        ("http://localhost:50000/callback", "http://localhost:50000/callback", True),
        ("https://app.example/callback", "https://app.example:444/callback", False),
        ("https://app.example/callback", "https://app.example/callback", True),
        ("https://app.example/callback", 'https://app.example/callback"><b>', False),
    ],
)
def test_redirect_uris_match_exactly_but_for_a_loopback_port(
    sandbox: Sandbox, register: Register, registered: str, asked: str, fits: bool
) -> None:
    app = register(sandbox, redirect_uris=[registered])
    page = app.http.get(app.authorization_url(redirect_uri=asked))
    assert page.status_code == (200 if fits else 400)
    assert "Location" not in page.headers


def test_localhost_takes_any_port_where_the_provider_is_like_that(start: Start, register: Register) -> None:
    app = register(
        start(loopback_redirects=LoopbackRedirects.LOCALHOST), redirect_uris=["http://localhost/callback"]
    )
    assert app.http.get(app.authorization_url(redirect_uri="http://localhost:5/callback")).status_code == 200


def test_no_port_but_the_registered_one_where_the_provider_is_like_that(
    start: Start, register: Register
) -> None:
    app = register(start(loopback_redirects=LoopbackRedirects.EXACT))
    assert app.http.get(app.authorization_url()).status_code == 400
    assert app.http.get(app.authorization_url(redirect_uri=CALLBACK)).status_code == 200


@pytest.mark.parametrize(
    "changes", [{"client_id": "nobody"}, {"client_id": None}, {"response_type": "token"}]
)
def test_a_request_that_cannot_be_trusted_gets_a_page_and_no_redirect(
    app: Application, changes: dict
) -> None:
    with pytest.raises(person.PageRefused) as refusal:
        person.press_allow(app.authorization_url(**changes), subject="ana")
    assert refusal.value.status == 400


def test_a_parameter_given_twice_is_refused(app: Application) -> None:
    page = app.http.get(app.authorization_url() + "&state=other")
    assert page.status_code == 400
    assert "twice" in page.text


def test_a_decision_counts_once_and_only_on_a_page_that_was_shown(app: Application) -> None:
    url = app.authorization_url()
    form = {"subject": "ana", "granted_scope": "profile", "decision": "allow"}
    assert app.http.post(url, data={**form, "ticket": "made up"}).status_code == 400
    page = app.http.get(url).text
    ticket = page.split('name="ticket" value="')[1].split('"')[0]
    assert app.http.post(url, data={**form, "ticket": ticket}).status_code == 302
    assert app.http.post(url, data={**form, "ticket": ticket}).status_code == 400


def test_nobody_cannot_allow(app: Application) -> None:
    url = app.authorization_url()
    ticket = app.http.get(url).text.split('name="ticket" value="')[1].split('"')[0]
    form = {"ticket": ticket, "granted_scope": "profile", "decision": "allow"}
    assert app.http.post(url, data=form).status_code == 400


def test_without_access_type_offline_google_gives_no_refresh_token(start: Start, register: Register) -> None:
    app = register(start(policy=TokenPolicy(refresh_token_rule=RefreshTokenRule.ACCESS_TYPE_OFFLINE)))
    assert "refresh_token" not in app.tokens()
    app.sandbox.revoke_person("ana@example.com")
    assert "refresh_token" in app.tokens(access_type="offline")
    assert "refresh_token" not in app.tokens(access_type="offline"), "a second consent needs prompt=consent"
    assert "refresh_token" in app.tokens(access_type="offline", prompt="consent")


def test_without_offline_access_microsoft_gives_no_refresh_token(start: Start, register: Register) -> None:
    app = register(start(policy=TokenPolicy(refresh_token_rule=RefreshTokenRule.OFFLINE_ACCESS_SCOPE)))
    assert "refresh_token" not in app.tokens()
    assert "refresh_token" in app.tokens(scope="profile offline_access")


def test_a_new_consent_kills_the_earlier_one_where_one_is_kept_a_person(
    start: Start, register: Register
) -> None:
    app = register(start(policy=TokenPolicy(one_grant_per_person=True)))
    earlier, other = app.tokens(subject="ana"), app.tokens(subject="bruno")
    app.tokens(subject="ana")
    assert refused(app.refresh(earlier["refresh_token"])) == (400, "invalid_grant")
    assert app.refresh(other["refresh_token"]).status_code == 200


def test_the_callback_can_be_visited_by_the_person(app: Application, start: Start) -> None:
    listener = start(scopes={"any": ""})
    other = app.sandbox.add_client(redirect_uris=[f"{listener.url}/jwks"])
    url = app.authorization_url(client_id=other["client_id"], redirect_uri=f"{listener.url}/jwks")
    person.press_allow(url, subject="ana", visit_callback=True)
    assert listener.counters()["requests"] == {"jwks": 1}
