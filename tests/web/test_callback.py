"""What comes back from a provider, or pretends to: each attack ends in words, and nothing is stored (RFC 9700)."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from reconciler.sandbox import person
from tests.cli.town import CLIENT_PATH, Town
from tests.web.site_world import SiteWorld, asked, heading, local, opened

ANA = "ana@example.com"


@pytest.fixture
def site(town: Town) -> Iterator[SiteWorld]:
    with opened(town.desk) as world:
        yield world


def stored(town: Town) -> bool:
    return bool(town.read("reconciler/grants/sales/crm"))


def test_a_person_who_allows_it_is_told_so_and_the_grant_is_stored(site: SiteWorld, town: Town):
    ended = site.visit().connect("sales/crm", subject=ANA)
    assert heading(ended) == "Connected."
    assert town.read("reconciler/grants/sales/crm")["refresh_token"]
    assert town.desk.status("sales/crm")["state"] == "ready"


def test_the_request_has_pkce_and_a_state_and_comes_back_to_this_page(site: SiteWorld):
    one, other = asked(site.visit().begin("sales/crm")), asked(site.visit().begin("sales/crm"))
    assert one["code_challenge_method"] == "S256"
    assert one["redirect_uri"] == "http://127.0.0.1:8080/callback"
    assert one["state"] != other["state"]
    assert one["code_challenge"] != other["code_challenge"]


def test_a_person_who_denies_it_is_told_that_nothing_changed(site: SiteWorld, town: Town):
    ana = site.visit()
    ended = ana.come_back(person.press_deny(ana.begin("sales/crm")))
    assert heading(ended) == "Access was not given."
    assert "nothing was changed" in ended.text
    assert "Try again" in ended.text
    assert not stored(town)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda url: url.replace("state=", "was="), "no single `state`"),
        (lambda url: url + "&state=another", "no single `state`"),
        (lambda url: url.replace("state=", "state=x"), "no consent that this browser began"),
        (lambda url: url + "&code=another", "twice"),
        (lambda url: url.replace("iss=", "iss=" + quote("https://evil.example/", safe="")), "another issuer"),
        (lambda url: url.replace("iss=", "was="), "lacks `iss`"),
        (lambda url: url + "&iss=https%3A%2F%2Fevil.example", "twice"),
        (lambda url: url + "&error=access_denied", "an error and a code"),
        (lambda url: url.replace("code=", "was="), "neither a code nor an error"),
        (lambda url: url.partition("?")[0], "no single `state`"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_callback_that_is_wrong_in_one_part_stores_nothing(site: SiteWorld, town: Town, change, words: str):
    ana = site.visit()
    back = person.press_allow(ana.begin("sales/crm"), subject=ANA)
    ended = ana.come_back(change(back))
    assert words in ended.text.replace("&#39;", "'")
    assert heading(ended) == "It is not connected."
    assert not stored(town)


def test_an_answer_that_came_to_another_providers_address_is_a_mix_up(town: Town):
    """RFC 9700 §4.4.2: a server that leads people on to another one gets that one's answer at that one's address."""
    with_an_address_of_its_own(town)
    with opened(town.desk) as site:
        ana = site.visit()
        link = ana.begin("sales/crm")
        assert asked(link)["redirect_uri"] == "http://127.0.0.1:8080/callback/sales/idp"
        back = person.press_allow(link, subject=ANA)
        for elsewhere in ("/callback", "/callback/sales/other", "/callback/sales/idp/"):
            ended = ana.come_back(back.replace("/callback/sales/idp", elsewhere))
            assert "Connected" not in ended.text
            assert not stored(town)
            assert "authorization_code" not in town.sandbox.counters()["exchanges"]
            ana, back = (again := site.visit()), person.press_allow(again.begin("sales/crm"), subject=ANA)
        assert heading(ana.come_back(back)) == "Connected."


def test_an_injected_code_of_another_persons_consent_is_refused_by_pkce(site: SiteWorld, town: Town):
    victim, attacker = site.visit(), site.visit()
    mine = asked(person.press_allow(victim.begin("sales/crm"), subject=ANA))
    theirs = asked(person.press_allow(attacker.begin("sales/crm"), subject="mallory@example.com"))
    forged = f"/callback?code={theirs['code']}&state={mine['state']}&iss={quote(mine['iss'], safe='')}"
    assert "could not be exchanged" in victim.come_back(forged).text
    assert not stored(town)


def test_a_callback_works_once(site: SiteWorld, town: Town):
    ana = site.visit()
    back = person.press_allow(ana.begin("sales/crm"), subject=ANA)
    assert heading(ana.come_back(back)) == "Connected."
    again = ana.come_back(back)
    assert heading(again) == "It is not connected."
    assert town.sandbox.counters()["exchanges"]["authorization_code"] == 1


def test_a_replayed_callback_with_a_kept_cookie_is_refused_before_anything_is_sent(
    site: SiteWorld, town: Town
):
    """Somebody who copied the browser's cookies has the sealed consent, and still may not use it again."""
    ana = site.visit()
    back = person.press_allow(ana.begin("sales/crm"), subject=ANA)
    kept = [cookie for cookie in ana.cookies() if cookie.key.startswith("consent-")]
    ana.come_back(back)
    for cookie in kept:
        ana.client.set_cookie(cookie.key, cookie.value, path="/callback", domain="127.0.0.1")
    assert "used already" in ana.come_back(back).text
    assert town.sandbox.counters()["exchanges"]["authorization_code"] == 1


