"""Consent links: whose they are, what they open, and when they open nothing any more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from jsonschema import Draft202012Validator

from reconciler.adapters.system import SystemClock
from reconciler.decide.consent_link import ConsentLink, read_link, sign_link
from reconciler.engine.used_marks import Claim, claim
from reconciler.engine.web_key import web_key
from reconciler.model.names import account_address
from reconciler.model.store_path import StorePath
from reconciler.report.contract import schema_of
from reconciler.sandbox import person
from reconciler.web.access import parse_rule
from reconciler.web.site import LoginMode, OidcSettings, SiteSettings, parse_public
from tests.cli.town import Town
from tests.web.site_world import PUBLIC, SiteWorld, heading, local, opened, provider_link

ANA = "ana@example.com"
KEY = bytes(range(32))
LINK = ConsentLink("ab" * 16, account_address("sales", "crm"), "digest", datetime(2030, 1, 1, tzinfo=UTC))
BEHIND_A_LOGIN = SiteSettings(
    listen=("127.0.0.1", 8080),
    public=parse_public(PUBLIC),
    login=LoginMode.OIDC,
    rules=(parse_rule("domain:example.com=*"),),
    oidc=OidcSettings("http://127.0.0.1:1", "page", None),
)


class LaterClock(SystemClock):
    """This machine's clock, some time ahead."""

    def __init__(self, ahead: timedelta) -> None:
        super().__init__(threading.Event())
        self.ahead = ahead

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def site(town: Town) -> Iterator[SiteWorld]:
    """A page that wants a login, which nobody here has."""
    with opened(town.desk, settings=BEHIND_A_LOGIN) as world:
        yield world


def link(town: Town, account: str = "sales/crm", *flags: str, expect: int = 0) -> str:
    said = town.desk.run("consent-link", account, "--accounts-url", PUBLIC, "--print", *flags, expect=expect)
    return said.out.strip()


# ------------------------------------------------------------------------------------------------------------- the text


def test_a_link_says_what_was_signed():
    assert read_link(sign_link(LINK, key=KEY), key=KEY) == LINK


def test_a_link_of_another_key_is_none():
    assert read_link(sign_link(LINK, key=KEY), key=bytes(32)) is None


def test_a_link_that_was_changed_anywhere_is_none():
    text = sign_link(LINK, key=KEY)
    for place in range(len(text)):
        other = "A" if text[place] != "A" else "B"
        changed = text[:place] + other + text[place + 1 :]
        # The last character's lowest bits may be padding, and mean nothing.
        assert place == len(text) - 1 or read_link(changed, key=KEY) is None, place


@pytest.mark.parametrize("text", ["", "x", "é" * 60, "-" * 500, "A" * 60, "../" * 20])
def test_any_other_text_is_no_link(text: str):
    assert read_link(text, key=KEY) is None


# ----------------------------------------------------------------------------------------------------------- the command


def test_the_command_prints_the_link_alone_and_warns_beside_it(town: Town):
    said = town.desk.run("consent-link", "crm", "--accounts-url", PUBLIC, "--print", expect=0)
    assert said.out.startswith(f"{PUBLIC}/c/")
    assert said.out.count("\n") == 1
    assert "whoever has it can connect the account" in said.err
    assert "ana@example.com" in said.err


def test_the_document_has_the_published_shape(town: Town):
    said = town.desk.run("consent-link", "crm", "--accounts-url", PUBLIC, "--print", "-o", "json", expect=0)
    Draft202012Validator(schema_of("consent-link")).validate(said.json)
    assert said.json["url"].startswith(PUBLIC)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("nobody",), "nobody"),
        (("crm", "--valid", "31d"), "between 1m and 30d"),
        (("crm", "--accounts-url", "http://accounts.example.com"), "https"),
        (("crm", "--accounts-url", "https://accounts.example.com/path"), "without a path"),
    ],
)
def test_what_makes_no_link_is_said(town: Town, flags: tuple[str, ...], words: str):
    said = town.desk.run("consent-link", "--accounts-url", PUBLIC, *flags, "--print", expect=64)
    assert words in said.err
    assert said.out == ""


def test_a_link_is_made_only_where_the_provider_would_come_back(town: Town):
    said = town.desk.run(
        "consent-link", "crm", "--accounts-url", "https://accounts.example.com", "--print", expect=4
    )
    assert "none of its redirect URIs" in said.err


def test_a_link_is_made_for_an_e_mail_address_alone(town: Town):
    file = town.desk.folder / "manifests/sales/crm.yaml"
    file.write_text(file.read_text().replace("ana@example.com", "the-night-team"))
    said = town.desk.run("consent-link", "crm", "--accounts-url", PUBLIC, "--print", expect=4)
    assert "no e-mail address" in said.err


