"""`reconciler token`: the token and nothing else on stdout, refreshed only where it must and may be."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reconciler.model.secret import Document
from reconciler.model.store_path import StorePath
from reconciler.sandbox import faults
from tests.cli.test_documents import check
from tests.cli.town import Town


@pytest.fixture
def settled(town: Town) -> Town:
    town.settle("crm")
    return town


def exchanges(town: Town) -> int:
    return int(town.sandbox.counters()["exchanges"].get("refresh_token", 0))


def published(town: Town) -> str:
    token: str = town.read("reconciler/tokens/sales/crm")["access_token"]
    return token


def test_a_good_token_is_printed_as_it_is_and_nobody_is_asked(settled: Town):
    before = exchanges(settled)
    said = settled.desk.run("token", "sales/crm", expect=0)
    assert said.out == f"{published(settled)}\n"
    assert said.err == ""
    assert exchanges(settled) == before


@pytest.mark.parametrize("address", ["crm", "account/sales/crm", "sales/crm"])
def test_an_account_is_named_as_everywhere(settled: Town, address: str):
    assert settled.desk.run("token", address, expect=0).out.strip() == published(settled)


def test_without_manifests_the_full_name_is_enough(settled: Town, tmp_path: Path):
    (settled.desk.folder / "manifests").rename(tmp_path / "elsewhere")
    assert settled.desk.run("token", "sales/crm", expect=0).out.strip() == published(settled)
    said = settled.desk.run("token", "crm", expect=64)
    assert "no manifests" in said.err


def test_a_header_can_be_given_to_curl_by_stdin(settled: Town):
    out = settled.desk.run("token", "crm", "--header", expect=0).out
    assert out == f"Authorization: Bearer {published(settled)}\n"


def test_assignments_are_one_word_each_for_a_shell(settled: Town):
    out = settled.desk.run("token", "crm", "--env", expect=0).out
    names = ("ACCESS_TOKEN", "ACCESS_TOKEN_TYPE", "ACCESS_TOKEN_EXPIRES_AT", "ACCESS_TOKEN_SCOPE")
    script = out + "printf '%s|%s|%s|%s' " + " ".join(f'"${name}"' for name in names)
    shown = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.split("|")
    document = settled.read("reconciler/tokens/sales/crm")
    assert shown == [document["access_token"], "Bearer", document["expires_at"], document["scope"]]


def test_the_json_document_is_of_the_published_shape(settled: Town):
    document = settled.desk.run("token", "crm", "--json", expect=0).json
    check(document, "token")
    assert document["access_token"] == published(settled)
    assert document["address"] == "account/sales/crm"
    assert 3500 < document["expires_in"] <= 3600


def test_the_json_document_shows_the_identifiers_that_the_base_keeps_beside_the_token(settled: Town):
    assert settled.desk.run("token", "crm", "--json", expect=0).json["values"] == {}
    path = StorePath(("reconciler", "tokens", "sales", "crm"))
    with settled.store() as opened:
        stored = opened.read(path)
        assert stored.document is not None
        kept = {"realmId": "9130", "instance_url": "https://eu1.example"}
        document = {**settled.read(str(path)), "values": kept}
        opened.write(path, Document(document), cas=stored.version)
    found = settled.desk.run("token", "crm", "--json", expect=0).json
    check(found, "token")
    assert found["values"] == kept


@pytest.mark.parametrize("forms", [("--json", "--env"), ("--header", "--json"), ("--header", "--env")])
def test_two_forms_at_once_are_a_usage_error(settled: Town, forms: tuple[str, str]):
    said = settled.desk.run("token", "crm", *forms, expect=64)
    assert said.out == ""


def test_past_its_last_minutes_it_is_refreshed_first(settled: Town):
    old = published(settled)
    settled.age("crm", seconds=3400)
    before = exchanges(settled)
    said = settled.desk.run("token", "crm", expect=0)
    assert said.out.strip() == published(settled) != old
    assert exchanges(settled) == before + 1


def test_a_token_that_is_merely_due_is_left_to_reconcile(settled: Town):
    old = published(settled)
    settled.age("crm", seconds=2400)
    before = exchanges(settled)
    assert settled.desk.run("token", "crm", expect=0).out.strip() == published(settled)
    assert exchanges(settled) == before
    assert published(settled) == old


@pytest.mark.parametrize(("asked", "aged"), [("20m", 2700), ("50m", 900)])
def test_with_less_left_than_asked_for_it_is_refreshed_first(settled: Town, asked: str, aged: int):
    """Also where more than half of its life is asked for, which no schedule would call due."""
    settled.age("crm", seconds=aged)
    before = exchanges(settled)
    document = settled.desk.run("token", "crm", "--min-valid", asked, "--json", expect=0).json
    assert document["expires_in"] > 3500
    assert exchanges(settled) == before + 1


def test_with_enough_left_nobody_is_asked(settled: Town):
    settled.age("crm", seconds=900)
    before = exchanges(settled)
    settled.desk.run("token", "crm", "--min-valid", "40m", expect=0)
    assert exchanges(settled) == before


def test_more_than_a_tokens_life_is_asked_for_in_vain_and_costs_no_refresh(settled: Town):
    before = exchanges(settled)
    said = settled.desk.run("token", "crm", "--min-valid", "2h", expect=4)
    assert said.out == ""
    assert "a fresh one lives" in said.err
    assert exchanges(settled) == before


def test_a_refresh_that_fails_costs_nothing_while_the_token_lives(settled: Town):
    settled.age("crm", seconds=3400)
    settled.sandbox.add_fault(faults.html_answer("token", status=502, times=None))
    said = settled.desk.run("token", "crm", expect=0)
    assert said.out.strip() == published(settled)
    assert "token.not-refreshed" in said.err


def test_but_never_is_less_given_than_was_asked_for(settled: Town):
    settled.age("crm", seconds=3400)
    settled.sandbox.add_fault(faults.html_answer("token", status=502, times=None))
    said = settled.desk.run("token", "crm", "--min-valid", "10m", expect=4)
    assert said.out == ""
    assert "has 3 min left, and 10 min are asked for" in said.err


def test_a_dead_token_that_cannot_be_refreshed_from_here_says_where_it_can(settled: Town, tmp_path: Path):
    settled.age("crm", seconds=7200)
    (settled.desk.folder / "manifests").rename(tmp_path / "elsewhere")
    said = settled.desk.run("token", "sales/crm", expect=4)
    assert said.out == ""
    assert "is dead since 1 h" in said.err
    assert "reconciler refresh sales/crm" in said.err


def test_who_never_consented_is_asked_to(town: Town):
    town.desk.run("reconcile", expect=0)
    said = town.desk.run("token", "crm", expect=5)
    assert said.out == ""
    assert "hint: run: reconciler consent sales/crm" in said.err


def test_a_revoked_grant_needs_its_person(settled: Town):
    settled.sandbox.revoke_person("crm@example.com")
    settled.age("crm", seconds=7200)
    said = settled.desk.run("token", "crm", expect=5)
    assert "reconciler consent sales/crm" in said.err


def test_a_suspended_account_is_not_refreshed_for_it(settled: Town):
    path = settled.desk.folder / "manifests/sales/crm.yaml"
    path.write_text(path.read_text().replace("spec: {", "spec: {suspend: true, "))
    settled.desk.run("reconcile", expect=0)
    before = exchanges(settled)
    said = settled.desk.run("token", "crm", expect=4)
    assert said.out == ""
    assert "suspend" in said.err
    assert exchanges(settled) == before


def test_a_changed_endpoint_in_git_gets_no_refresh_token_through_it(settled: Town):
    settled.age("crm", seconds=7200)
    path = settled.desk.folder / "manifests/sales/idp.yaml"
    path.write_text(path.read_text() + "    endpoints: {token: https://elsewhere.example/token}\n")
    said = settled.desk.run("token", "crm", expect=3)
    assert said.out == ""
    assert "elsewhere.example" in said.err


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        (("nobody",), 64),
        (("sales/nobody",), 4),
        (("provider/sales/idp",), 64),
        ((), 64),
        (("crm", "--min-valid", "soon"), 64),
    ],
)
def test_what_leads_to_no_account_is_said(settled: Town, typed: tuple[str, ...], code: int):
    said = settled.desk.run("token", *typed, expect=code)
    assert said.out == ""
    assert said.err


def test_a_token_that_fits_no_header_is_handed_to_nobody(settled: Town):
    """A line break in it would make a second header, or a second shell word, of whatever follows."""
    path = StorePath(("reconciler", "tokens", "sales", "crm"))
    with settled.store() as store:
        stands = store.read(path)
        assert stands.document is not None
        odd = {**stands.document.plain(), "access_token": "abc\r\nX-Evil: 1"}
        store.write(path, Document(odd), cas=stands.version)
    said = settled.desk.run("token", "crm", expect=4)
    assert said.out == ""
    assert "X-Evil" not in said.err


def test_a_store_that_was_never_made_is_said_to_be_none(desk):
    said = desk.run("token", "sales/crm", expect=8)
    assert "init-store" in said.err
