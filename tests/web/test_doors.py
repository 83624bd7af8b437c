"""Who comes in, and what a stranger's page, host, form or flood can do: nothing (OWASP ASVS 5.0, V3, V6, V7)."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from werkzeug.datastructures import Headers

from reconciler.adapters.system import SystemClock
from reconciler.errors import UsageError
from reconciler.model.names import account_address
from reconciler.model.secret import Secret
from reconciler.web.access import Login, Visitor, admit, parse_rule
from reconciler.web.id_token import login_of
from reconciler.web.proxied import proxied_login
from reconciler.web.rate import ALLOWANCES, RateLimit
from reconciler.web.sealing import Sealer
from reconciler.web.site import LoginMode, ProxySettings, SiteSettings, parse_public
from reconciler.web.views_login import own_path
from tests.cli.keyboard import Keyboard
from tests.cli.town import Town
from tests.web.site_world import PUBLIC, SiteWorld, heading, opened

CRM = account_address("sales", "crm")
PROXY_SECRET = "a-secret-of-the-proxy"
PROXY_SAYS = {"X-Proxy-Secret": PROXY_SECRET}
PROXY = {"X_Proxy_Secret": PROXY_SECRET, "X_Forwarded_Email": "ana@example.com"}


def behind_a_proxy(*rules: str) -> SiteSettings:
    return SiteSettings(
        listen=("127.0.0.1", 8080),
        public=parse_public(PUBLIC),
        login=LoginMode.PROXY,
        rules=tuple(parse_rule(text) for text in rules),
        proxy=ProxySettings(Secret(PROXY_SECRET)),
    )


@pytest.fixture
def site(town: Town) -> Iterator[SiteWorld]:
    with opened(town.desk) as world:
        yield world


# ------------------------------------------------------------------------------------------------------------- the rules


@pytest.mark.parametrize(
    ("rules", "login", "sees"),
    [
        (["domain:example.com=*"], Login("1", "ana@example.com"), True),
        (["domain:example.com=*"], Login("1", ""), None),
        (["domain:example.com=*"], Login("1", "ana@evil-example.com"), None),
        (["domain:example.com=*"], Login("1", "ana@example.com.evil.com"), None),
        (["domain:example.com="], Login("1", "owner@example.com"), True),
        (["domain:example.com="], Login("1", "ana@example.com"), False),
        (["domain:example.com=sales,hr"], Login("1", "ana@example.com"), True),
        (["group:crm-team=sales"], Login("1", "", frozenset({"crm-team"})), True),
        (["group:crm-team=hr"], Login("1", "", frozenset({"crm-team"})), False),
        (["group:crm-team=hr", "user:ana@example.com=sales"], Login("1", "ana@example.com"), True),
        (["user:ana@example.com=*"], Login("ana@example.com", ""), None),
    ],
)
def test_a_rule_lets_in_whom_it_names_to_what_it_names(rules: list[str], login: Login, sees: bool | None):
    visitor = admit(login, [parse_rule(text) for text in rules])
    assert (visitor and visitor.sees(CRM, owner="Owner@example.com")) == sees


@pytest.mark.parametrize(
    "address",
    ["ro\xdf@example.com", "ann@ro\xdf.example"],
)
def test_an_address_that_unicode_folds_into_anothers_is_a_strangers(address: str):
    rules = [parse_rule(text) for text in ("user:ross@example.com=*", "domain:ross.example=*")]
    by_proxy = proxied_login(
        Headers(PROXY_SAYS | {"X-Forwarded-Email": address}), ProxySettings(Secret(PROXY_SECRET))
    )
    by_token = login_of({"sub": "1", "email": address, "email_verified": True}, groups_claim="groups")
    for login in (by_proxy, by_token):
        assert login is not None
        assert admit(login, rules) is None
        assert not Visitor("1", login.email).sees(CRM, owner="ross@example.com")
        assert not Visitor("1", login.email).sees(CRM, owner="ann@ross.example")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ana@example.com",
        "domain:=*",
        "domain:@x.y=*",
        "user:ana=*",
        "role:x=*",
        "group:x",
        "group:x=Sales",
        "group:x=a,*",
    ],
)
def test_what_is_no_rule_is_refused(text: str):
    with pytest.raises(UsageError):
        parse_rule(text)


# ------------------------------------------------------------------------------------------------------- starting at all


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--listen", "0.0.0.0:8080"), "for this machine alone"),
        (("--listen", "[::]:8080"), "for this machine alone"),
        (("--accounts-url", "https://accounts.example.com"), "for this machine alone"),
        (("--listen", "8080"), "ADDRESS:PORT"),
        (("--login", "oidc"), "--oidc-issuer"),
        (("--login", "proxy"), "shared secret"),
        (("--login", "oidc", "--oidc-issuer", "https://idp.example", "--oidc-client-id", "x"), "lets nobody in"),
        (
            ("--login", "oidc", "--oidc-issuer", "https://idp.example", "--oidc-client-id", "x", "--allow",
             "domain:example.com=*", "--listen", "0.0.0.0:8080"), "--accounts-url is missing",
        ),
        (
            ("--login", "oidc", "--oidc-issuer", "https://idp.example", "--oidc-client-id", "x", "--allow",
             "domain:example.com=*", "--accounts-url", "http://accounts.example.com"), "https",
        ),
        (("--allow", "everybody"), "no rule of access"),
        (("--observe-every", "0s"), "at least one second"),
    ],
)  # fmt: skip
def test_a_page_that_would_be_open_to_strangers_does_not_start(
    desk: Keyboard, flags: tuple[str, ...], words: str
):
    (desk.folder / "manifests").mkdir()
    said = desk.run("serve", *flags, expect=64)
    assert words in said.err
    assert not (desk.folder / "store").exists()


def test_a_port_that_is_taken_is_said(town: Town):
    with socket.create_server(("127.0.0.1", 0)) as other:
        said = town.desk.run("serve", "--listen", f"127.0.0.1:{other.getsockname()[1]}", expect=64)
    assert "cannot be listened on" in said.err


def test_a_secret_of_the_login_is_never_an_argument(town: Town):
    assert "--oidc-client-secret " not in town.desk.run("serve", "--help", expect=0).out
    said = town.desk.run("serve", "--login", "proxy", "--proxy-secret-file", "nowhere", expect=64)
    assert "cannot be read" in said.err


# ----------------------------------------------------------------------------------------------------- headers and hosts


def test_every_answer_forbids_scripts_frames_caches_and_leaks(site: SiteWorld):
    ana = site.visit()
    for path in ("/", "/accounts/sales/crm", "/accounts/sales/crm/connect", "/nothing", "/callback", "/c/x"):
        headers = ana.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["Cache-Control"] == "no-store", path
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in headers
        assert "Server" not in headers


def test_pages_load_nothing_from_elsewhere_and_run_nothing(site: SiteWorld):
    ana = site.visit()
    for path in ("/", "/accounts/sales/crm", "/accounts/sales/crm/connect"):
        page = ana.get(path).text
        assert "<script" not in page
        assert " style=" not in page
        assert 'src="http' not in page
        assert "@import" not in page


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8080", "127.0.0.1", "127.0.0.1:80", "", "127.0.0.1:8080.evil.example"],
)
def test_another_host_reads_nothing(site: SiteWorld, host: str):
    """DNS rebinding: a name of somebody else's that leads to this machine."""
    answer = site.app.test_client().get("/", base_url=PUBLIC, headers={"Host": host})
    assert answer.status_code == 421
    assert "sales" not in answer.text


