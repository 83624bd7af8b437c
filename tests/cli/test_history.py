"""`history` and the stamps it tells of: each write carries commit, actor, run and tool, without a write more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.model.store_path import StorePath
from reconciler.report.contract import schema_of
from reconciler.sandbox import Sandbox
from tests.cli.keyboard import Keyboard
from tests.cli.town import CLIENT_PATH, Town
from tests.e2e.roles import at_vault
from tests.servers.places import VaultPlace

CI = {
    "GITHUB_SHA": "1a2b3c4d5e6f",
    "GITHUB_TRIGGERING_ACTOR": "ana",
    "GITHUB_ACTOR": "somebody-else",
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_REPOSITORY": "acme/oauth",
    "GITHUB_RUN_ID": "42",
}
STAMP = {
    "commit": "1a2b3c4d5e6f",
    "actor": "ana",
    "run": "https://github.example/acme/oauth/actions/runs/42",
}


def story(town: Town, address: str, *flags: str) -> list[dict[str, Any]]:
    document: dict[str, Any] = town.desk.run("history", address, "-o", "json", *flags, expect=0).json
    Draft202012Validator(schema_of("history")).validate(document)
    assert [e["time"] for e in document["events"]] == sorted(
        (e["time"] for e in document["events"]), reverse=True
    )
    events: list[dict[str, Any]] = document["events"]
    return events


def of(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == kind]


def stamp(event: dict[str, Any]) -> dict[str, Any]:
    by: dict[str, Any] = event["by"]
    return {key: by[key] for key in STAMP}


def test_every_record_carries_commit_actor_run_and_tool(town: Town):
    town.desk.run("reconcile", expect=0, **CI)
    town.consent("crm")
    town.desk.run("refresh", "sales/crm", "--force", expect=0, **CI)
    with town.store() as store:
        for folder, name in (("grants", "crm"), ("tokens", "crm"), ("providers", "idp")):
            path = StorePath(("reconciler", folder, "sales", name))
            metadata, document = store.read_metadata(path), store.read(path).document
            assert metadata is not None
            if folder == "grants":
                assert document is not None
                assert {k: v for k, v in document["stamp"].items() if k != "tool"} == STAMP
                assert document["stamp"]["tool"].startswith("reconciler ")
            if folder == "tokens":
                assert document is not None
                assert set(document) == {"access_token", "token_type", "expires_at", "scope"}
            if folder == "providers":
                assert metadata.custom["run-url"] == STAMP["run"]
                assert (metadata.custom["commit"], metadata.custom["actor"]) == (STAMP["commit"], "ana")


def test_an_account_s_story_by_metadata_alone(town: Town):
    town.settle("crm")
    town.desk.run("refresh", "sales/crm", "--force", expect=0)
    events = story(town, "account/sales/crm")
    assert [event["version"] for event in of(events, "published")] == [2, 1]
    assert len(of(events, "consented")) == 1
    assert of(events, "grant-stored")
    (became,) = of(events, "became")
    assert became["detail"].startswith("ready, ")


def test_with_versions_each_tells_how_it_came_about_and_by_whom(town: Town):
    town.settle("crm")
    town.desk.run("refresh", "sales/crm", "--force", expect=0, **CI)
    events = story(town, "sales/crm", "--versions")
    (announced,) = of(events, "refresh-announced")
    assert stamp(announced) == STAMP
    newest = of(events, "grant-stored")[0]
    assert (newest["detail"], stamp(newest)) == ("a refresh", STAMP)
    assert of(events, "grant-stored")[-1]["detail"] == "a consent"


def test_a_provider_s_story_names_secrets_by_version_and_bindings_with_who_made_them(town: Town):
    town.desk.run("trust", "sales/idp", "--yes", expect=0, **CI)
    town.desk.run("reconcile", expect=0, **CI)
    town.put_secret(CLIENT_PATH, "another-s3cret-of-the-team")
    said = town.desk.run("history", "provider/sales/idp", "--versions", expect=0)
    assert "another-s3cret-of-the-team" not in said.out + said.err
    events = story(town, "provider/sales/idp")
    assert [(e["version"], e["detail"]) for e in of(events, "secret-changed")] == [
        (2, "the newest"),
        (1, "applied"),
    ]
    (trusted,) = of(events, "trusted")
    assert (stamp(trusted), trusted["detail"]) == (STAMP, town.sandbox.issuer)
    (applied,) = of(events, "applied")
    assert stamp(applied) == STAMP
    town.desk.run("trust", "sales/idp", "--revoke", "--yes", expect=0)
    assert len(of(story(town, "provider/sales/idp"), "trust-revoked")) == 1


def test_what_another_hand_deleted_is_part_of_the_story(town: Town):
    town.settle("crm")
    with town.store() as store:
        store.delete_newest(StorePath(("reconciler", "tokens", "sales", "crm")))
    assert [event["version"] for event in of(story(town, "sales/crm"), "withdrawn")] == [1]


def test_an_object_that_is_no_longer_declared_still_has_its_story(town: Town):
    town.settle("crm")
    (town.desk.folder / "manifests/sales/crm.yaml").unlink()
    assert of(story(town, "crm"), "published")


@pytest.mark.parametrize(
    ("address", "words"),
    [("sales/nobody", "knows no object"), ("a/b/c/d", "no address"), ("nobody", "knows no object")],
)
def test_an_object_that_there_is_not(town: Town, address: str, words: str):
    assert words in town.desk.run("history", address, expect=64).err


def test_looking_back_makes_no_store(tmp_path: Path):
    desk = Keyboard(tmp_path, {"RECONCILER_STORE": f"sqlite://{tmp_path}/store/store.db"})
    desk.run("history", "sales/crm", expect=8)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("variables", "run", "actor"),
    [
        ({"CI_JOB_URL": "https://gl.example/a/-/jobs/1", "GITLAB_USER_LOGIN": "ben"}, "https://gl.example/a/-/jobs/1", "ben"),
        ({"RECONCILER_RUN_URL": "https://ci.example/7", "RECONCILER_ACTOR": "robot"}, "https://ci.example/7", "robot"),
        ({"RECONCILER_RUN_URL": "https://ci.example/7?token=x", "RECONCILER_ACTOR": "robot"}, None, "robot"),
        ({"RECONCILER_RUN_URL": "javascript:alert(1)", "RECONCILER_ACTOR": "a\nb\x1b[31m"}, None, "a�b�[31m"),
        ({"RECONCILER_RUN_URL": "https://user:pw@ci.example/7", "RECONCILER_ACTOR": "robot"}, None, "robot"),
    ],
)  # fmt: skip
def test_whose_run_it_is_comes_from_the_environment_and_is_never_more_than_a_url(
    town: Town, variables: dict[str, str], run: str | None, actor: str
):
    town.desk.run("reconcile", expect=0, **variables)
    (applied,) = of(story(town, "provider/sales/idp"), "applied")
    assert (applied["by"]["run"], applied["by"]["actor"]) == (run, actor)


def test_status_since_shows_what_changed_and_nothing_else(town: Town):
    town.settle("crm")
    shown = town.desk.run("status", "-o", "json", "--since", "1h", expect=0).json
    assert {a["address"] for a in shown["accounts"]} == {"account/sales/crm", "account/sales/mail"}
    later = town.desk.run("status", "-o", "json", "--since", "2999-01-01", expect=0).json
    assert (later["accounts"], later["providers"], later["attention"]) == ([], [], [])
    assert (
        "changed since 2999-01-01T00:00:00Z" in town.desk.run("status", "--since", "2999-01-01", expect=0).out
    )
    assert "changed since" in town.desk.run("status", "--since", "1h", expect=0).out
    assert "write a duration" in town.desk.run("status", "--since", "lately", expect=64).err


# ---------------------------------------------------------------------------------------------------- a real Vault


def test_on_vault_the_plan_role_tells_the_story_and_a_stamp_costs_no_write(
    sandbox: Sandbox, vault: VaultPlace, tmp_path: Path
):
    sandbox.clear_faults()
    town = Town(sandbox, Keyboard(tmp_path, *at_vault(vault)))
    town.found()
    town.settle("crm")
    with vault.server.audited("stamps") as log:
        town.desk.run("refresh", "sales/crm", "--force", expect=0, **CI)
        writes = [call for call in log.calls(under=f"{vault.mount}/") if call[0] not in ("read", "list")]
        log.forget()
        events = story(town, "sales/crm")
        calls = log.calls(under=f"{vault.mount}/")
    assert len(writes) == 3, "intent, commit, publish"
    assert vault.get("reconciler/grants/sales/crm")["stamp"]["actor"] == "ana"
    assert of(events, "published")
    assert all("/data/" not in path for _, path in calls)
    assert of(story(town, "sales/crm", "--versions"), "refresh-announced")
    text = town.desk.run("history", "sales/crm", "--versions", expect=0).out
    assert vault.get("reconciler/grants/sales/crm")["refresh_token"] not in text
    assert json.dumps(STAMP["run"]).strip('"') in text
