"""`plan --out` and `reconcile --plan`: what was reviewed is what is done, and what has moved is refused."""

from __future__ import annotations

import json

import pytest

from tests.cli.town import CLIENT_PATH, Town, account


def test_a_saved_plan_is_carried_out(town: Town):
    shown = town.desk.run("plan", expect=0)
    assert town.desk.run("plan", "--out", "saved.plan", expect=0).out == shown.out
    town.desk.run("reconcile", "--plan", "saved.plan", expect=0)
    town.consent("crm")
    assert town.desk.run("plan", "-o", "json", expect=0).json["changes"] == []


def test_a_saved_plan_does_not_do_what_was_declared_after_it(town: Town):
    town.desk.run("plan", "--out", "saved.plan", expect=0)
    town.desk.write("sales/feed.yaml", account("feed"))
    results = town.result("reconcile", "--plan", "saved.plan")
    assert results["account/sales/feed"]["outcome"] == "skipped"
    assert results["account/sales/crm"]["outcome"] == "done"
    assert not town.rows("tokens/sales/feed")


def test_a_plan_that_somebody_else_has_carried_out_meanwhile_has_nothing_left_to_do(town: Town):
    town.desk.run("plan", "--out", "saved.plan", expect=0)
    town.desk.run("reconcile", expect=0)
    before = town.rows()
    assert "Done: nothing to do." in town.desk.run("reconcile", "--plan", "saved.plan", expect=0).out
    assert town.rows() == before


def test_a_client_secret_that_moved_makes_the_plan_stale(town: Town):
    town.settle("crm")
    town.put_secret(CLIENT_PATH, "second-secret-of-the-team")
    town.desk.run("plan", "--out", "saved.plan", expect=0)
    town.put_secret(CLIENT_PATH, "third-secret-of-the-team")
    before = town.rows("/idp")
    town.desk.run("reconcile", "--plan", "saved.plan", expect=6)
    assert town.rows("/idp") == before


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", "not a plan", '{"format_version": 99}', "[" * 50_000]
)
def test_a_file_that_is_no_plan_is_a_usage_error(town: Town, text: str):
    (town.desk.folder / "saved.plan").write_text(text)
    before = town.rows()
    said = town.desk.run("reconcile", "--plan", "saved.plan", expect=64)
    assert said.err.startswith("error: ")
    assert said.out == ""
    assert town.rows() == before


def test_a_plan_that_was_tampered_with_does_nothing_that_the_manifests_do_not_say(town: Town):
    town.desk.run("plan", "--out", "saved.plan", expect=0)
    path = town.desk.folder / "saved.plan"
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document).replace("provider/sales/idp", "provider/sales/other"))
    results = town.result("reconcile", "--plan", "saved.plan")
    assert results["provider/sales/idp"]["outcome"] == "skipped"
    assert not town.rows("sales/other")


def test_a_plan_that_cannot_be_written_leaves_no_draft_behind(town: Town):
    (town.desk.folder / "out").mkdir()
    (town.desk.folder / "out/saved.plan").mkdir()
    said = town.desk.run("plan", "--out", "out/saved.plan")
    assert said.code == 64, said
    assert [path.name for path in (town.desk.folder / "out").iterdir()] == ["saved.plan"]
