"""The list and one account: what stands there, for whom, in which order, and what is found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.decide.health import Health
from reconciler.decide.status_view import AccountReport
from reconciler.engine.observe import observe
from reconciler.errors import StoreUnreachable
from reconciler.model.desired import Desired
from reconciler.model.names import account_address
from reconciler.model.observed import Observed
from reconciler.model.state import AccountState, Reason
from reconciler.model.store_path import Layout
from reconciler.ports import MetadataStore
from reconciler.web.rows import PAGE_ROWS, Query, Row, make_row, page_of, read_query, select
from reconciler.web.words import SHAPES, STATE_WORDS, headline, short_reason, summary
from tests.cli.town import Town, account
from tests.simulators.manifests import make_account
from tests.web.site_world import SiteWorld, heading, opened

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
S, R = AccountState, Reason


def health(state: AccountState, reason: Reason, **more: object) -> Health:
    return Health(account_address("sales", "crm"), state, reason, "as it is", **more)  # type: ignore[arg-type]  # by name


def row(
    name: str, *, namespace: str = "sales", provider: str = "provider/sales/idp", owner: str = "", **more
) -> Row:
    state = more.pop("state", S.READY)
    found = Health(account_address(namespace, name), state, more.pop("reason", R.FRESH), "", **more)
    report = AccountReport(found, provider, owner, "", "", "", "", (), None)
    return make_row(report, make_account(account_address(namespace, name)))


# ------------------------------------------------------------------------------------------------------------- the words


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (health(S.READY, R.FRESH, access_expires_at=NOW + timedelta(hours=3)), "Good until 15:00 UTC"),
        (health(S.READY, R.FRESH, access_expires_at=NOW + timedelta(days=6)), "Good until 3 Dec, 12:00 UTC"),
        (health(S.EXPIRING, R.REFRESH_TOKEN_EXPIRES_SOON, by=NOW + timedelta(days=12)), "Expires in 12 days"),
        (health(S.EXPIRED, R.MANUAL_EXPIRY, since=NOW - timedelta(days=2)), "Expired 2 days ago"),
        (health(S.EXPIRED, R.ACCESS_TOKEN_EXPIRED), "Expired: a refresh is due"),
        (health(S.NEEDS_CONSENT, R.SCOPES_WIDENED), "Consent needed: scopes were widened"),
        (health(S.PENDING_CONSENT, R.NEVER_CONSENTED), "Consent needed: nobody connected it yet"),
        (health(S.HELD, R.PROVIDER_INCIDENT), "Waiting: its provider has an incident"),
        (health(S.SUSPENDED, R.SUSPENDED), "Suspended"),
        (health(S.ORPHANED, R.NOT_DECLARED), "No longer declared"),
    ],
)
def test_a_state_is_told_as_a_person_would_say_it(found: Health, words: str):
    assert headline(found, NOW).words == words


def test_every_state_has_words_and_a_shape_and_no_two_tones_share_one():
    assert set(STATE_WORDS) == set(AccountState)
    assert len(set(SHAPES.values())) == len(SHAPES)
    for state in AccountState:
        assert headline(health(state, R.FRESH), NOW).shape in SHAPES.values()


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_can_be_said_in_a_clause(reason: Reason):
    assert short_reason(reason)


@pytest.mark.parametrize(
    ("needed", "total", "words"),
    [
        (2, 614, "2 of 614 accounts need you."),
        (1, 1, "1 of 1 account needs you."),
        (0, 10_000, "All is well: none of 10,000 accounts needs you."),
        (0, 0, "There are no accounts here yet."),
    ],
)
def test_the_sentence_above_the_list_counts(needed: int, total: int, words: str):
    assert summary(needed, total) == words


def test_the_sentence_is_not_content_while_accounts_wait_for_their_provider():
    assert summary(0, 614, waiting=500) == "None of 614 accounts needs you; 500 wait for their provider."
    assert summary(1, 614, waiting=1) == "1 of 614 accounts needs you; 1 waits for its provider."


# ------------------------------------------------------------------------------------------------------------ what is found


ROWS = (
    row("crm", owner="ana@example.com", state=S.NEEDS_CONSENT, reason=R.GRANT_REVOKED),
    row("mail", owner="ben@example.com", provider="provider/sales/other"),
    row("drive", namespace="marketing", owner="Ana@Example.com", by=NOW + timedelta(days=10)),
)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (Query(), ["crm", "mail", "drive"]),
        (Query(text="CRM"), ["crm"]),
        (Query(text="sales ben"), ["mail"]),
        (Query(text="grantrevoked"), ["crm"]),
        (Query(provider="provider/sales/other"), ["mail"]),
        (Query(namespace="marketing"), ["drive"]),
        (Query(owner="ana"), ["crm", "drive"]),
        (Query(state="needs-you"), ["crm"]),
        (Query(state="ready"), ["mail", "drive"]),
        (Query(within=14), ["drive"]),
        (Query(within=7), []),
        (Query(state="no-such-state"), []),
    ],
)
def test_a_query_finds_what_it_means(query: Query, found: list[str]):
    assert [str(one.address.name) for one in select(ROWS, query, now=NOW)] == found


@pytest.mark.parametrize("typed", ["", "x" * 5000, "-1", "1e9", "٣", "<script>", "\x00", "99999999999"])
def test_any_text_in_any_field_is_a_query(typed: str):
    names = ("q", "provider", "namespace", "owner", "state", "within", "page")
    query = read_query(dict.fromkeys(names, typed))
    assert query.page >= 1
    page_of(select(ROWS, query, now=NOW), query.page)


def test_a_list_is_cut_into_pages_and_a_page_that_is_not_there_is_the_last():
    many = [row(f"a{number:04}") for number in range(2 * PAGE_ROWS + 1)]
    assert [page_of(many, number).number for number in (1, 2, 3, 4, 999)] == [1, 2, 3, 3, 3]
    assert (page_of(many, 3).first, page_of(many, 3).last) == (101, 101)
    assert page_of([], 1).pages == 1


# --------------------------------------------------------------------------------------------------------------- the pages


@pytest.fixture
def site(town: Town) -> Iterator[SiteWorld]:
    with opened(town.desk) as world:
        yield world


def listed(page: str) -> list[str]:
    return re.findall(r'<a href="/accounts/([^"/]+/[^"/]+)"', page)


def test_the_list_begins_with_what_needs_a_person(town: Town):
    town.consent("crm")
    with opened(town.desk) as site:
        page = site.visit().get("/")
    assert heading(page) == "1 of 2 accounts needs you."
    assert listed(page.text) == ["sales/mail", "sales/crm"]
    assert "Good until" in page.text
    assert page.text.count(">Connect<") == 1


def test_filters_and_search_are_plain_addresses(site: SiteWorld):
    assert listed(site.visit().get("/?owner=ben").text) == ["sales/mail"]
    assert listed(site.visit().get("/?q=crm&state=pending-consent&namespace=sales").text) == ["sales/crm"]
    nothing = site.visit().get("/?q=nothing-like-it")
    assert "No account is like that." in nothing.text
    assert "Show all accounts" in nothing.text


def test_what_is_typed_into_the_search_is_shown_escaped(site: SiteWorld):
    page = site.visit().get("/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text


def test_an_account_shows_wanted_and_granted_scopes_and_its_history(town: Town):
    town.consent("crm")
    file = town.desk.folder / "manifests/sales/crm.yaml"
    file.write_text(file.read_text().replace("profile,", "profile, email,"))
    with opened(town.desk) as site:
        page = site.visit().get("/accounts/sales/crm")
    assert "Consent needed: scopes were widened" in page.text
    assert "wanted, not granted" in page.text
    assert page.text.count("granted</span>") >= 2
    assert "token published" in page.text
    assert "connected by a person" in page.text
    assert "The owner consents to the wider scopes" in page.text
    assert "Connect again" in page.text


def test_the_consent_page_says_who_gets_what_where_and_for_which_purpose(town: Town):
    file = town.desk.folder / "manifests/sales/crm.yaml"
    file.write_text(
        file.read_text().replace("provider: idp", "description: nightly report of deals, provider: idp")
    )
    with opened(town.desk) as site:
        page = site.visit().get("/accounts/sales/crm/connect")
    said = " ".join(re.sub(r"<[^>]+>", "", page.text).split())
    host = town.sandbox.url.partition("://")[2]
    assert (
        f"sales/crm will get access to profile of the account of ana@example.com at idp ({host}), "
        "for nightly report of deals." in said
    )


def test_an_account_that_does_not_exist_is_said_so(site: SiteWorld):
    for path in (
        "/accounts/sales/nobody",
        "/accounts/../x",
        "/accounts/sales/CRM",
        "/accounts/sales/nobody/connect",
    ):
        page = site.visit().get(path)
        assert page.status_code == 404, path


def test_a_manifest_that_changes_is_read_again(site: SiteWorld, town: Town):
    town.desk.write("sales/feed.yaml", account("feed"))
    site.lookout.tick()
    assert listed(site.visit().get("/").text) == ["sales/crm", "sales/feed", "sales/mail"]


def test_a_broken_manifest_is_told_with_its_place_and_the_others_go_on(site: SiteWorld, town: Town):
    town.desk.write("sales/feed.yaml", account("feed").replace("provider: idp", "provder: idp"))
    site.lookout.tick()
    page = site.visit().get("/")
    assert "problem" in page.text
    assert "feed.yaml:4" in page.text
    assert "Misconfigured: its manifest is invalid" in page.text
    assert set(listed(page.text)) == {"sales/crm", "sales/mail", "sales/feed"}


def test_a_checkout_that_is_swapped_by_a_link_is_noticed(town: Town, tmp_path):
    """As git-sync does it: a link is moved to another folder, with files of the same names, sizes and times."""
    first, second = (tmp_path / name for name in ("one", "two"))
    (town.desk.folder / "manifests").rename(first)
    (second / "sales").mkdir(parents=True)
    for file in (first / "sales").iterdir():
        (second / "sales" / file.name).write_text(
            file.read_text().replace("ana@example.com", "eva@example.com")
        )
    link = town.desk.folder / "manifests"
    link.symlink_to(first)
    with opened(town.desk) as site:
        assert "ana@example.com" in site.visit().get("/").text
        link.unlink()
        site.lookout.tick()
        assert "ana@example.com" in site.visit().get("/").text, "nothing is lost while the link is away"
        link.symlink_to(second)
        site.lookout.tick()
        assert "eva@example.com" in site.visit().get("/").text


def test_what_another_command_did_is_seen_when_somebody_asks(site: SiteWorld, town: Town):
    ana = site.visit()
    assert heading(ana.get("/")) == "2 of 2 accounts need you."
    town.consent("crm")
    assert ana.press("/").headers["Location"] == "/"
    site.lookout.tick()
    assert heading(ana.get("/")) == "1 of 2 accounts needs you."


def test_an_account_that_is_opened_is_looked_at_anew(site: SiteWorld, town: Town):
    ana = site.visit()
    town.consent("crm")
    assert "Good until" in ana.get("/accounts/sales/crm").text
    assert heading(ana.get("/")) == "1 of 2 accounts needs you.", "and the list knows it from then on"


def test_a_look_that_began_before_a_consent_does_not_undo_what_it_did(
    site: SiteWorld, town: Town, monkeypatch: pytest.MonkeyPatch
):
    ana, whole = site.visit(), observe

    def slowly(store: MetadataStore, layout: Layout, desired: Desired, **how: Any) -> Observed:
        seen = whole(store, layout, desired, **how)
        if "accounts" not in how:
            ana.connect("sales/crm", subject="ana@example.com")
        return seen

    monkeypatch.setattr("reconciler.web.lookout.observe", slowly)
    site.lookout.look_again()
    site.lookout.tick()
    assert heading(ana.get("/")) == "1 of 2 accounts needs you."


def test_a_trust_change_stands_above_everything_and_on_the_account(town: Town):
    town.settle("crm")
    file = town.desk.folder / "manifests/sales/idp.yaml"
    evil = "    endpoints: {token: 'http://127.0.0.1:9/token'}\n"
    file.write_text(file.read_text() + evil)
    with opened(town.desk) as site:
        ana = site.visit()
        for path in ("/", "/accounts/sales/crm"):
            page = ana.get(path).text
            assert "TRUST CHANGE" in page, path
            assert "http://127.0.0.1:9" in page
            assert "reconciler trust provider/sales/idp" in page
            assert "http://127.0.0.1:9" in page
        assert heading(ana.get("/")) == "None of 2 accounts needs you; 2 wait for their provider."
        assert "Connect again" not in ana.get("/accounts/sales/crm").text
        refused = ana.get("/accounts/sales/crm/connect")
        assert (refused.status_code, heading(refused)) == (409, "sales/crm cannot be connected now.")


def test_a_provider_that_does_not_come_back_here_is_said_before_anybody_is_sent_there(town: Town):
    file = town.desk.folder / "manifests/sales/idp.yaml"
    file.write_text(file.read_text().replace("http://127.0.0.1/callback", "http://127.0.0.1/elsewhere"))
    with opened(town.desk) as site:
        page = site.visit().get("/accounts/sales/crm/connect")
    assert page.status_code == 409
    assert "http://127.0.0.1:8080/callback is none of its redirect URIs" in page.text
    assert "idp.yaml" in page.text


def test_a_store_that_fails_later_leaves_the_last_look_and_says_how_old_it_is(
    site: SiteWorld, monkeypatch: pytest.MonkeyPatch
):
    def unreachable(*_: object, **__: object) -> None:
        raise StoreUnreachable("vault https://vault.example does not answer")

    with monkeypatch.context() as patch:
        patch.setattr("reconciler.web.lookout.observe", unreachable)
        site.lookout.look_again()
        site.lookout.tick()
        page = site.visit().get("/")
        assert "The store could not be read." in page.text
        assert "does not answer" in page.text
        assert listed(page.text) == ["sales/crm", "sales/mail"]
        opened_account = site.visit().get("/accounts/sales/crm")
        assert opened_account.status_code == 503
        assert heading(opened_account) == "The store cannot be used now."
    site.lookout.look_again()
    site.lookout.tick()
    assert "could not be read" not in site.visit().get("/").text


# ------------------------------------------------------------------------------------------- after the store was restored


def test_an_account_that_is_held_back_since_a_restore_says_so_and_has_a_button(town: Town):
    town.settle("crm")
    with opened(town.desk, frozen=datetime(2100, 1, 1, tzinfo=UTC)) as world:
        visit = world.visit()
        listed = visit.get("/").text
        assert re.search(r"Good until [^<]*; the store was restored: connect again", listed)
        assert 'href="/accounts/sales/crm/connect"' in listed
        one = visit.get("/accounts/sales/crm").text
        assert "frozen: its refresh token was stored before 2100-01-01" in one
        assert "Connect again" in one
    with opened(town.desk) as world:
        assert "the store was restored" not in world.visit().get("/").text


def test_a_dead_account_that_is_held_back_is_not_said_to_be_due(town: Town):
    town.settle("crm")
    town.age("crm", seconds=3700)
    with opened(town.desk, frozen=datetime(2100, 1, 1, tzinfo=UTC)) as world:
        listed = world.visit().get("/").text
        assert "Expired; the store was restored: connect again" in listed
        assert "a refresh is due" not in listed