def test_another_name_of_this_machine_leads_to_the_right_one(site: SiteWorld):
    answer = site.app.test_client().get("/accounts/sales/crm", base_url="http://localhost:8080")
    assert (answer.status_code, answer.headers["Location"]) == (307, f"{PUBLIC}/accounts/sales/crm")


def test_a_probe_needs_neither_host_nor_login(town: Town):
    with opened(town.desk, settings=behind_a_proxy("domain:example.com=*")) as site:
        answer = site.app.test_client().get("/healthz", base_url="http://10.0.0.7")
    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert "Set-Cookie" not in answer.headers


# ------------------------------------------------------------------------------------------------------------------ forms


def test_a_form_without_its_sessions_token_does_nothing(site: SiteWorld, town: Town):
    ana, mallory = site.visit(), site.visit()
    ana.get("/")
    theirs = mallory.get("/").text.partition('name="form_token" value="')[2].partition('"')[0]
    for token in ("", "x", theirs, "é"):
        answer = ana.post("/accounts/sales/crm/connect", {"form_token": token})
        assert answer.status_code == 403
        assert "http-equiv" not in answer.text
        assert "Nothing was changed" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_a_form_of_another_site_does_nothing_though_it_has_the_token(
    site: SiteWorld, headers: dict[str, str]
):
    assert site.visit().press("/accounts/sales/crm/connect", **headers).status_code == 403


