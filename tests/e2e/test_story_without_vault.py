"""The main job for a user who has no Vault: the embedded store, the sandbox, and every turn that a grant can take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.sandbox import Sandbox, SandboxConfig
from tests.cli.keyboard import Keyboard
from tests.cli.town import CLIENT_PATH, HEADER, Town, account


@pytest.fixture
def town(sandbox: Sandbox, tmp_path: Path) -> Town:
    sandbox.clear_faults()
    town = Town(sandbox, Keyboard(tmp_path, {"RECONCILER_STORE": f"sqlite://{tmp_path}/store/store.db"}))
    town.found()
    return town


def account_status(town: Town, name: str) -> dict[str, Any]:
    return town.desk.status(f"sales/{name}")


def test_from_the_first_plan_through_three_rotations_to_a_revoked_grant(town: Town):
    town.settle("crm", "mail")
    seen = {town.read("reconciler/tokens/sales/crm")["access_token"]}
    for _ in range(3):
        results = town.result("refresh", "--force", expect=0)
        assert {found["outcome"] for found in results.values()} == {"done"}
        token = town.read("reconciler/tokens/sales/crm")
        assert set(token) == {"access_token", "token_type", "expires_at", "scope"}
        seen.add(token["access_token"])
    assert len(seen) == 4
    assert town.sandbox.counters()["families_revoked"] == 0

    town.sandbox.revoke_person("crm@example.com")
    results = town.result("refresh", "--force", expect=0)
    assert results["account/sales/crm"]["outcome"] == "refused"
    assert results["account/sales/mail"]["outcome"] == "done"
    crm = account_status(town, "crm")
    assert crm["reason"] in ("GrantSuspected", "GrantRevoked")
    assert crm["remedy"]
    assert town.read("reconciler/grants/sales/crm")["refresh_token"], "what may still be of use is kept"

    town.consent("crm")
    assert account_status(town, "crm")["state"] == "ready"
    assert town.desk.run("plan", "--detailed-exitcode", expect=0).code == 0


def test_a_rotated_client_secret_is_taken_up_without_a_new_consent(town: Town):
    town.settle("crm")
    fresh = town.sandbox.rotate_client_secret(town.client["client_id"])
    town.put_secret(CLIENT_PATH, fresh)
    plan = town.desk.run("plan", "-o", "json", "--detailed-exitcode", expect=2).json
    assert [change["action"] for change in plan["changes"]] == ["update"]
    town.desk.run("reconcile", expect=0)
    assert town.result("refresh", "--force", expect=0)["account/sales/crm"]["outcome"] == "done"
    assert "account/sales/crm" not in town.desk.attention()


def test_a_mistyped_client_secret_is_the_providers_matter_and_no_persons(town: Town):
    town.settle("crm", "mail")
    town.desk.run("refresh", "--force", expect=0)
    town.put_secret(CLIENT_PATH, "mistyped-secret-of-the-team")
    town.sandbox.rotate_client_secret(town.client["client_id"])
    said = town.desk.run("refresh", "--force", "-o", "json", expect=4)
    assert "mistyped-secret" not in said.out
    assert not {"account/sales/crm", "account/sales/mail"} & set(town.desk.attention())
    for name in ("crm", "mail"):
        token = town.read(f"reconciler/grants/sales/{name}")["refresh_token"]
        assert town.sandbox.refresh_token_state(token)["state"] == "current"


def test_a_widened_scope_asks_its_person_and_the_old_token_stays_good(town: Town):
    town.settle("crm")
    town.desk.write("sales/crm.yaml", account("crm", scopes="profile, email, offline_access"))
    assert town.desk.attention()["account/sales/crm"] == "ScopesWidened"
    town.desk.run("reconcile", expect=0)
    crm = account_status(town, "crm")
    assert (crm["state"], crm["missingScopes"]) == ("needs-consent", ["email"])
    assert "email" not in town.read("reconciler/tokens/sales/crm")["scope"].split()
    town.consent("crm")
    assert "email" in town.read("reconciler/tokens/sales/crm")["scope"].split()
    assert account_status(town, "crm")["state"] == "ready"


def test_a_suspended_account_loses_its_published_token_and_gets_it_back(town: Town):
    town.settle("crm")
    path = town.desk.folder / "manifests/sales/crm.yaml"
    text = path.read_text()
    path.write_text(text.replace("spec: {", "spec: {suspend: true, "))
    town.desk.run("reconcile", expect=0)
    assert account_status(town, "crm")["state"] == "suspended"
    assert town.read("reconciler/tokens/sales/crm") == {}
    assert town.read("reconciler/grants/sales/crm")["refresh_token"]
    path.write_text(text)
    town.desk.run("reconcile", expect=0)
    assert town.read("reconciler/tokens/sales/crm")["access_token"]


def test_a_client_that_is_registered_changed_and_removed_by_the_tool(tmp_path: Path):
    with Sandbox(SandboxConfig(initial_access_token="initial-token-of-the-team")) as sandbox:
        desk = Keyboard(tmp_path, {"RECONCILER_STORE": f"sqlite://{tmp_path}/store/store.db"})
        town = Town(sandbox, desk)
        text = (
            f"{HEADER}kind: Provider\nmetadata: {{name: idp}}\nspec:\n  base: custom\n  registration: dynamic\n"
            "  deletionPolicy: Revoke\n  client: {name: the team's app, "
            "initialAccessTokenRef: {path: clients/sales/idp, key: token}}\n"
            f"  redirectUri: http://127.0.0.1/callback\n  server: {{issuer: '{sandbox.issuer}'}}\n"
        ).replace("the team's app", '"the team\'s app"')
        desk.write("sales/idp.yaml", text)
        desk.run("init-store", "--trust", "tofu", "--loopback", expect=0)
        town.put_secret(CLIENT_PATH, "initial-token-of-the-team", key="token")

        def clients() -> list[dict[str, Any]]:
            return [client for client in sandbox.list_clients() if client["dynamic"]]

        for _ in range(2):
            desk.run("reconcile", expect=0)
            assert len(clients()) == 1
        desk.write("sales/idp.yaml", text.replace("team's app", "team's other app"))
        desk.run("reconcile", expect=0)
        assert len(clients()) == 1
        desk.write("sales/crm.yaml", account("crm"))
        desk.run("reconcile", expect=0)
        town.consent("crm")
        assert town.desk.status("sales/crm")["state"] == "ready"

        for name in ("idp", "crm"):
            (desk.folder / f"manifests/sales/{name}.yaml").unlink()
        assert "EmptyDesired" in desk.run("reconcile", "--prune", expect=3).out
        assert len(clients()) == 1
        desk.run("reconcile", "--prune", "--allow-empty", "--allow-bulk-removal", expect=0)
        assert clients() == []
        assert town.read("reconciler/tokens/sales/crm") == {}