def test_the_links_that_are_open_are_listed_without_the_links(town: Town):
    urls = [link(town), link(town, "sales/mail", "--valid", "1h")]
    said = town.desk.run("consent-link", "--list", expect=0)
    first, second = said.out.splitlines()
    assert first.startswith("sales/mail  for ben@example.com, made 20")
    assert second.startswith("sales/crm   for ana@example.com, made 20")
    assert not any(url.rpartition("/")[2] in said.out for url in urls)
    document = town.desk.run("consent-link", "--list", "-o", "json", expect=0).json
    Draft202012Validator(schema_of("consent-links")).validate(document)
    assert [one["address"] for one in document["links"]] == ["account/sales/mail", "account/sales/crm"]
    assert town.desk.run("consent-link", "crm", "--list", expect=0).out.count("\n") == 1


def test_a_link_that_was_used_or_has_expired_is_open_no_more(site: SiteWorld, town: Town):
    door = local(link(town))
    ana = site.visit()
    back = person.press_allow(provider_link(ana.press(door)), subject=ANA)
    assert heading(ana.come_back(back.replace("code=", "code=x"))) == "It is not connected."
    assert "ana@example.com" in town.desk.run("consent-link", "--list", expect=0).out, "it was given back"
    ana.come_back(person.press_allow(provider_link(ana.press(door)), subject=ANA))
    assert town.desk.run("consent-link", "--list", expect=0).out == "no consent link is open\n"


def test_a_link_that_was_withdrawn_opens_nothing_and_says_so(site: SiteWorld, town: Town):
    doors = [local(link(town)), local(link(town))]
    kept = local(link(town, "sales/mail"))
    ana = site.visit()
    begun = provider_link(ana.press(doors[0]))
    assert (
        town.desk.run("consent-link", "crm", "--withdraw", expect=0).out == "sales/crm: 2 links withdrawn\n"
    )
    for door in doors:
        page = site.visit().get(door)
        assert (page.status_code, heading(page)) == (410, "This link was withdrawn.")
    assert "was withdrawn" in ana.come_back(person.press_allow(begun, subject=ANA)).text
    assert town.read("reconciler/grants/sales/crm") == {}
    assert site.visit().get(kept).status_code == 200
    again = town.desk.run("consent-link", "crm", "--withdraw", "-o", "json", expect=0).json
    assert (again["withdrawn"], again["links"]) == (0, [])


def test_a_link_of_an_account_that_is_declared_no_more_can_be_withdrawn(town: Town):
    link(town)
    (town.desk.folder / "manifests/sales/crm.yaml").unlink()
    assert "1 link withdrawn" in town.desk.run("consent-link", "sales/crm", "--withdraw", expect=0).out


def test_a_link_that_is_just_being_used_is_not_withdrawn_under_its_owners_hands(site: SiteWorld, town: Town):
    said = read_link(link(town).rpartition("/")[2], key=web_key(site.back.run))
    assert said is not None
    assert isinstance(claim(site.back.run, said.mark, until=said.until), Claim)
    assert "is just being used" in town.desk.run("consent-link", "crm", "--withdraw", expect=6).err


@pytest.mark.parametrize("flags", [(), ("crm", "--list", "--withdraw"), ("--withdraw",)])
def test_what_is_not_asked_like_that_is_a_usage_error(town: Town, flags: tuple[str, ...]):
    town.desk.run("consent-link", *flags, expect=64)


# --------------------------------------------------------------------------------------------------------------- the page


def test_an_owner_without_a_login_consents_by_a_link(site: SiteWorld, town: Town):
    ana = site.visit()
    door = local(link(town))
    page = ana.get(door)
    assert "sales/crm</strong> will get access to" in page.text
    assert "works once" in page.text
    ended = ana.come_back(person.press_allow(provider_link(ana.press(door)), subject=ANA))
    assert heading(ended) == "Connected."
    assert "You may close this page." in ended.text
    assert town.desk.status("sales/crm")["state"] == "ready"


def test_a_link_opens_its_account_and_nothing_else(site: SiteWorld, town: Town):
    ana = site.visit()
    ana.get(local(link(town)))
    for path in ("/", "/accounts/sales/crm", "/accounts/sales/crm/connect", "/accounts/sales/mail/connect"):
        assert ana.get(path).headers["Location"].startswith("/login"), path


