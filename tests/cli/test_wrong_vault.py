"""A Vault that cannot be used, and one that lies: exit 8 with one sentence and a hint where the store as a whole is gone,
one failed object where only its path is; never a secret in what is shown, and nothing changed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.sandbox import Sandbox
from tests.cli.keyboard import Keyboard
from tests.cli.town import CLIENT_PATH, Town, account, provider
from tests.conftest import StartVault
from tests.e2e.desk import Said
from tests.servers.places import VaultPlace
from tests.simulators.scripted_vault import DEAD, DENIED, SEALED, Reply, ScriptedVault

VERBS = ("plan", "reconcile", "status", "refresh")
TOKEN = "hvs.token-of-the-test-0123456789abcdef"


def told(said: Said, code: int, *words: str) -> None:
    """One sentence with these words, and a hint; nothing on stdout."""
    assert said.code == code, said
    assert said.out == ""
    sentence, *rest = said.err.splitlines()
    assert sentence.startswith("error: ")
    for word in words:
        assert word in sentence, sentence
    assert [line[:8] for line in rest] == ["  hint: "], said.err
    assert TOKEN not in said.err


@pytest.fixture
def vault_town(vault: VaultPlace, sandbox: Sandbox, tmp_path: Path) -> tuple[Town, VaultPlace]:
    sandbox.clear_faults()
    town = Town(sandbox, Keyboard(tmp_path, vault.environment()))
    town.found()
    return town, vault


def empty_desk(folder: Path, vault: VaultPlace, **more: str) -> Keyboard:
    desk = Keyboard(folder, vault.environment(**more))
    desk.write("sales/idp.yaml", provider("https://idp.example", client_id="x"))
    desk.write("sales/crm.yaml", account("crm"))
    return desk


@pytest.mark.parametrize("verb", VERBS)
def test_a_mistyped_prefix_is_not_taken_for_a_new_store(vault_town: tuple[Town, VaultPlace], verb: str):
    town, vault = vault_town
    said = town.desk.run(verb, RECONCILER_STORE=f"vault://{vault.mount}/reconcilr")
    told(said, 8, "reconcilr")
    assert "init-store" in said.err
    assert vault.server.call("LIST", f"{vault.mount}/metadata")["data"]["keys"] == ["clients/", "reconciler/"]


@pytest.mark.parametrize("verb", [*VERBS, "init-store"])
def test_a_mount_that_is_not_there(vault: VaultPlace, tmp_path: Path, verb: str):
    desk = empty_desk(tmp_path, vault, RECONCILER_STORE="vault://nowhere/reconciler")
    told(desk.run(verb), 8, "nowhere")


@pytest.mark.parametrize("verb", [*VERBS, "init-store"])
def test_a_mount_of_kv_version_1(vault: VaultPlace, tmp_path: Path, verb: str):
    mount = f"{vault.mount}v1"
    vault.server.mount_kv(mount, version=1)
    desk = empty_desk(tmp_path, vault, RECONCILER_STORE=f"vault://{mount}/reconciler")
    said = desk.run(verb)
    told(said, 8, mount)
    assert "version" in said.err
    vault.server.unmount(mount)


def test_a_vault_that_is_sealed(start_vault: StartVault, tmp_path: Path):
    server = start_vault("inmem")
    server.mount_kv("kv")
    place = VaultPlace(server=server, mount="kv")
    desk = empty_desk(tmp_path, place, VAULT_CLIENT_TIMEOUT="2")
    desk.run("init-store", expect=0)
    server.seal()
    for verb in VERBS:
        began = time.monotonic()
        told(desk.run(verb), 8, "sealed")
        assert time.monotonic() - began < 15
    server.unseal()
    desk.run("plan")


def test_a_vault_that_is_gone(start_vault: StartVault, tmp_path: Path):
    server = start_vault("inmem")
    place = VaultPlace(server=server, mount="kv")
    desk = empty_desk(tmp_path, place, VAULT_CLIENT_TIMEOUT="1")
    server.kill()
    for verb in VERBS:
        told(desk.run(verb), 8, place.address.removeprefix("http://"))


@pytest.mark.parametrize("kind", ["revoked", "expired", "nonsense"])
def test_a_vault_token_that_is_dead(vault_town: tuple[Town, VaultPlace], kind: str):
    town, vault = vault_town
    token = vault.limited("short", {"{mount}/*": ["read", "list"]}, ttl="1s" if kind == "expired" else "1h")
    if kind == "revoked":
        vault.server.revoke_token(token)
    elif kind == "expired":
        time.sleep(1.5)
    else:
        token = TOKEN
    for verb in VERBS:
        said = town.desk.run(verb, VAULT_TOKEN=token)
        told(said, 8)
        assert token not in said.err


def test_a_store_of_a_newer_format_is_left_alone(vault_town: tuple[Town, VaultPlace]):
    town, vault = vault_town
    newest = vault.get("reconciler/meta/format")
    vault.put("reconciler/meta/format", {**newest, "format": 999})
    metadata = vault.metadata("reconciler/meta/format")["custom_metadata"] or {}
    vault.server.call(
        "POST", f"{vault.mount}/metadata/reconciler/meta/format",
        json={"custom_metadata": {**metadata, "format": "999"}},
    )  # fmt: skip
    for verb in VERBS:
        told(town.desk.run(verb), 8, "the store has format 999, this version knows 1")


def test_one_path_that_is_denied_is_one_unknown_object_and_the_rest_goes_on(
    vault_town: tuple[Town, VaultPlace],
):
    town, vault = vault_town
    town.settle("crm", "mail")
    rules = {
        "{mount}/*": ["create", "read", "update", "list", "patch", "delete"],
        "{mount}/metadata/{prefix}/tokens/sales/crm": ["deny"],
        "{mount}/data/{prefix}/tokens/sales/crm": ["deny"],
        "sys/capabilities-self": ["update"],
    }
    token = vault.limited("one-denied", rules)
    status = town.desk.run("status", "-o", "json", VAULT_TOKEN=token).json
    assert {found["address"]: found["state"] for found in status["accounts"]} == {
        "account/sales/crm": "unknown",
        "account/sales/mail": "ready",
    }
    town.desk.run("plan", expect=4, VAULT_TOKEN=token)
    before = vault.metadata("reconciler/grants/sales/crm")["current_version"]
    results = town.result("refresh", "--force", VAULT_TOKEN=token)
    assert results["account/sales/mail"]["outcome"] == "done"
    assert vault.metadata("reconciler/grants/sales/crm")["current_version"] == before


def test_a_client_secret_that_is_denied_holds_its_accounts_and_asks_nobody(
    vault_town: tuple[Town, VaultPlace],
):
    town, vault = vault_town
    town.settle("crm")
    rules = {
        "{mount}/*": ["create", "read", "update", "list", "patch", "delete"],
        f"{{mount}}/data/{CLIENT_PATH}": ["deny"],
        "sys/capabilities-self": ["update"],
    }
    said = town.desk.run("refresh", "--force", expect=4, VAULT_TOKEN=vault.limited("no-secret", rules))
    assert "clients/sales/idp" in said.out
    assert "manifests/sales/idp.yaml:1" in said.out
    assert "account/sales/crm" not in town.desk.attention()


# ------------------------------------------------------------------------------------ a server that only says it is Vault


@pytest.fixture
def liar() -> Iterator[ScriptedVault]:
    with ScriptedVault() as vault:
        yield vault


def at(folder: Path, liar: ScriptedVault) -> Keyboard:
    variables = {
        "RECONCILER_STORE": "vault://kv/reconciler", "VAULT_ADDR": liar.address, "VAULT_TOKEN": TOKEN,
        "VAULT_CLIENT_TIMEOUT": "1",
    }  # fmt: skip
    desk = Keyboard(folder, variables)
    desk.write("sales/crm.yaml", account("crm", provider="default/idp"))
    return desk


_ECHO = f'{{"errors": ["token {TOKEN} of {TOKEN[::-1]} is not allowed"]}}'.encode()
LIES: dict[str, Reply] = {
    "HTML with 200": Reply(raw=b"<html>log in to the proxy</html>", headers={"Content-Type": "text/html"}),
    "HTML with 502": Reply(
        status=502, raw=b"<html>bad gateway</html>", headers={"Content-Type": "text/html"}
    ),
    "a redirect elsewhere": Reply(status=307, headers={"Location": "http://127.0.0.1:9/v1/"}),
    "10 GB": Reply(raw=b"{" + b" " * 9_000_000, claims=10 * 2**30),
    "one byte a second": Reply(raw=b'{"data": {}}', drip=1.0),
    "silence": Reply(hang=True),
    "a list": Reply(json=[1, 2, 3]),
    "deep nesting": Reply(raw=b"[" * 100_000),
    "no JSON": Reply(raw=b"\xff\xfe\x00"),
    "sealed": Reply(status=503, json=SEALED),
    "a dead token": Reply(status=403, json=DEAD),
    "denied everywhere": Reply(status=403, json=DENIED),
    "our token, sent back": Reply(status=403, raw=_ECHO),
    "our token, sent back as a failure": Reply(status=500, raw=_ECHO),
    "rate limited": Reply(status=429, json={"errors": ["slow down"]}, headers={"Retry-After": "9" * 300}),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_is_no_answer_of_a_vault_ends_the_run_without_a_trace_of_the_token(
    tmp_path: Path, liar: ScriptedVault, lie: str
):
    liar.reply("GET /v1/", LIES[lie])
    liar.reply("POST /v1/", LIES[lie])
    liar.reply("LIST /v1/", LIES[lie])
    liar.reply("GET /v1/sys/internal/ui/mounts/", LIES[lie])
    desk = at(tmp_path, liar)
    began = time.monotonic()
    said = desk.run("plan", "-v")
    assert time.monotonic() - began < 30
    assert said.code == 8, said
    assert said.out == ""
    first = said.err.splitlines()[0]
    assert first.startswith("error: ")
    for text in (TOKEN, TOKEN[::-1], TOKEN[4:24], "<html>", "slow down", "Traceback"):
        assert text not in said.err


def test_no_verb_of_reading_writes_to_a_vault(tmp_path: Path, liar: ScriptedVault):
    desk = at(tmp_path, liar)
    for verb in ("plan", "status"):
        desk.run(verb)
    written: list[Any] = [seen.line for seen in liar.seen if seen.method not in ("GET", "LIST", "SCAN")]
    assert written == []