def test_our_own_form_with_the_headers_of_a_browser_works(site: SiteWorld):
    answer = site.visit().press("/accounts/sales/crm/connect", Origin=PUBLIC, Sec_Fetch_Site="same-origin")
    assert answer.status_code == 200


def test_what_is_too_large_is_refused(site: SiteWorld):
    answer = site.visit().post("/look", {"form_token": "x" * 100_000})
    assert answer.status_code == 413


# --------------------------------------------------------------------------------------------------------------- sessions


def test_a_sealed_text_opens_for_its_purpose_until_its_time_and_nowhere_else():
    sealer, now = Sealer(bytes(32)), datetime(2030, 1, 1, tzinfo=UTC)
    text = sealer.seal({"a": 1}, purpose="one", until=now + timedelta(minutes=1))
    assert sealer.open(text, purpose="one", now=now) == {"a": 1}
    assert sealer.open(text, purpose="two", now=now) is None
    assert sealer.open(text, purpose="one", now=now + timedelta(minutes=1)) is None
    assert Sealer(bytes(range(32))).open(text, purpose="one", now=now) is None
    changed = ("A" if text[0] != "A" else "B") + text[1:]
    for broken in (None, "", "x", text[:-4], changed, text * 100, "é"):
        assert sealer.open(broken, purpose="one", now=now) is None


def test_the_cookie_is_httponly_lax_and_secure_behind_tls(site: SiteWorld, town: Town):
    said = site.visit().get("/").headers["Set-Cookie"]
    assert "HttpOnly" in said
    assert "SameSite=Lax" in said
    assert "Secure" not in said
    public = replace(
        behind_a_proxy("domain:example.com=*"), public=parse_public("https://accounts.example.com")
    )
    with opened(town.desk, settings=public) as behind:
        ana = behind.visit()
        ana.headers = dict(PROXY)
        answer = ana.get("/")
    said = answer.headers["Set-Cookie"]
    assert said.startswith("__Host-reconciler=")
    assert "Secure" in said
    assert "Domain" not in said
    assert answer.headers["Strict-Transport-Security"]


class MovedClock(SystemClock):
    def __init__(self) -> None:
        super().__init__(threading.Event())
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def test_a_session_ends_when_it_is_idle(town: Town):
    clock = MovedClock()
    with opened(town.desk, clock=clock) as site:
        ana = site.visit()
        form = ana.get("/").text.partition('name="form_token" value="')[2].partition('"')[0]
        clock.ahead = timedelta(minutes=29)
        assert ana.post("/look", {"form_token": form}).status_code == 303
        clock.ahead = timedelta(minutes=60)
        assert ana.post("/look", {"form_token": form}).status_code == 403


# ------------------------------------------------------------------------------------------------------------- the proxy


def test_a_proxy_that_proves_itself_says_who_comes(town: Town):
    with opened(town.desk, settings=behind_a_proxy("domain:example.com=*")) as site:
        ana = site.visit()
        ana.headers = dict(PROXY)
        page = ana.get("/")
        assert heading(page) == "2 of 2 accounts need you."
        assert "ana@example.com" in page.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X_Forwarded_Email": "ana@example.com"},
        {"X_Forwarded_Email": "ana@example.com", "X_Proxy_Secret": "a-secret-of-the-proxz"},
        {"X_Forwarded_Email": "ana@example.com", "X_Proxy_Secret": ""},
        {"X_Proxy_Secret": PROXY_SECRET},
        {"X_Proxy_Secret": PROXY_SECRET, "X_Forwarded_Email": "ana@example.com,root@example.com"},
        {"X_Proxy_Secret": PROXY_SECRET, "X_Forwarded_Email": "mallory@evil.example"},
    ],
)
def test_without_the_proxys_proof_or_a_rule_nobody_is_in(town: Town, headers: dict[str, str]):
    with opened(town.desk, settings=behind_a_proxy("domain:example.com=*")) as site:
        stranger = site.visit()
        stranger.headers = headers
        for path in ("/", "/accounts/sales/crm", "/accounts/sales/crm/connect"):
            page = stranger.get(path)
            assert page.status_code == 403, path
            assert "sales" not in page.text


