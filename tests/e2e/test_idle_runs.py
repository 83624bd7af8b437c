"""A run with nothing to do does nothing, and a plan costs what it should: counted on the wire, at the provider and in the
store, on the embedded store and on a real Vault."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from reconciler.sandbox import Sandbox
from tests.cli.keyboard import Keyboard
from tests.cli.town import CLIENT_PATH, Town, account
from tests.e2e.roles import at_vault
from tests.servers.places import VaultPlace

_SERVICE = """\
apiVersion: oauth2.reconciler/v1
kind: Account
metadata: {name: robot}
spec: {provider: idp, grant: client_credentials, scopes: [files.read]}
"""


def settled(town: Town) -> Town:
    """Two people's accounts and a service's, all applied, consented and fresh."""
    town.found()
    town.desk.write("sales/robot.yaml", _SERVICE)
    town.settle("crm", "mail")
    town.desk.run("reconcile", expect=0)
    return town


@pytest.fixture
def embedded(sandbox: Sandbox, tmp_path: Path) -> Town:
    desk = Keyboard(tmp_path, {"RECONCILER_STORE": f"sqlite://{tmp_path}/store/store.db"})
    return settled(Town(sandbox, desk))


@pytest.fixture
def on_vault(sandbox: Sandbox, vault: VaultPlace, tmp_path: Path) -> Town:
    return settled(Town(sandbox, Keyboard(tmp_path, *at_vault(vault))))


def everything(file: Path) -> str:
    """A digest of all rows of the embedded store."""
    connection = sqlite3.connect(file)
    try:
        dump = "\n".join(connection.iterdump())
    finally:
        connection.close()
    return hashlib.sha256(dump.encode()).hexdigest()


@pytest.mark.parametrize(
    "verb", [("plan",), ("status",), ("reconcile",), ("refresh",), ("validate",), ("trust", "--show")]
)
def test_with_nothing_to_do_the_embedded_store_and_the_provider_see_nothing(
    embedded: Town, verb: tuple[str, ...]
):
    before, requests = everything(embedded.store_file), embedded.sandbox.counters()["requests"]
    embedded.desk.run(*verb, expect=0)
    assert everything(embedded.store_file) == before
    assert embedded.sandbox.counters()["requests"] == requests


def test_a_plan_changes_nothing_even_where_everything_is_to_be_done(sandbox: Sandbox, tmp_path: Path):
    town = Town(sandbox, Keyboard(tmp_path, {"RECONCILER_STORE": f"sqlite://{tmp_path}/store/store.db"}))
    town.found()
    town.desk.write("sales/robot.yaml", _SERVICE)
    before, requests = everything(town.store_file), sandbox.counters()["requests"]
    for flags in ((), ("--prune",), ("--due-within", "10h"), ("-o", "json")):
        town.desk.run("plan", *flags, expect=0)
    town.desk.run("status", expect=0)
    assert everything(town.store_file) == before
    assert sandbox.counters()["requests"] == requests


def test_the_second_reconcile_is_empty_and_so_is_its_plan(embedded: Town):
    assert embedded.desk.run("reconcile", "-o", "json", expect=0).json["results"] == []
    assert embedded.desk.run("reconcile", expect=0).out == "Done: nothing to do.\n"
    plan = embedded.desk.run("plan", "-o", "json", "--detailed-exitcode", expect=0).json
    assert (plan["changes"], plan["maintenance"], plan["attention"]) == ([], [], [])
    assert plan["summary"]["unchanged"] == 4


def test_on_vault_a_plan_asks_once_for_each_thing_and_an_idle_reconcile_for_nothing_more(
    on_vault: Town, vault: VaultPlace
):
    mount, store = vault.mount, f"{vault.mount}/metadata/reconciler"
    requests = on_vault.sandbox.counters()["requests"]
    with vault.server.audited("budget") as log:
        on_vault.desk.run("plan", expect=0)
        plan = Counter(log.calls(under=mount))
        logins = [entry.path for entry in log.entries() if entry.path.startswith("auth/")]
        log.forget()
        on_vault.desk.run("reconcile", expect=0)
        idle = Counter(log.calls(under=mount))
    lists = [f"{store}/{folder}" for folder in ("tokens", "providers", "grants")]
    names = ("crm", "mail", "robot")
    expected = Counter(
        [("list", f"{path}/") for path in lists]
        + [("list", f"{path}/sales/") for path in lists]
        + [("read", f"{store}/tokens/sales/{name}") for name in names]
        # A service's account has no grant of its own: its access token is all there is.
        + [("read", f"{store}/grants/sales/{name}") for name in ("crm", "mail")]
        + [("read", f"{store}/providers/sales/idp"), ("read", f"{mount}/metadata/{CLIENT_PATH}")]
        + [("read", f"{store}/meta/format")]
    )
    trust = Counter({call: count for call, count in plan.items() if "/data/reconciler/trust/" in call[1]})
    assert sorted(trust.values()) == [1, 1], "the settings, and one binding"
    assert plan - trust == expected
    assert len(logins) <= 1
    # Before it may work it reads the key that its fingerprints are made with, and nothing else beside what a plan asks.
    more = idle - plan
    assert set(more) <= {
        ("read", f"{mount}/data/reconciler/meta/format"),
        ("read", f"{mount}/data/reconciler/meta/fingerprint-key"),
    }
    assert not {operation for operation, _ in idle} - {"read", "list"}
    assert on_vault.sandbox.counters()["requests"] == requests


def test_on_vault_a_refresh_of_a_single_use_grant_is_one_read_one_call_and_three_writes(
    on_vault: Town, vault: VaultPlace
):
    calls = on_vault.sandbox.counters()["exchanges"].get("refresh_token", 0)
    with vault.server.audited("refresh") as log:
        on_vault.desk.run("refresh", "--force", "sales/crm", expect=0)
        seen = log.calls(under=f"{vault.mount}/data/reconciler")
    grant = f"{vault.mount}/data/reconciler/grants/sales/crm"
    token = f"{vault.mount}/data/reconciler/tokens/sales/crm"
    about = [call for call in seen if call[1] in (grant, token)]
    assert [operation for operation, path in about if path == grant] == ["read", "update", "update"]
    assert [operation for operation, path in about if path == token] == ["update"]
    assert on_vault.sandbox.counters()["exchanges"]["refresh_token"] == calls + 1


def test_a_provider_without_anything_due_is_not_made_ready(embedded: Town):
    """A run with nothing to do reads no secret: not even a store without the secret's value notices."""
    embedded.desk.write("sales/wiki.yaml", account("wiki"))
    requests = embedded.sandbox.counters()["requests"]
    embedded.desk.run("reconcile", expect=0)
    assert embedded.sandbox.counters()["requests"] == requests