def test_a_link_that_is_only_opened_stays_good(site: SiteWorld, town: Town):
    """Mail scanners follow links, with GET and with HEAD."""
    door = local(link(town))
    for _ in range(3):
        assert site.visit().get(door).status_code == 200
        assert site.visit().client.head(door, base_url=PUBLIC).status_code == 200
    ana = site.visit()
    ended = ana.come_back(person.press_allow(provider_link(ana.press(door)), subject=ANA))
    assert heading(ended) == "Connected."


def test_a_link_is_used_up_by_the_consent_and_says_so(site: SiteWorld, town: Town):
    door = local(link(town))
    ana = site.visit()
    ana.come_back(person.press_allow(provider_link(ana.press(door)), subject=ANA))
    again = site.visit().get(door)
    assert (again.status_code, heading(again)) == (410, "This link was used already.")


def test_a_consent_that_was_denied_does_not_use_the_link_up(site: SiteWorld, town: Town):
    door = local(link(town))
    ana = site.visit()
    ended = ana.come_back(person.press_deny(provider_link(ana.press(door))))
    assert "open the link that you were sent once more" in ended.text
    ended = ana.come_back(person.press_allow(provider_link(ana.press(door)), subject=ANA))
    assert heading(ended) == "Connected."


def test_an_exchange_that_failed_gives_the_link_back(site: SiteWorld, town: Town):
    door = local(link(town))
    ana = site.visit()
    back = person.press_allow(provider_link(ana.press(door)), subject=ANA)
    assert heading(ana.come_back(back.replace("code=", "code=x"))) == "It is not connected."
    assert site.visit().get(door).status_code == 200


def test_of_two_tabs_with_one_link_the_first_that_comes_back_counts(site: SiteWorld, town: Town):
    door = local(link(town))
    ana = site.visit()
    first, second = provider_link(ana.press(door)), provider_link(ana.press(door))
    assert heading(ana.come_back(person.press_allow(first, subject=ANA))) == "Connected."
    before = town.read("reconciler/grants/sales/crm")
    ended = ana.come_back(person.press_allow(second, subject=ANA))
    assert "the link was used already" in ended.text.lower()
    assert town.read("reconciler/grants/sales/crm") == before


def test_an_expired_link_says_whom_to_ask(town: Town):
    door = local(link(town, "sales/crm", "--valid", "1h"))
    with opened(town.desk, settings=BEHIND_A_LOGIN, clock=LaterClock(timedelta(hours=2))) as site:
        page = site.visit().get(door)
    assert (page.status_code, heading(page)) == (410, "This link has expired.")
    assert "Ask whoever sent it" in page.text


def test_a_link_that_was_cut_by_a_mail_program_says_so(site: SiteWorld, town: Town):
    page = site.visit().get(local(link(town))[:-5])
    assert (page.status_code, heading(page)) == (404, "This link is none of ours.")


def test_a_link_is_bound_to_what_it_asks_for_and_to_nothing_else_of_the_manifest(site: SiteWorld, town: Town):
    door = local(link(town))
    file = town.desk.folder / "manifests/sales/crm.yaml"
    file.write_text(file.read_text().replace("provider: idp", "description: other words, provider: idp"))
    site.lookout.tick()
    assert site.visit().get(door).status_code == 200
    file.write_text(file.read_text().replace("profile", "email"))
    site.lookout.tick()
    page = site.visit().get(door)
    assert (page.status_code, heading(page)) == (
        410,
        "What this link asks for has changed since it was sent.",
    )


def test_links_and_sessions_end_with_the_pages_key(town: Town):
    door = local(link(town))
    with town.store() as store:
        store.delete_newest(StorePath(("reconciler", "meta", "web-key")))
    with opened(town.desk, settings=BEHIND_A_LOGIN) as site:
        assert site.visit().get(door).status_code == 404


# ------------------------------------------------------------------------------------------------------------ the reports


def test_reports_lead_to_the_page_itself_and_never_by_a_link_that_lets_somebody_in(town: Town):
    page = "https://accounts.acme.example"
    for verb in ("plan", "status", "reconcile", "refresh"):
        said = town.desk.run(verb, "-o", "markdown", "--accounts-url", page, expect=0)
        assert f"Grant access on the Accounts page: <{page}>" in said.out, verb
        assert "/c/" not in said.out
        assert page not in town.desk.run(verb, "-o", "markdown", expect=0).out
    refused = town.desk.run("plan", "-o", "markdown", "--accounts-url", f"{page}/?ticket=x", expect=64)
    assert "has a query" in refused.err


def test_a_report_that_needs_nobody_leads_nowhere(town: Town):
    town.settle("crm", "mail")
    said = town.desk.run(
        "plan", "-o", "markdown", "--accounts-url", "https://accounts.acme.example", expect=0
    )
    assert "accounts.acme.example" not in said.out
