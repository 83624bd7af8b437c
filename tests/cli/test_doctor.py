"""`reconciler doctor` on a real Vault and on an embedded store: well where all is well, and each failing world is named."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.decide.access import Role
from reconciler.report.contract import schema_of
from reconciler.sandbox import Sandbox
from tests.cli.keyboard import Keyboard
from tests.cli.town import Town
from tests.conftest import StartVault
from tests.e2e.desk import Said
from tests.e2e.roles import RoleLogins, at_vault
from tests.servers.places import VaultPlace
from tests.servers.process import free_port
from tests.servers.signing import TokenIssuer


def found(said: Said, check: str, level: str) -> list[dict[str, Any]]:
    """The findings of one check at one level; the document is a valid one and the exit code is the one it says."""
    document = json.loads(said.out)
    Draft202012Validator(schema_of("doctor")).validate(document)
    assert document["exit_code"] == said.code
    return [one for one in document["findings"] if (one["check"], one["level"]) == (check, level)]


def failures(said: Said) -> dict[str, str]:
    return {
        one["check"]: one["message"] for one in json.loads(said.out)["findings"] if one["level"] == "failed"
    }


@pytest.fixture
def at_home(sandbox: Sandbox, tmp_path: Path) -> Town:
    town = Town(sandbox, Keyboard(tmp_path, {"RECONCILER_STORE": f"sqlite://{tmp_path}/store/store.db"}))
    town.found()
    return town


@pytest.fixture
def on_vault(sandbox: Sandbox, vault: VaultPlace, tmp_path: Path) -> tuple[Town, RoleLogins]:
    sandbox.clear_faults()
    desk = Keyboard(tmp_path, *at_vault(vault))
    assert isinstance(desk.logins, RoleLogins)
    town = Town(sandbox, desk)
    town.found()
    return town, desk.logins


# ---------------------------------------------------------------------------------------------------- an embedded store


def test_all_is_well_at_home(at_home: Town):
    said = at_home.desk.run("doctor", "-o", "json", expect=0)
    assert failures(said) == {}
    checks = {one["check"] for one in json.loads(said.out)["findings"] if one["level"] == "ok"}
    assert {"files", "reach", "clock", "format", "manifests", "endpoints"} <= checks


def test_looking_makes_no_store(tmp_path: Path):
    desk = Keyboard(tmp_path, {"RECONCILER_STORE": f"sqlite://{tmp_path}/store/store.db"})
    assert "no store yet" in " ".join(desk.run("doctor", expect=8).out.split())
    assert list(tmp_path.iterdir()) == []


def test_a_key_file_that_others_may_read_is_named_with_what_to_run(at_home: Town):
    key = at_home.store_file.with_suffix(".key")
    key.chmod(0o644)
    said = at_home.desk.run("doctor", "-o", "json", expect=8)
    assert found(said, "files", "failed")[0]["command"] == f"chmod 600 {key}"
    assert key.read_text().strip() not in said.out


def test_manifests_with_problems_are_counted_and_the_rest_is_looked_at(at_home: Town):
    at_home.desk.write("sales/broken.yaml", "kind: Nothing\n")
    said = at_home.desk.run("doctor", "-o", "json", expect=65)
    assert found(said, "manifests", "failed")[0]["command"].startswith("reconciler validate")
    assert found(said, "endpoints", "ok")


def test_an_issuer_that_does_not_answer_is_named(at_home: Town):
    port = free_port()
    text = (at_home.desk.folder / "manifests/sales/idp.yaml").read_text()
    at_home.desk.write("sales/idp.yaml", text.replace(at_home.sandbox.issuer, f"http://127.0.0.1:{port}"))
    said = at_home.desk.run("doctor", "-o", "json", expect=4)
    assert "provider/sales/idp" in found(said, "endpoints", "failed")[0]["message"]


def test_a_host_inside_is_not_asked_unless_it_is_allowed(at_home: Town):
    text = (at_home.desk.folder / "manifests/sales/idp.yaml").read_text()
    inside = text.replace(
        f"issuer: {at_home.sandbox.issuer}",
        "endpoints: {token: https://10.1.2.3/token, authorization: https://10.1.2.3/authorize}",
    )
    at_home.desk.write("sales/idp.yaml", inside)
    said = at_home.desk.run("doctor", "-o", "json", expect=4)
    assert "not public" in found(said, "endpoints", "failed")[0]["message"]


def test_the_host_that_is_asked_hears_no_credential_and_no_path(at_home: Town):
    before = at_home.sandbox.counters()
    at_home.desk.run("doctor", expect=0)
    after = at_home.sandbox.counters()
    assert after["exchanges"] == before["exchanges"]


def test_tokens_that_are_short_for_the_schedule_are_a_warning(at_home: Town):
    at_home.settle("crm")
    said = at_home.desk.run("doctor", "-o", "json", expect=0, RECONCILER_REFRESH_EVERY="6h")
    assert "account/sales/crm" in found(said, "interval", "warning")[0]["message"]
    said = at_home.desk.run("doctor", "-o", "json", expect=0, RECONCILER_REFRESH_EVERY="1m")
    assert found(said, "interval", "ok")


def test_text_says_what_is_wrong_first_and_what_to_run(at_home: Town):
    key = at_home.store_file.with_suffix(".key")
    key.chmod(0o644)
    lines = at_home.desk.run("doctor", expect=8).out.splitlines()
    assert lines[2].startswith("✗ files")
    assert any(line.split() == ["run", "chmod", "600", str(key)] for line in lines)
    assert lines[-1].startswith("Doctor: ")


def test_a_store_is_as_it_was_after_a_look(at_home: Town):
    at_home.settle("crm")
    before = at_home.rows()
    at_home.desk.run("doctor", expect=0)
    assert at_home.rows() == before


# ---------------------------------------------------------------------------------------------------- a real Vault


@pytest.mark.parametrize("role", [Role.PLAN, Role.RECONCILE, Role.PRUNE, Role.CONSENT, Role.TRUST])
def test_a_login_with_its_role_s_policy_is_well(on_vault: tuple[Town, RoleLogins], role: Role):
    town, logins = on_vault
    more = ("--namespace", "sales") if role is Role.CONSENT else ()
    token = logins.token(role)
    said = town.desk.run("doctor", "-o", "json", "--role", role.value, *more, expect=0, VAULT_TOKEN=token)
    assert failures(said) == {}
    assert found(said, "access", "ok")


def test_a_look_writes_nothing_and_reads_no_secret(on_vault: tuple[Town, RoleLogins], vault: VaultPlace):
    town, logins = on_vault
    town.settle("crm")
    with vault.server.audited("doctor") as log:
        town.desk.run("doctor", "--role", "reconcile", expect=0, VAULT_TOKEN=logins.token(Role.RECONCILE))
        calls = log.calls(under=f"{vault.mount}/")
    assert {operation for operation, _ in calls} <= {"read", "list"}
    assert all("/trust/" in path for _, path in calls if "/data/" in path)


def test_too_little_is_named_with_the_command_that_mends_it(on_vault: tuple[Town, RoleLogins]):
    town, logins = on_vault
    token = logins.token(Role.PLAN)
    said = town.desk.run("doctor", "-o", "json", "--role", "reconcile", expect=4, VAULT_TOKEN=token)
    lacks = found(said, "access", "failed")
    assert any("grants" in one["message"] and "may not" in one["message"] for one in lacks)
    assert {one["command"] for one in lacks} == {
        "reconciler policy reconcile | vault policy write reconciler-reconcile -"
    }


def test_too_much_is_a_failure_too(on_vault: tuple[Town, RoleLogins]):
    town, logins = on_vault
    token = logins.token(Role.RECONCILE)
    said = town.desk.run("doctor", "-o", "json", "--role", "plan", expect=1, VAULT_TOKEN=token)
    assert any("may also" in one["message"] for one in found(said, "access", "failed"))


def test_root_is_no_role(on_vault: tuple[Town, RoleLogins], vault: VaultPlace):
    town, _ = on_vault
    said = town.desk.run("doctor", "-o", "json", "--role", "plan", expect=1, VAULT_TOKEN=vault.token)
    assert "everything" in found(said, "access", "failed")[0]["message"]
    assert "root token" in found(said, "login", "warning")[0]["message"]
    assert vault.token not in said.out + said.err


def test_a_role_is_known_by_its_policy_s_name(on_vault: tuple[Town, RoleLogins], vault: VaultPlace):
    town, logins = on_vault
    vault.server.write_policy_text("reconciler-plan", logins.policy(Role.PLAN))
    token = vault.server.create_token(policies=["reconciler-plan"], default_policy=False)
    said = town.desk.run("doctor", "-o", "json", expect=0, VAULT_TOKEN=token)
    assert "'plan'" in found(said, "access", "ok")[0]["message"]


def test_a_jwt_role_that_lets_in_every_branch_is_named(
    on_vault: tuple[Town, RoleLogins], vault: VaultPlace, token_issuer: TokenIssuer
):
    town, logins = on_vault
    vault.server.make_jwt_role(
        f"{vault.mount}-loose",
        policies=["x"],
        public_key=token_issuer.public_key,
        audience="https://vault.example.com",
        claims={"repository": "acme/oauth"},
        path=f"{vault.mount}-jwt",
    )
    said = town.desk.run(
        "doctor", "-o", "json", "--role", "reconcile", "--jwt-role", f"{vault.mount}-loose", expect=1,
        VAULT_TOKEN=vault.token, VAULT_AUTH_MOUNT=f"{vault.mount}-jwt",
    )  # fmt: skip
    assert any("every branch" in one["message"] for one in found(said, "jwt-role", "failed"))
    hidden = town.desk.run(
        "doctor", "-o", "json", "--role", "reconcile", "--jwt-role", f"{vault.mount}-loose", expect=0,
        VAULT_TOKEN=logins.token(Role.RECONCILE), VAULT_AUTH_MOUNT=f"{vault.mount}-jwt",
    )  # fmt: skip
    assert "may not be read" in found(hidden, "jwt-role", "skipped")[0]["message"]


@pytest.mark.parametrize(
    ("variables", "check"),
    [
        ({"RECONCILER_STORE": "vault://nowhere/reconciler"}, "mount"),
        ({"VAULT_TOKEN": "hvs.nobody"}, "login"),
        ({"VAULT_ADDR": "http://127.0.0.1:1"}, "reach"),
        ({"RECONCILER_STORE": "vault://MOUNT/reconcilr"}, "format"),
        ({"VAULT_CACERT": "/nowhere/ca.pem"}, "files"),
    ],
    ids=["mount", "login", "server", "prefix", "authority"],
)
def test_a_store_that_cannot_be_used_is_named_by_what_is_wrong(
    on_vault: tuple[Town, RoleLogins], vault: VaultPlace, variables: dict[str, str], check: str
):
    town, _ = on_vault
    more = {"VAULT_TOKEN": vault.token} | {
        name: value.replace("MOUNT", vault.mount) for name, value in variables.items()
    }
    said = town.desk.run("doctor", "-o", "json", expect=None, **more)
    assert said.code in (8, 64)
    assert check in failures(said)
    assert more["VAULT_TOKEN"] not in said.out + said.err


def test_a_mount_of_kv_version_1_and_a_sealed_server(start_vault: StartVault, tmp_path: Path):
    server = start_vault("inmem")
    server.mount_kv("old", version=1)
    variables = {
        "RECONCILER_STORE": "vault://old/reconciler", "VAULT_ADDR": server.address, "VAULT_TOKEN": server.root_token,
    }  # fmt: skip
    desk = Keyboard(tmp_path, variables)
    said = desk.run("doctor", "-o", "json", expect=8)
    assert "KV version 1" in failures(said)["mount"]
    server.seal()
    assert "sealed" in failures(desk.run("doctor", "-o", "json", expect=8))["reach"]


def test_a_token_file_that_others_may_read(on_vault: tuple[Town, RoleLogins], vault: VaultPlace):
    town, logins = on_vault
    file = town.desk.folder / ".vault-token"
    file.write_text(logins.token(Role.PLAN))
    os.chmod(file, 0o640)
    desk = Keyboard(town.desk.folder, {k: v for k, v in vault.environment().items() if k != "VAULT_TOKEN"})
    said = desk.run("doctor", "-o", "json", "--role", "plan", expect=8)
    assert "open to others (mode 640)" in failures(said)["files"]
