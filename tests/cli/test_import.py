"""`import` as somebody types it who comes from another tool: what is taken, what is refused, and in which words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.keyboard import Keyboard
from tests.cli.town import Town


def brought(town: Town, person: str = "ana@example.com", **more: Any) -> str:
    """A token answer that another tool has kept."""
    client = town.client["client_id"]
    (token,) = town.sandbox.add_grants(client, subject=person, scopes=["profile", "offline_access"])
    return json.dumps({"refresh_token": token["refresh_token"], **more})


def test_a_token_of_another_tool_is_taken_over_and_kept_alive(town: Town):
    town.settle()
    said = town.desk.run("import", "sales/crm", stdin=brought(town), expect=0)
    assert said.out.startswith("+ account/sales/crm"), said.out
    assert "taken over and proved by a refresh, good until" in said.out
    assert "Done: 1 imported." in said.out
    found = town.desk.status("sales/crm")
    assert found["state"] == "ready"
    assert found["origin"]["kind"] == "imported"
    assert "@" in found["origin"]["by"]
    assert town.desk.run("refresh", "sales/crm", "--force", expect=0).err == ""
    assert town.desk.run("plan", "--detailed-exitcode", expect=0).code == 0


def test_who_brought_it_is_the_one_for_whom_ci_runs(town: Town):
    town.settle()
    actor = {"GITHUB_ACTOR": "octocat", "GITHUB_SHA": "c0ffee1234567"}
    town.desk.run("import", "sales/crm", stdin=brought(town), expect=0, **actor)
    assert town.desk.status("sales/crm")["origin"]["by"] == "octocat (commit c0ffee123456)"


def test_a_consent_is_an_origin_too(town: Town):
    town.settle("crm")
    origin = town.desk.status("sales/crm")["origin"]
    assert (origin["kind"], origin["by"]) == ("consented", None)
    assert town.desk.status("sales/mail")["origin"] is None


def test_a_grant_that_is_there_is_replaced_only_with_the_flag(town: Town):
    town.settle("crm")
    before = town.read("reconciler/grants/sales/crm")["refresh_token"]
    said = town.desk.run("import", "sales/crm", stdin=brought(town), expect=3)
    assert said.err == (
        "error: account/sales/crm: a grant stands there already\n"
        "  hint: if it is to be given up for the one on stdin: --replace (it stays as an older version)\n"
    )
    assert town.read("reconciler/grants/sales/crm")["refresh_token"] == before
    town.desk.run("import", "sales/crm", "--replace", stdin=brought(town), expect=0)
    assert town.read("reconciler/grants/sales/crm")["refresh_token"] != before


@pytest.mark.parametrize(
    ("stdin", "code", "words"),
    [
        ("", 64, "what came on stdin is no JSON object"),
        ("{}", 64, "has no refresh_token"),
        ('{"refreshToken": "never-shown-x"}', 64, "the key is called refresh_token, not refreshToken"),
        (
            '{"access_token": "never-shown-x", "expires_in": 60}',
            64,
            "without a refresh token is not taken over",
        ),
        ('{"refresh_token": "never-shown-x", "client_id": "another"}', 3, "given to another client"),
        ('{"refresh_token": "never-shown-x"}', 4, "refused by the provider"),
    ],
)
def test_wrong_input_is_told_in_words_and_never_repeated(town: Town, stdin: str, code: int, words: str):
    town.settle()
    said = town.desk.run("import", "sales/crm", stdin=stdin, expect=code)
    assert words in said.err + said.out
    assert "never-shown" not in said.err + said.out
    assert "hint" in said.err + said.out
    assert town.rows("tokens/sales/crm")["reconciler/tokens/sales/crm"][0] == 0, "nothing is published"


def test_an_account_that_nobody_declared_takes_nothing(town: Town):
    town.settle()
    said = town.desk.run("import", "sales/nobody", stdin=brought(town), expect=64)
    assert "sales/nobody" in said.err


def test_at_a_terminal_nobody_is_asked_to_type_a_token(town: Town):
    town.settle()
    said = town.desk.at_terminal("import", "sales/crm", answers=lambda seen: "never asked", expect=5)
    assert "expected on stdin, as JSON" in said.err


def test_before_its_provider_is_registered_nothing_is_stored(desk: Keyboard, town: Town):
    said = town.desk.run("import", "sales/crm", stdin=brought(town), expect=4)
    assert "it is not registered" in said.err
    assert town.rows("grants/") == {}
