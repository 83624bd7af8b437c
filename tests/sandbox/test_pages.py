"""What a browser is given: pages that say what they are, load nothing, run nothing and leak nothing."""

from collections.abc import Callable

import httpx
import pytest

from reconciler.sandbox import Person, Sandbox
from tests.sandbox.application import LISTENING_AT, Application

Start = Callable[..., Sandbox]
Register = Callable[..., Application]
HTML = {"Accept": "text/html"}


@pytest.fixture(params=["consent", "device", "start", "error", "missing"])
def page(request: pytest.FixtureRequest, app: Application) -> httpx.Response:
    """Each page in turn."""
    path = {"consent": app.authorization_url(), "error": app.authorization_url(client_id="nobody"),
            "start": "/", "missing": "/nowhere"}.get(request.param, "/device")  # fmt: skip
    return app.http.get(path, headers=HTML)


def test_every_page_says_that_it_is_a_sandbox(page: httpx.Response) -> None:
    assert "<strong>Sandbox.</strong> No real account" in page.text
    assert '<html lang="en">' in page.text
    assert 'name="viewport"' in page.text


def test_no_page_runs_scripts_loads_from_elsewhere_is_framed_kept_or_refers(page: httpx.Response) -> None:
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; form-action 'self'")
    assert "frame-ancestors 'none'" in policy
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert "<script" not in page.text
    assert "style=" not in page.text
    assert 'src="' not in page.text


def test_the_consent_form_may_lead_back_to_the_application(app: Application) -> None:
    policy = app.http.get(app.authorization_url()).headers["Content-Security-Policy"]
    assert f"form-action 'self' {LISTENING_AT.removesuffix('/callback')};" in policy


def test_an_apps_own_scheme_may_be_led_back_to(sandbox: Sandbox, register: Register) -> None:
    app = register(sandbox, redirect_uris=["com.example.app://host/back"])
    policy = app.http.get(app.authorization_url(redirect_uri="com.example.app://host/back")).headers
    assert "form-action 'self' com.example.app:;" in policy["Content-Security-Policy"]


def test_foreign_text_is_escaped(sandbox: Sandbox, register: Register) -> None:
    app = register(sandbox, name='<b onclick="x">Bold</b>')
    for path in (app.authorization_url(), "/"):
        assert "&lt;b onclick=&#34;x&#34;&gt;Bold&lt;/b&gt;" in app.http.get(path).text


def test_the_style_sheet_serves_light_and_dark_and_loads_nothing(sandbox: Sandbox) -> None:
    answer = httpx.get(f"{sandbox.url}/style.css")
    assert answer.headers["Content-Type"].startswith("text/css")
    assert "prefers-color-scheme: dark" in answer.text
    assert "url(" not in answer.text
    assert "@import" not in answer.text


def test_the_consent_page_names_the_application_the_people_and_the_scopes_in_words(
    start: Start, register: Register
) -> None:
    sandbox = start(people=(Person("dora@example.com", "Dora"), Person("svc-7")))
    app = register(sandbox, name="Nightly backup")
    text = app.http.get(app.authorization_url(scope="files.read")).text
    for words in ("Nightly backup", "Dora", "dora@example.com", "svc-7", "read your files", "files.read"):
        assert words in text


def test_a_machine_gets_its_errors_as_json(app: Application) -> None:
    assert (
        app.http.get("/nowhere", headers={"Accept": "application/json"}).json()["error"] == "invalid_request"
    )


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "127.a.b.com:80", "", "[::2]"])
def test_a_name_that_is_no_loopback_name_is_not_answered(sandbox: Sandbox, host: str) -> None:
    assert httpx.get(sandbox.url, headers={"Host": host}).status_code in (400, 421)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:99", "127.9.9.9"])
def test_every_loopback_name_is_answered(sandbox: Sandbox, host: str) -> None:
    assert httpx.get(sandbox.url, headers={"Host": host}).status_code == 200
