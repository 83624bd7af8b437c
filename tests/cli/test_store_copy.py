"""`store copy` as a team uses it: from a laptop's store to a real Vault, and on from there."""

from pathlib import Path

import pytest

from tests.cli.town import Town
from tests.servers.places import VaultPlace


def at_vault(vault: VaultPlace) -> dict[str, str]:
    return {"VAULT_ADDR": vault.address, "VAULT_TOKEN": vault.token}


def test_a_team_moves_to_a_vault_and_goes_on_there(town: Town, vault: VaultPlace):
    town.settle("crm", "mail")
    town.desk.run("refresh", "crm", "--force", expect=0)
    to = vault.store_url
    kept = (
        town.read("reconciler/grants/sales/crm")["refresh_token"],
        town.read("reconciler/meta/fingerprint-key")["key"],
    )
    said = town.desk.run("store", "copy", "--to", to, expect=0, **at_vault(vault))
    assert f"from now on: RECONCILER_STORE={to}" in said.out
    for value in (town.client["client_secret"], *kept):
        assert value not in said.out + said.err
    assert vault.get("reconciler/grants/sales/crm")["refresh_token"] == kept[0]
    for verb in (("plan",), ("reconcile",), ("refresh", "--force"), ("status",), ("token", "crm"), ("init-store",),
                 ("secret", "list"), ("trust", "--show"), ("doctor",)):  # fmt: skip
        refused = town.desk.run(*verb, expect=8)
        assert f"RECONCILER_STORE={to}" in refused.out + refused.err, verb
    there = vault.environment()
    assert "Plan: nothing to change." in town.desk.run("plan", expect=0, **there).out
    town.desk.run("plan", "--detailed-exitcode", expect=0, **there)
    town.desk.run("refresh", "--force", expect=0, **there)
    town.desk.run("check", "crm", "mail", expect=0, **there)
    assert vault.get("clients/sales/idp")["client_secret"] == town.client["client_secret"]
    again = town.desk.run("store", "copy", "--to", to, expect=0, **at_vault(vault))
    assert "nothing was done" in again.out


@pytest.mark.parametrize(
    ("to", "more", "code", "words"),
    [
        ("sqlite:///x", {}, 64, "--to names no Vault"),
        ("kv", {}, 64, "--to 'kv' is no store"),
        ("vault://", {}, 64, "--to names no mount"),
        ("vault://kv/reconciler", {}, 64, "VAULT_ADDR is not set"),
        ("vault://kv/reconciler", {"RECONCILER_STORE": "vault://kv/x"}, 64, "there is no embedded store to copy"),
        ("vault://kv/reconciler", {"RECONCILER_STORE": "sqlite:///nowhere/s.db"}, 8, "there is no embedded store at"),
    ],
)  # fmt: skip
def test_what_is_mistyped_is_said(town: Town, to: str, more: dict[str, str], code: int, words: str):
    said = town.desk.run("store", "copy", "--to", to, expect=code, **more)
    assert words in said.err
    assert "hint:" in said.err


def test_the_usual_place_is_meant_where_nothing_is_named(town: Town, vault: VaultPlace, tmp_path: Path):
    here = {"RECONCILER_STORE": "", "XDG_DATA_HOME": str(tmp_path / "data")}
    town.desk.run("init-store", expect=0, **here)
    said = town.desk.run("store", "copy", "--to", vault.store_url, expect=0, **here, **at_vault(vault))
    assert "3 keys and 0 client secrets" in said.out
