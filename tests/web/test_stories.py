"""The page in a real Chromium: what a person sees, presses and is told, on a desk and on a phone, by day and by night."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.sandbox import faults
from tests.cli.town import Town, account
from tests.web.browser import Person
from tests.web.served import Served

pytestmark = pytest.mark.chromium

People = Callable[..., Person]
ANA, BEN = "ana@example.com", "ben@example.com"


@pytest.fixture
def described(town: Town) -> Town:
    """With a purpose, as a manifest should have one."""
    file = town.desk.folder / "manifests/sales/crm.yaml"
    file.write_text(
        file.read_text().replace("provider: idp", "description: nightly report of deals, provider: idp")
    )
    return town


def connect(person: Person, served: Served, name: str = "sales/crm") -> None:
    person.opens(f"{served.url}/accounts/{name}/connect")
    person.presses("Continue to")


def test_a_person_connects_an_account_without_any_script(described: Town, served: Served, people: People):
    ana = people(script=False)
    ana.opens(served.url)
    ana.is_at("2 of 2 accounts need you.")
    ana.presses("Connect sales/crm")
    ana.sees("sales/crm will get access to profile")
    ana.sees("nightly report of deals")
    ana.presses("Continue to")
    ana.allows(ANA)
    ana.page.wait_for_url("**/result?**")
    ana.is_at("Connected.")
    ana.presses("To the account")
    ana.sees("Good until")
    assert described.read("reconciler/tokens/sales/crm")["access_token"]


@pytest.mark.slow
def test_a_person_filters_the_list_by_keyboard_alone(served: Served, people: People):
    ana = people()
    ana.opens(served.url)
    press = ana.page.keyboard.press
    press("Tab")
    assert ana.page.evaluate("document.activeElement.textContent") == "Skip to the content"
    ana.page.get_by_label("Search").focus()
    ana.page.keyboard.type("ben")
    press("Enter")
    ana.page.wait_for_url("**/?q=ben**")
    ana.sees("sales/mail")
    assert "sales/crm" not in ana.text()
    ana.page.get_by_text("More filters").focus()
    press("Enter")
    ana.page.get_by_label("Owner").fill("nobody")
    press("Enter")
    ana.sees("No account is like that.")
    ana.presses("Show all accounts")
    ana.page.select_option("#state", "needs-you")
    ana.presses("Show")
    ana.sees("1 to 2 of 2")


@pytest.mark.slow
def test_a_person_who_denies_may_try_again_at_once(served: Served, people: People):
    ana = people()
    connect(ana, served)
    ana.denies()
    ana.page.wait_for_url("**/result?**")
    ana.is_at("Access was not given.")
    ana.sees("nothing was changed")
    ana.presses("Try again")
    ana.presses("Continue to")
    ana.allows(ANA)
    ana.page.wait_for_url("**/result?**")
    ana.is_at("Connected.")


@pytest.mark.slow
def test_the_wrong_person_is_told_who_is_meant(town: Town, served: Served, people: People):
    town.desk.write(
        "sales/idp.yaml",
        (town.desk.folder / "manifests/sales/idp.yaml").read_text() + "    identity: {source: userinfo}\n",
    )
    text = account("crm", scopes="openid, profile, offline_access").replace(
        "owner:", f"identity: {ANA}, owner:"
    )
    town.desk.write("sales/crm.yaml", text)
    served.restart()
    mallory = people()
    mallory.opens(f"{served.url}/accounts/sales/crm/connect")
    mallory.sees(f"Sign in there as {ANA}: anybody else is refused.")
    mallory.presses("Continue to")
    mallory.allows("mallory@example.com")
    mallory.page.wait_for_url("**/result?**")
    mallory.is_at("It is not connected.")
    mallory.sees(f"mallory@example.com consented, not {ANA}")
    mallory.sees(f"Sign in as {ANA}")
    mallory.picture("wrong-person")


def test_two_tabs_at_once_and_the_back_button(served: Served, people: People):
    ana = people()
    connect(ana, served)
    ana.page.wait_for_url("**/authorize?**")
    second = Person(ana.page.context.new_page())
    connect(second, served, "sales/mail")
    second.allows(BEN)
    second.page.wait_for_url("**/result?**")
    second.is_at("Connected.")
    ana.allows(ANA)
    ana.page.wait_for_url("**/result?**")
    ana.is_at("Connected.")
    ana.page.go_back()
    assert "/callback" not in ana.page.url, "the code is in nobody's history"
    ana.opens(f"{served.url}/accounts/sales/crm")
    ana.sees("Good until")


@pytest.mark.slow
def test_the_back_button_at_the_provider_leads_to_our_page_and_one_may_go_on(served: Served, people: People):
    ana = people()
    connect(ana, served)
    ana.page.wait_for_url("**/authorize?**")
    ana.page.go_back()
    ana.page.wait_for_url("**/connect")
    ana.presses("Continue to")
    ana.allows(ANA)
    ana.page.wait_for_url("**/result?**")
    ana.is_at("Connected.")


@pytest.mark.slow
def test_the_server_is_started_again_in_the_middle(served: Served, people: People):
    ana = people()
    connect(ana, served)
    ana.page.wait_for_url("**/authorize?**")
    served.restart()
    ana.allows(ANA)
    ana.page.wait_for_url("**/result?**")
    ana.is_at("Connected.")


@pytest.mark.slow
def test_a_provider_that_does_not_answer_is_told_in_words(town: Town, served: Served, people: People):
    ana = people()
    connect(ana, served)
    ana.page.wait_for_url("**/authorize?**")
    town.sandbox.add_fault(faults.html_answer("token", status=502))
    ana.allows(ANA)
    ana.page.wait_for_url("**/result?**")
    ana.is_at("It is not connected.")
    ana.sees("Try again")
    ana.picture("provider-fails")


@pytest.mark.slow
def test_a_link_is_opened_used_and_opened_again(town: Town, served: Served, people: People):
    flags = ("--accounts-url", served.url, "--print")
    url = town.desk.run("consent-link", "sales/crm", *flags, expect=0).out.strip()
    ana = people(phone=True)
    ana.opens(url)
    ana.picture("link-phone")
    ana.presses("Continue to")
    ana.allows(ANA)
    ana.page.wait_for_url("**/result?**")
    ana.is_at("Connected.")
    ana.opens(url)
    ana.is_at("This link was used already.")
    ana.picture("link-used-phone")


@pytest.mark.parametrize(
    "look",
    ["desk", pytest.param("dark", marks=pytest.mark.slow), pytest.param("phone", marks=pytest.mark.slow)],
)
def test_every_page_passes_axe_and_is_pictured(town: Town, served: Served, people: People, look: str):
    """A story in pictures: what needs a person, on a desk, on a phone and in the dark."""
    town.desk.write(
        "sales/feed.yaml",
        account("feed", owner="eva@example.com").replace("{provider", "{expires: 2026-12-09, provider"),
    )
    town.desk.write("sales/old.yaml", account("old").replace("{provider", "{suspend: true, provider"))
    for name in ("feed", "crm"):
        town.consent(name)
    file = town.desk.folder / "manifests/sales/crm.yaml"
    file.write_text(file.read_text().replace("profile,", "profile, email,"))
    town.desk.write("sales/bad.yaml", account("bad").replace("provider: idp", "provder: idp"))
    served.restart()
    link = town.desk.run(
        "consent-link", "mail", "--accounts-url", served.url, "--print", expect=0
    ).out.strip()
    pages = {
        "list": "/",
        "list-filtered": "/?owner=nobody&q=x",
        "account": "/accounts/sales/crm",
        "connect": "/accounts/sales/mail/connect",
        "connect-again": "/accounts/sales/crm/connect",
        "account-suspended": "/accounts/sales/old",
        "account-misconfigured": "/accounts/sales/bad",
        "link": link.removeprefix(served.url),
        "link-broken": "/c/none",
        "not-found": "/nowhere",
        "callback-stray": "/callback?code=x&state=y",
    }
    found: dict[str, list[str]] = {}
    ana = people(**({} if look == "desk" else {look: True}))
    for name, path in pages.items():
        ana.opens(served.url + path)
        ana.picture(f"{name}-{look}")
        if wrong := ana.violations():
            found[name] = wrong
        assert ana.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
    assert found == {}