def test_another_browser_cannot_bring_the_answer_back(site: SiteWorld, town: Town):
    back = person.press_allow(site.visit().begin("sales/crm"), subject=ANA)
    assert "no consent that this browser began" in site.visit().come_back(back).text
    assert not stored(town)


def test_a_sealed_consent_in_another_session_is_none(site: SiteWorld, town: Town):
    """A cookie that an attacker's page of a neighbour domain planted does not fit the victim's session."""
    mallory, ana = site.visit(), site.visit()
    back = person.press_allow(mallory.begin("sales/crm"), subject="mallory@example.com")
    ana.get("/")
    for cookie in mallory.cookies():
        if cookie.key.startswith("consent-"):
            ana.client.set_cookie(cookie.key, cookie.value, path="/callback", domain="127.0.0.1")
    assert "no consent that this browser began" in ana.come_back(back).text
    assert not stored(town)


@pytest.mark.parametrize("method", ["POST", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_only_a_get_ends_a_consent(site: SiteWorld, town: Town, method: str):
    ana = site.visit()
    back = local(person.press_allow(ana.begin("sales/crm"), subject=ANA))
    refused = ana.client.open(back, method=method, base_url="http://127.0.0.1:8080")
    assert refused.status_code in (200, 403, 405)
    assert "Location" not in refused.headers
    assert not stored(town)
    assert heading(ana.come_back(back)) == "Connected."


def test_two_tabs_have_a_consent_each(site: SiteWorld, town: Town):
    ana = site.visit()
    first, second = ana.begin("sales/crm"), ana.begin("sales/mail")
    assert heading(ana.come_back(person.press_allow(second, subject="ben@example.com"))) == "Connected."
    assert heading(ana.come_back(person.press_allow(first, subject=ANA))) == "Connected."
    assert town.read("reconciler/grants/sales/mail")["refresh_token"]


def test_the_server_may_be_started_again_in_the_middle(town: Town):
    with opened(town.desk) as before:
        ana = before.visit()
        link = ana.begin("sales/crm")
        cookies = list(ana.cookies())
    back = person.press_allow(link, subject=ANA)
    with opened(town.desk) as after:
        same = after.visit()
        for cookie in cookies:
            same.client.set_cookie(cookie.key, cookie.value, path=cookie.path, domain="127.0.0.1")
        assert heading(same.come_back(back)) == "Connected."


def test_another_person_than_last_time_is_refused_and_the_old_grant_stays(town: Town):
    declare_identity(town)
    with opened(town.desk) as site:
        assert heading(site.visit().connect("sales/crm", subject=ANA)) == "Connected."
        before = town.read("reconciler/grants/sales/crm")
        ended = site.visit().connect("sales/crm", subject="mallory@example.com")
        assert heading(ended) == "It is not connected."
        assert "mallory@example.com" in ended.text
        assert town.read("reconciler/grants/sales/crm") == before


def test_another_person_than_the_owner_is_refused_where_the_provider_vouches_for_addresses(town: Town):
    declare_identity(town, scopes="openid, email,")
    with opened(town.desk) as site:
        ended = site.visit().connect("sales/crm", subject="mallory@example.com")
        assert heading(ended) == "It is not connected."
        assert "mallory@example.com consented, and the account&#39;s owner is ana@example.com" in ended.text
        assert "Sign in as ana@example.com and try again" in ended.text
        assert not stored(town)
        assert heading(site.visit().connect("sales/crm", subject=ANA)) == "Connected."


def test_scopes_that_were_unticked_are_named_at_once(site: SiteWorld):
    ana = site.visit()
    back = person.press_allow(ana.begin("sales/crm"), subject=ANA, scopes=["offline_access"])
    ended = ana.come_back(back)
    assert heading(ended) == "Connected, but not all was granted."
    assert "Not granted: profile" in ended.text


def test_what_the_account_asks_for_may_not_change_in_between(site: SiteWorld, town: Town):
    ana = site.visit()
    back = person.press_allow(ana.begin("sales/crm"), subject=ANA)
    path = town.desk.folder / "manifests/sales/crm.yaml"
    path.write_text(path.read_text().replace("profile", "email"))
    site.lookout.tick()
    assert "has changed since it was begun" in ana.come_back(back).text
    assert not stored(town)


def declare_identity(town: Town, *, scopes: str = "openid, profile,") -> None:
    path = town.desk.folder / "manifests/sales/idp.yaml"
    path.write_text(path.read_text() + "    identity: {source: userinfo, emailClaim: email}\n")
    for name in ("crm", "mail"):
        file = town.desk.folder / f"manifests/sales/{name}.yaml"
        file.write_text(file.read_text().replace("[profile,", f"[{scopes}"))
    town.desk.run("reconcile")


def with_an_address_of_its_own(town: Town) -> None:
    """Another client of the team's, which the server sends back to the provider's own address at the page."""
    uri = "http://127.0.0.1/callback/sales/idp"
    client = town.sandbox.add_client(redirect_uris=[uri])
    path = town.desk.folder / "manifests/sales/idp.yaml"
    words = path.read_text().replace("http://127.0.0.1/callback", uri)
    path.write_text(words.replace(town.client["client_id"], client["client_id"]))
    town.put_secret(CLIENT_PATH, client["client_secret"])
    town.desk.run("reconcile", expect=0)
