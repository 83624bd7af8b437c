"""The Accounts page shows no secret: not in a page, a header, a cookie's clear text or a log line, whatever went wrong."""

from __future__ import annotations

from urllib.parse import quote

from reconciler.model.secret import Secret
from reconciler.web.access import parse_rule
from reconciler.web.site import LoginMode, ProxySettings, SiteSettings, parse_public
from tests.canaries.cage import Cage
from tests.canaries.forms import canary, leaks
from tests.web.site_world import PUBLIC, SiteWorld, Visit, asked, opened, provider_link

PAGES = (
    "/", "/?q=crm", "/accounts/sales/crm", "/accounts/sales/feed", "/accounts/sales/robot",
    "/accounts/sales/crm/connect", "/accounts/sales/feed/connect", "/accounts/sales/nobody", "/c/none", "/healthz",
)  # fmt: skip


def come_back(cage: Cage, visit: Visit, account: str, **answer: str) -> None:
    """Connect, and an answer of the provider with a code that is a canary; `answer` replaces parts of it."""
    page = visit.press(f"/accounts/{account}/connect")
    question = asked(provider_link(page))
    # The state must be in the link that leads to the provider, and is a secret everywhere else.
    visit.said = [text for text in visit.said if question["state"] not in text]
    code = canary("code")
    cage.planted |= {f"code-{len(cage.planted)}": code, f"state-{len(cage.planted)}": question["state"]}
    back = {"code": code, "state": question["state"], **answer}
    visit.come_back(
        "/callback?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in back.items())
    )


def look_everywhere(visit: Visit) -> None:
    for page in PAGES:
        visit.get(page)


def assert_silent(cage: Cage, site: SiteWorld, *visits: Visit, **more: str) -> None:
    key = cage.read("reconciler/meta/web-key")["key"]
    secrets = {**cage.secrets, "web-key": key, **more}
    for visit in visits:
        for text in visit.said:
            assert leaks(text, secrets) == [], text
    assert leaks(site.log.getvalue(), secrets) == []


def test_pages_of_a_whole_life_show_no_secret(cage: Cage):
    cage.run("reconcile", expect=0)
    with opened(cage.desk) as site:
        ana = site.visit()
        look_everywhere(ana)
        come_back(cage, ana, "sales/crm")
        come_back(cage, ana, "sales/feed")
        cage.run("refresh", "--force")
        site.lookout.look_again()
        site.lookout.tick()
        look_everywhere(ana)
        assert_silent(cage, site, ana)
        assert cage.read("reconciler/grants/sales/crm")["refresh_token"]
    cage.assert_no_file_holds_one()


def test_a_provider_that_repeats_everything_it_heard_shows_nothing(cage: Cage):
    """In an error's words, in a callback that it makes up, and in answers of every kind to the exchange."""
    cage.settle()
    with opened(cage.desk) as site:
        ana = site.visit()
        heard = cage.parrot.newest()
        come_back(cage, ana, "sales/crm", error="access_denied", error_description=heard, code="")
        come_back(cage, ana, "sales/crm", error=heard, code="")
        come_back(cage, ana, "sales/crm", iss=heard)
        ana.come_back(f"/callback?state={quote(heard, safe='')}&code={quote(heard, safe='')}")
        ana.get(f"/?q={'x' * 300}&owner=nobody")
        look_everywhere(ana)
        assert_silent(cage, site, ana)


def test_a_link_of_the_page_is_in_no_page_and_no_log(cage: Cage):
    cage.run("reconcile", expect=0)
    url = cage.desk.run(
        "consent-link", "sales/crm", "--accounts-url", PUBLIC, "--print", expect=0
    ).out.strip()
    link = url.rpartition("/")[2]
    with opened(cage.desk) as site:
        ana = site.visit()
        ana.get(f"/c/{link}")
        look_everywhere(ana)
        assert_silent(cage, site, ana, link=link)


def test_the_proxys_secret_is_shown_to_nobody(cage: Cage):
    secret = canary("proxy")
    settings = SiteSettings(
        listen=("127.0.0.1", 8080),
        public=parse_public(PUBLIC),
        login=LoginMode.PROXY,
        rules=(parse_rule("domain:example.com=*"),),
        proxy=ProxySettings(Secret(secret)),
    )
    assert secret not in repr(settings)
    with opened(cage.desk, settings=settings) as site:
        ana, stranger = site.visit(), site.visit()
        ana.headers = {"X_Proxy_Secret": secret, "X_Forwarded_Email": "ana@example.com"}
        stranger.headers = {"X_Proxy_Secret": secret + "x", "X_Forwarded_Email": "ana@example.com"}
        look_everywhere(ana)
        look_everywhere(stranger)
        assert_silent(cage, site, ana, stranger, proxy=secret)
    said = cage.desk.run(
        "serve", "--login", "proxy", "--allow", "nonsense", expect=64, RECONCILER_PROXY_SECRET=secret
    )
    assert leaks(said.out + said.err, {"proxy": secret}) == []
