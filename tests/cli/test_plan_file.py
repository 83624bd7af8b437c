"""`plan --out` and `reconcile --plan`: what was reviewed is what is done, or it is refused."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from tests.cli.town import CLIENT_PATH, Town, account


def test_a_saved_plan_is_done_as_it_was_reviewed(town: Town):
    town.desk.run("plan", "--out", "plan.json", expect=0)
    town.desk.write("sales/late.yaml", account("late"))
    results = town.result("reconcile", "--plan", "plan.json", expect=0)
    assert results["provider/sales/idp"]["outcome"] == "done"
    assert results["account/sales/late"]["reason"] == "NotInPlan"


def test_what_has_moved_since_is_refused(town: Town):
    town.desk.run("plan", "--out", "plan.json", expect=0)
    town.put_secret(CLIENT_PATH, "another")
    said = town.desk.run("reconcile", "--plan", "plan.json", expect=6)
    assert "version 1 when the plan was saved, 2 now" in " ".join(said.out.split())


def test_a_saved_plan_holds_no_secret(town: Town):
    town.desk.run("plan", "--out", "plan.json", expect=0)
    text = (town.desk.folder / "plan.json").read_text()
    assert town.client["client_secret"] not in text
    assert json.loads(text)["kind"] == "plan"


def test_a_saved_removal_needs_the_flag_again(town: Town):
    town.settle()
    (town.desk.folder / "manifests/sales/mail.yaml").unlink()
    town.desk.run("plan", "--prune", "--out", "plan.json", expect=0)
    assert "--prune" in town.desk.run("reconcile", "--plan", "plan.json", expect=64).err
    results = town.result("reconcile", "--prune", "--plan", "plan.json", expect=0)
    assert results["account/sales/mail"]["action"] == "forget"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"kind": "run"}', "[" * 100_000], ids=len)
def test_what_is_no_plan_is_a_usage_error(town: Town, content: str):
    (town.desk.folder / "plan.json").write_text(content)
    assert town.desk.run("reconcile", "--plan", "plan.json", expect=64).err.startswith("error: ")


def test_a_plan_that_is_not_there_or_cannot_be_written_is_a_usage_error(town: Town):
    assert "cannot be read" in town.desk.run("reconcile", "--plan", "nowhere.json", expect=64).err
    assert "cannot be written" in town.desk.run("plan", "--out", "nowhere/plan.json", expect=64).err


def test_show_tells_a_saved_plan_again_and_asks_nobody(town: Town):
    made = town.desk.run("plan", "--out", "plan.json", expect=0)
    town.store_file.rename(town.store_file.with_suffix(".away"))
    assert town.desk.run("show", "plan.json", expect=0).out == made.out
    markdown = town.desk.run("show", "plan.json", "-o", "markdown", expect=0).out
    assert "OAuth plan: 1 to register" in markdown
    again = town.desk.run("show", "plan.json", "-o", "json", expect=0).out
    assert again == (town.desk.folder / "plan.json").read_text()


@pytest.mark.parametrize("content", ["", "[]", '{"kind": "plan"}', '{"kind": "plan", "format_version": 1}'])
def test_show_of_something_else_is_a_usage_error(town: Town, content: str):
    (town.desk.folder / "plan.json").write_text(content)
    assert town.desk.run("show", "plan.json", expect=64).err.startswith("error: ")


def test_a_pipeline_that_plans_again_may_expect_the_digest_that_was_reviewed(town: Town):
    reviewed = town.desk.run("plan", "-o", "json", expect=0).json["digest"]
    town.desk.write("sales/late.yaml", account("late"))
    refused = town.result("reconcile", "--expect-digest", reviewed, expect=6)
    assert {result["outcome"] for result in refused.values()} == {"held"}
    assert town.rows("tokens/") == {}
    (town.desk.folder / "manifests/sales/late.yaml").unlink()
    done = town.result("reconcile", "--expect-digest", reviewed, expect=0)
    assert done["provider/sales/idp"]["outcome"] == "done"
    town.desk.run("reconcile", "--expect-digest", reviewed, expect=0)


def test_a_digest_that_is_none_is_a_usage_error(town: Town):
    assert "64" not in town.desk.run("reconcile", "--expect-digest", "abc", expect=64).err


def test_what_was_not_reviewed_is_not_refreshed_by_its_new_manifest_either(town: Town):
    town.settle("crm")
    town.age("crm")
    town.desk.run("plan", "--out", "plan.json", expect=0)
    town.desk.write("sales/crm.yaml", account("crm", owner="eve@example.com"))
    results = town.result("reconcile", "--plan", "plan.json", expect=0)
    assert results["account/sales/crm"]["reason"] == "NotInPlan"
    assert [r for r in results.values() if r["action"] == "refresh"] == []


def test_a_pipe_or_a_device_is_written_into_and_keeps_its_name(town: Town, tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        town.desk.run("plan", "--out", str(pipe), expect=0)
        assert json.loads(os.read(reader, 65536))["kind"] == "plan"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_report_is_also_written_in_other_formats_of_the_same_run(town: Town):
    town.desk.run("plan", "--report", "json=p.json", "--report", "markdown=p.md", expect=0)
    assert json.loads((town.desk.folder / "p.json").read_text())["kind"] == "plan"
    assert "OAuth plan: 1 to register" in (town.desk.folder / "p.md").read_text()
    said = town.desk.run(
        "reconcile", "-o", "github", "--report", "text=r.txt", "--report", "json=no/r.json", expect=0
    )
    assert "provider/sales/idp" in (town.desk.folder / "r.txt").read_text()
    assert "no/r.json cannot be written" in said.err
    for wrong in ("yaml=x", "json", "json="):
        assert "is no report" in town.desk.run("refresh", "--report", wrong, expect=64).err