def test_a_visitor_sees_their_namespaces_and_their_own_accounts_and_nothing_of_others(town: Town):
    text = (town.desk.folder / "manifests/sales/idp.yaml").read_text()
    town.desk.write("hr/idp.yaml", text.replace("clients/sales/idp", "clients/hr/idp"))
    town.desk.write(
        "hr/staff.yaml",
        (town.desk.folder / "manifests/sales/crm.yaml").read_text().replace("name: crm", "name: staff"),
    )
    with opened(town.desk, settings=behind_a_proxy("domain:example.com=", "group:hr=hr")) as site:
        ben = site.visit()
        ben.headers = {**PROXY, "X_Forwarded_Email": "Ben@Example.com"}
        page = ben.get("/")
        assert heading(page) == "1 of 1 account needs you."
        assert "sales/mail" in page.text
        assert "sales/crm" not in page.text
        assert "hr/" not in page.text
        for path in ("/accounts/sales/crm", "/accounts/hr/staff", "/accounts/hr/staff/connect"):
            assert ben.get(path).status_code == 404, path
        assert ben.press("/accounts/sales/mail/connect").status_code == 200
        eva = site.visit()
        eva.headers = {**PROXY, "X_Forwarded_Email": "eva@example.com", "X_Forwarded_Groups": "staff, hr"}
        assert "hr/staff" in eva.get("/").text
        assert "sales/" not in eva.get("/").text


# ---------------------------------------------------------------------------------------------------- floods and redirects


def test_an_address_that_asks_too_often_waits(site: SiteWorld):
    ana = site.visit()
    codes = [ana.get("/c/none").status_code for _ in range(ALLOWANCES["link"].burst + 1)]
    assert codes[-1] == 429
    answer = ana.get("/c/none")
    assert int(answer.headers["Retry-After"]) >= 1
    assert "Wait" in answer.text


def test_a_flood_from_one_address_costs_another_nothing():
    limit = RateLimit()
    for _ in range(1000):
        limit.wait_for("login", who="10.0.0.1", now=0.0)
    assert limit.wait_for("login", who="10.0.0.1", now=0.0) > 0
    assert limit.wait_for("login", who="10.0.0.2", now=0.0) == 0
    assert limit.wait_for("login", who="10.0.0.1", now=60.0) == 0


@pytest.mark.parametrize(
    "then",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/\r\nX: y",
        "",
        "evil",
        "/login?then=/login",
        "/é",
    ],
)
def test_a_login_leads_to_our_own_pages_only(then: str):
    assert own_path(then) == "/"


def test_a_login_leads_back_to_the_page_that_was_asked_for():
    assert own_path("/accounts/sales/crm?x=1") == "/accounts/sales/crm?x=1"


def test_an_error_that_nobody_foresaw_shows_no_value(town: Town, monkeypatch: pytest.MonkeyPatch):
    with opened(town.desk) as site:
        monkeypatch.setattr(site.lookout, "look_at", lambda _: json.loads("{the-secret-in-it"))
        page = site.visit().get("/accounts/sales/crm")
    assert page.status_code == 500
    assert "JSONDecodeError" in page.text
    assert "the-secret-in-it" not in page.text + site.log.getvalue()


def test_a_folder_that_is_not_there_is_a_usage_error(desk: Keyboard, tmp_path: Path):
    said = desk.run("serve", "-f", str(tmp_path / "nowhere"), "--listen", "127.0.0.1:0", expect=64)
    assert "no such file or folder" in said.err
