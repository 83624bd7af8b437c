"""`reconciler drift`: each thing that another hand can change is named, nothing is changed, and all is exit 7."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.model.secret import Document
from reconciler.model.store_path import StorePath
from reconciler.report.contract import schema_of
from reconciler.sandbox import Sandbox
from tests.cli.keyboard import Keyboard
from tests.cli.town import CLIENT_PATH, Town
from tests.e2e.roles import at_vault
from tests.servers.places import VaultPlace
from tests.servers.process import free_port

CRM, IDP = "account/sales/crm", "provider/sales/idp"


def drift(town: Town, *flags: str, expect: int = 7, **more: str) -> list[tuple[str | None, str]]:
    """(address, kind) of every difference; the document is a valid one and says the exit code."""
    said = town.desk.run("drift", "-o", "json", *flags, expect=expect, **more)
    document: dict[str, Any] = json.loads(said.out)
    Draft202012Validator(schema_of("drift")).validate(document)
    assert document["exit_code"] == expect
    return [(one["address"], one["reason"]) for one in document["differences"]]


@pytest.fixture
def settled(town: Town) -> Town:
    town.settle("crm")
    return town


def everything(town: Town) -> str:
    with sqlite3.connect(town.store_file) as connection:
        dump = "\n".join(connection.iterdump())
    connection.close()
    return dump


def rewrite(town: Town, path: str, **changes: Any) -> None:
    """Another hand writes a version, as with Vault's own tools."""
    where = StorePath(tuple(path.split("/")))
    with town.store() as store:
        stored = store.read(where)
        assert stored.document is not None
        store.write(where, Document({**stored.document.plain(), **changes}), cas=stored.version)


def remark(town: Town, path: str, **changes: str) -> None:
    """Another hand writes metadata; '' takes a key away."""
    where = StorePath(tuple(path.split("/")))
    with town.store() as store:
        metadata = store.read_metadata(where)
        assert metadata is not None
        said = {**metadata.custom, **{key.replace("_", "-"): value for key, value in changes.items()}}
        store.write_metadata(where, {key: value for key, value in said.items() if value})


def test_nothing_drifted_and_nothing_is_changed_by_looking(settled: Town):
    before = everything(settled)
    assert drift(settled, expect=0) == []
    assert drift(settled, "--registrations", "--tokens", expect=0) == []
    assert everything(settled) == before
    assert settled.desk.run("drift", expect=0).out.endswith("Drift: none in 3 objects.\n")


def test_a_client_secret_that_was_changed(settled: Town):
    settled.put_secret(CLIENT_PATH, "another-s3cret-of-the-team")
    before = everything(settled)
    assert drift(settled) == [(IDP, "SecretMoved")]
    assert everything(settled) == before
    text = settled.desk.run("drift", expect=7).out
    assert "version 1" in text
    assert "version 2" in text
    assert "another-s3cret-of-the-team" not in text
    settled.desk.run("reconcile", expect=0)
    assert drift(settled, expect=0) == []


def test_a_client_secret_that_is_gone(settled: Town):
    settled.desk.run("secret", "rm", CLIENT_PATH, expect=0)
    assert drift(settled) == [(IDP, "SecretGone")]


def test_a_published_token_that_was_deleted(settled: Town):
    with settled.store() as store:
        store.delete_newest(StorePath(("reconciler", "tokens", "sales", "crm")))
    assert drift(settled) == [(CRM, "TokenRemoved")]


def test_a_grant_that_was_deleted(settled: Town):
    with settled.store() as store:
        store.delete_newest(StorePath(("reconciler", "grants", "sales", "crm")))
    assert drift(settled) == [(CRM, "GrantRemoved")]


def test_a_published_token_that_was_written_by_another_hand(settled: Town):
    rewrite(settled, "reconciler/tokens/sales/crm", access_token="somebody-elses-token")
    assert drift(settled, expect=0) == [], "metadata alone does not tell"
    said = settled.desk.run("drift", "--tokens", expect=7)
    assert "somebody-elses-token" not in said.out + said.err
    assert drift(settled, "--tokens") == [(CRM, "TokenEdited")]
    settled.desk.run("refresh", "sales/crm", "--force", expect=0)
    assert drift(settled, "--tokens", expect=0) == []


@pytest.mark.parametrize("path", ["reconciler/tokens/sales/crm", "reconciler/providers/sales/idp"])
def test_metadata_that_was_written_by_another_hand(settled: Town, path: str):
    remark(settled, path, note="mine")
    ((address, kind),) = drift(settled)
    assert (address, kind) == (CRM if "tokens" in path else IDP, "MetadataEdited")


def test_another_owner_s_mark(settled: Town):
    remark(settled, "reconciler/tokens/sales/crm", managed_by="reconciler/mallory")
    assert drift(settled) == [(CRM, "OwnerChanged")]


