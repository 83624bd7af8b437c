"""The exit-code table of DESIGN §9, row by row: what happened, what was typed, and how it must end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.cli.main import VERBS
from reconciler.decide.results import EXIT_ORDER
from reconciler.model.secret import Document
from reconciler.model.store_path import StorePath
from tests.cli.keyboard import Keyboard
from tests.cli.town import CLIENT_PATH, Town, account
from tests.servers.process import free_port

Happening = Callable[[Town], None]


def nothing(town: Town) -> None:
    """Declared, and never reconciled."""


def settled(town: Town) -> None:
    town.settle("crm", "mail")


def one_waits(town: Town) -> None:
    town.settle("crm")


def emptied(town: Town) -> None:
    town.settle("crm")
    for path in (town.desk.folder / "manifests/sales").iterdir():
        path.unlink()


def without_secret(town: Town) -> None:
    town.settle("crm", "mail")
    town.desk.run("secret", "rm", CLIENT_PATH, expect=0)


def dead(town: Town) -> None:
    town.settle("crm", "mail")
    town.age("crm", seconds=7200)


def another_hand(town: Town) -> None:
    town.settle("crm", "mail")
    path = StorePath(("reconciler", "tokens", "sales", "crm"))
    with town.store() as store:
        stored = store.read(path)
        assert stored.document is not None
        changed = {**stored.document.plain(), "access_token": "somebody-elses"}
        store.write(path, Document(changed), cas=stored.version)


def another_secret(town: Town) -> None:
    town.settle("crm", "mail")
    town.put_secret(CLIENT_PATH, "another")


def broken(town: Town) -> None:
    town.settle("crm", "mail")
    town.desk.write("sales/mail.yaml", account("mail", provider="idpp"))


TABLE: tuple[tuple[int, Happening, str], ...] = (
    (0, settled, "validate"),
    (0, settled, "plan --detailed-exitcode"),
    (0, settled, "reconcile --fail-on-attention"),
    (0, settled, "status --fail-on-attention"),
    (0, settled, "refresh"),
    (0, settled, "check crm"),
    (0, settled, "drift"),
    (0, settled, "token crm"),
    (0, settled, "history crm"),
    (0, settled, "forecast"),
    (0, settled, "trust --show"),
    (0, settled, "secret list"),
    (0, one_waits, "status"),
    (2, nothing, "plan --detailed-exitcode"),
    (3, emptied, "plan --prune"),
    (3, emptied, "reconcile --prune"),
    (4, without_secret, "plan"),
    (4, without_secret, "reconcile"),
    (4, without_secret, "refresh --force"),
    (4, dead, "check crm"),
    (5, one_waits, "status --fail-on-attention"),
    (5, one_waits, "reconcile --fail-on-attention"),
    (5, one_waits, "refresh --fail-on-attention"),
    (5, one_waits, "check mail"),
    (5, one_waits, "token mail"),
    (7, another_secret, "drift"),
    (7, another_secret, "drift -o json"),
    (7, another_hand, "drift --tokens"),
    (65, broken, "validate"),
    (65, broken, "plan"),
    (65, broken, "reconcile"),
    (65, broken, "status"),
)
ELSEWHERE = {
    1: "test_exit_codes::test_1_an_error_that_nobody_foresaw_is_told_by_its_type_and_place",
    6: "test_exit_codes::test_6_another_run_holds_the_account",
    8: "below",
    64: "below",
}


def test_each_code_has_its_row():
    assert {code for code, *_ in TABLE} | set(ELSEWHERE) == set(EXIT_ORDER)


@pytest.mark.parametrize(
    ("code", "happened", "typed"), TABLE, ids=lambda part: getattr(part, "__name__", part)
)
def test_it_ends_as_the_table_says(town: Town, code: int, happened: Happening, typed: str):
    happened(town)
    town.desk.run(*typed.split(), expect=code)


@pytest.mark.parametrize("verb", VERBS)
def test_64_each_verb_refuses_a_flag_that_it_does_not_have(desk: Keyboard, verb: str):
    said = desk.run(verb, "--no-such-flag", expect=64)
    assert said.out == ""
    assert "error: " in said.err


@pytest.mark.parametrize(
    "typed",
    [
        "plan",
        "reconcile",
        "status",
        "refresh",
        "check sales/crm",
        "token sales/crm",
        "drift",
        "history sales/crm",
        "forecast",
        "trust --show",
        "secret list",
        "init-store",
        "revoke sales/crm --yes",
    ],
)
def test_8_each_verb_that_needs_the_store_says_that_it_is_out_of_reach(desk: Keyboard, typed: str):
    desk.write("sales/a.yaml", account("crm"))
    desk.write(
        "sales/b.yaml",
        "apiVersion: oauth2.reconciler/v1\nkind: Provider\nmetadata: {name: idp, namespace: sales}\n"
        "spec: {base: google, client: {id: c, secretRef: {path: clients/sales/idp, key: client_secret}}}\n",
    )
    said = desk.run(
        *typed.split(),
        RECONCILER_STORE="vault://kv/reconciler",
        VAULT_ADDR=f"http://127.0.0.1:{free_port()}",
        VAULT_TOKEN="t",
        VAULT_CLIENT_TIMEOUT="1",
    )
    assert said.code == 8, said
    assert said.err.startswith("error: ")
