"""`revoke` as somebody types it: what is said before, what is asked, what is left, and what `status` shows then."""

from __future__ import annotations

import pytest

from tests.cli.town import CLIENT_PATH, Town, account


def living(town: Town, name: str) -> bool:
    return bool(town.read(f"reconciler/tokens/sales/{name}"))


def test_a_person_is_told_what_will_end_and_agrees(town: Town):
    town.settle("crm", "mail")
    seen: list[str] = []

    def agrees(shown: str) -> str:
        seen.append(shown)
        return "y"

    said = town.desk.at_terminal("revoke", "sales/crm", answers=agrees, expect=0)
    assert seen[0].splitlines()[0] == (
        "account/sales/crm loses its grant: its workloads fail until its owner consents again"
    )
    assert "Revoke account/sales/crm?" in seen[0]
    assert "revoked at the provider; the published token is withdrawn" in said.out
    assert "Done: 1 revoked." in said.out
    assert (living(town, "crm"), living(town, "mail")) == (False, True)
    assert town.sandbox.list_grants(subject="crm@example.com")[-1]["alive"] is False
    found = town.desk.status("sales/crm")
    assert (found["state"], found["reason"]) == ("needs-consent", "RevokedHere")
    assert found["message"] == "revoked on purpose with 'reconciler revoke'"
    assert found["command"] == "reconciler consent sales/crm"


def test_a_person_who_says_no_revokes_nothing(town: Town):
    town.settle("crm")
    said = town.desk.at_terminal("revoke", "sales/crm", answers=lambda shown: "n", expect=1)
    assert "account/sales/crm: nothing was revoked" in said.err
    assert living(town, "crm")


def test_where_nobody_is_there_to_answer_yes_is_needed(town: Town):
    town.settle("crm")
    said = town.desk.run("revoke", "sales/crm", expect=5)
    assert said.err == (
        "error: account/sales/crm: nobody is there to say yes to its revocation\n"
        "  hint: if it is meant: reconciler revoke sales/crm --yes\n"
    )
    assert living(town, "crm")
    town.desk.run("revoke", "sales/crm", "--yes", expect=0)


def test_a_second_time_there_is_nothing_left_to_do(town: Town):
    town.settle("crm")
    town.desk.run("revoke", "sales/crm", "--yes", expect=0)
    said = town.desk.run("revoke", "sales/crm", "--yes", expect=0)
    assert "its grant was set aside before; nothing is published" in said.out


def test_the_owner_consents_again_and_all_is_well(town: Town):
    town.settle("crm")
    town.desk.run("revoke", "sales/crm", "--yes", expect=0)
    town.desk.run("reconcile", expect=0)
    town.consent("crm")
    assert town.desk.status("sales/crm")["state"] == "ready"


def test_a_protected_account_is_refused(town: Town):
    town.desk.write("sales/crm.yaml", account("crm").replace("owner:", "protect: true, owner:"))
    town.settle("crm")
    said = town.desk.run("revoke", "sales/crm", "--yes", expect=3)
    assert "account/sales/crm: it is protected" in said.err
    assert "manifests/sales/crm.yaml" in said.err
    assert living(town, "crm")


def test_a_provider_that_takes_back_everything_is_told_before_with_whom_else_it_hits(town: Town):
    file = town.desk.folder / "manifests/sales/idp.yaml"
    file.write_text(file.read_text() + "    revocation: {reach: app}\n")
    town.settle("crm", "mail")
    said = town.desk.run("revoke", "sales/crm", "--yes", expect=0)
    assert "its provider takes back all that this person granted to the app" in said.err
    assert "by the same person and app, and ended too: account/sales/mail" in said.err


@pytest.mark.parametrize(
    ("address", "code", "words"),
    [
        ("sales/nobody", 64, "there is no object 'sales/nobody'"),
        ("sales/mail", 0, "there is no grant to revoke"),
    ],
)
def test_wrong_input_is_told_in_words(town: Town, address: str, code: int, words: str):
    town.settle("crm")
    said = town.desk.run("revoke", address, "--yes", expect=code)
    assert words in said.out + said.err


def test_a_client_secret_that_is_wrong_leaves_everything_as_it_was(town: Town):
    town.settle("crm")
    town.put_secret(CLIENT_PATH, "a-wrong-one")
    said = town.desk.run("revoke", "sales/crm", "--yes", expect=4)
    assert "the provider did not take the grant back (HTTP 401)" in said.err
    assert living(town, "crm")