def test_an_issuer_that_names_another_endpoint_today(settled: Town):
    remark(settled, "reconciler/providers/sales/idp", endpoints=_moved(settled))
    found = drift(settled)
    assert {kind for _, kind in found} == {"DiscoveryChanged"}
    text = settled.desk.run("drift", expect=7).out
    assert "https://old.example/token" in text


def _moved(town: Town) -> str:
    """What the record would say if the issuer had named another token endpoint when it was applied."""
    with town.store() as store:
        metadata = store.read_metadata(StorePath(("reconciler", "providers", "sales", "idp")))
    assert metadata is not None
    pairs = [pair.partition("=") for pair in metadata.custom["endpoints"].split()]
    return " ".join(f"{k}={'https://old.example/token' if k == 'token' else v}" for k, _, v in pairs)


def test_an_issuer_that_does_not_answer_is_not_called_equal(settled: Town):
    at = settled.desk.folder / "manifests/sales/idp.yaml"
    # Record and manifest agree on an issuer behind which nobody is any more.
    at.write_text(at.read_text().replace(settled.sandbox.issuer, f"http://127.0.0.1:{free_port()}"))
    remark(settled, "reconciler/providers/sales/idp", manifest_digest=_digest(settled))
    said = settled.desk.run("drift", "-o", "json", expect=4)
    assert [one["address"] for one in said.json["not_seen"]] == [IDP]


def _digest(town: Town) -> str:
    from reconciler.adapters.manifest_catalogue import load_catalogue
    from reconciler.adapters.manifests import load
    from reconciler.decide.desired import resolve

    folder = town.desk.folder / "manifests"
    desired = resolve(load(folder), load_catalogue(), root=str(folder))
    return next(iter(desired.providers.values())).digest


def test_what_is_ignored_does_not_count(settled: Town):
    settled.put_secret(CLIENT_PATH, "another-s3cret-of-the-team")
    assert drift(settled, "--ignore", "SecretMoved:sales/idp", expect=0) == []
    assert drift(settled, "--ignore", "SecretMoved:sales/other") == [(IDP, "SecretMoved")]


def test_a_kind_that_there_is_not(settled: Town):
    said = settled.desk.run("drift", "--ignore", "SecretMovd", expect=64)
    assert "did you mean 'SecretMoved'?" in said.err


def test_markdown_is_one_table_with_its_marker(settled: Town):
    settled.put_secret(CLIENT_PATH, "another-s3cret-of-the-team")
    out = settled.desk.run("drift", "-o", "markdown", expect=7).out
    assert out.startswith("<!-- reconciler:drift -->\n**OAuth drift: 1 difference in 3 objects.**")
    assert "| SecretMoved | `provider/sales/idp` |" in out


def test_what_git_asks_for_is_no_drift(settled: Town):
    at = settled.desk.folder / "manifests/sales/idp.yaml"
    at.write_text(at.read_text().replace("spec:\n", "spec:\n  protect: true\n"))
    (settled.desk.folder / "manifests/sales/mail.yaml").unlink()
    settled.desk.run("plan", "--detailed-exitcode", expect=2)
    assert drift(settled, expect=0) == []


def test_looking_makes_no_store(tmp_path: Path):
    desk = Keyboard(tmp_path, {"RECONCILER_STORE": f"sqlite://{tmp_path}/store/store.db"})
    (tmp_path / "manifests").mkdir()
    desk.run("drift", expect=8)
    assert not (tmp_path / "store").exists()


# ---------------------------------------------------------------------------------------------------- a real Vault


@pytest.fixture
def on_vault(sandbox: Sandbox, vault: VaultPlace, tmp_path: Path) -> Town:
    sandbox.clear_faults()
    town = Town(sandbox, Keyboard(tmp_path, *at_vault(vault)))
    town.found()
    town.settle("crm")
    return town


def test_the_plan_role_is_enough_and_reads_no_secret(on_vault: Town, vault: VaultPlace):
    with vault.server.audited("drift") as log:
        assert drift(on_vault, expect=0) == []
        calls = log.calls(under=f"{vault.mount}/")
    assert {operation for operation, _ in calls} <= {"read", "list"}
    assert all("/trust/" in path for _, path in calls if "/data/" in path)


def test_the_deep_look_reads_and_writes_nothing(on_vault: Town, vault: VaultPlace):
    vault.put("reconciler/tokens/sales/crm", {"access_token": "x", "token_type": "Bearer"})
    with vault.server.audited("deep") as log:
        assert drift(on_vault, "--tokens", "--registrations") == [(CRM, "TokenEdited")]
        calls = log.calls(under=f"{vault.mount}/")
    assert {operation for operation, _ in calls} <= {"read", "list"}


def test_a_login_that_was_given_more_than_its_role(on_vault: Town, vault: VaultPlace):
    found = drift(on_vault, "--role", "plan", VAULT_TOKEN=vault.token)
    assert found == [(None, "PolicyDiffers")]
    assert drift(on_vault, "--role", "plan", expect=0) == []
