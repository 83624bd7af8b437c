"""How commands end: each code of DESIGN §9 by the shortest way to it, and which one wins where several apply."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler import errors
from reconciler.decide.results import EXIT_ORDER, exit_code
from reconciler.model.grant import GrantRecord, Holder, Intent, Phase
from reconciler.model.store_path import StorePath
from reconciler.sandbox import faults
from tests.cli.keyboard import Keyboard
from tests.cli.town import CLIENT_PATH, Town, account
from tests.servers.process import free_port

ORDER = (64, 65, 8, 1, 3, 4, 6, 5, 7, 2, 0)


def test_the_order_is_the_designs():
    assert EXIT_ORDER == ORDER


@pytest.mark.parametrize(("stronger", "weaker"), list(itertools.combinations(ORDER, 2)))
def test_where_two_apply_the_more_urgent_wins(stronger: int, weaker: int):
    assert exit_code([weaker, stronger, weaker]) == stronger


def test_every_error_of_ours_has_a_code_of_the_table():
    def leaves(tree: type[errors.ReconcilerError]) -> list[type[errors.ReconcilerError]]:
        return [tree, *(leaf for below in tree.__subclasses__() for leaf in leaves(below))]

    known = [leaf for leaf in leaves(errors.ReconcilerError) if leaf.__module__ == "reconciler.errors"]
    assert {leaf.exit_code for leaf in known} <= set(ORDER)


def test_0_and_2_a_plan_with_changes_and_one_without(town: Town):
    town.desk.run("plan", expect=0)
    town.desk.run("plan", "--detailed-exitcode", expect=2)
    town.settle("crm", "mail")
    town.desk.run("plan", "--detailed-exitcode", expect=0)


def test_2_is_not_said_of_what_only_needs_a_person_or_is_only_due(town: Town):
    town.settle("crm")
    assert town.desk.run("plan", "-o", "json", "--detailed-exitcode", expect=0).json["attention"]


def test_3_a_guard_names_itself_and_the_flag_that_passes_it(town: Town):
    town.settle("crm")
    for path in (town.desk.folder / "manifests/sales").iterdir():
        path.unlink()
    before = town.rows()
    for verb in (("plan", "--prune"), ("reconcile", "--prune")):
        said = town.desk.run(*verb, expect=3)
        assert "EmptyDesired" in said.out
        assert "--allow-empty" in said.out
    assert town.rows() == before
    town.desk.run("plan", "--prune", "--allow-empty", "--allow-bulk-removal", "--detailed-exitcode", expect=2)


def test_3_a_guard_hides_nothing_of_the_plan_that_it_stops(town: Town):
    town.settle("crm", "mail")
    for path in (town.desk.folder / "manifests/sales").iterdir():
        path.unlink()
    stopped = town.desk.run("plan", "--prune", "-o", "json", expect=3).json
    passed = town.desk.run(
        "plan", "--prune", "--allow-empty", "--allow-bulk-removal", "-o", "json", expect=0
    ).json
    assert stopped["guards"]
    assert all(guard["flag"].startswith("--allow-") for guard in stopped["guards"])
    assert stopped["changes"] == passed["changes"] != []
    text = town.desk.run("plan", "--prune", expect=3).out
    assert all(change["address"].partition("/")[2] in text for change in stopped["changes"])


def test_3_before_4_where_one_provider_is_not_trusted_and_another_has_no_secret(town: Town):
    town.settle("crm", "mail")
    path = town.desk.folder / "manifests/sales/idp.yaml"
    other = path.read_text().replace("name: idp", "name: other").replace(CLIENT_PATH, "clients/sales/other")
    town.desk.write("sales/other.yaml", other)
    town.desk.run("plan", expect=4)
    path.write_text(path.read_text() + "    endpoints: {token: https://elsewhere.example/token}\n")
    for verb in ("plan", "reconcile"):
        town.desk.run(verb, expect=3)


def test_4_one_account_failed_and_the_rest_is_done(town: Town):
    town.settle("crm", "mail")
    token = town.read("reconciler/grants/sales/crm")["refresh_token"]
    town.sandbox.add_fault(faults.oauth_error("token", "invalid_client", status=401, refresh_token=token))
    results = town.result("refresh", "--force", expect=4)
    assert {address: found["outcome"] for address, found in results.items()} == {
        "account/sales/crm": "refused",
        "account/sales/mail": "done",
    }


def test_5_only_where_it_is_asked_for(town: Town):
    for verb in ("status", "reconcile"):
        town.desk.run(verb, expect=0)
        town.desk.run(verb, "--fail-on-attention", expect=5)


def test_6_another_run_holds_the_account(town: Town):
    town.settle("crm")
    path = StorePath(("reconciler", "grants", "sales", "crm"))
    with town.store() as store:
        # What another machine's run writes before it calls the provider.
        stored = store.read(path)
        assert stored.document is not None
        intent = Intent(
            op_id="another-run",
            phase=Phase.SENT,
            refresh_fingerprint="f" * 16,
            holder=Holder("elsewhere", "boot", "namespace", 7, "1"),
            deadline=timedelta(minutes=15),
            tool="reconciler",
        )
        record = replace(GrantRecord.from_document(stored.document), intent=intent)
        store.write(path, record.to_document(), cas=stored.version)
    held = town.result("refresh", "--force", "sales/crm", RECONCILER_HTTP_DEADLINE="1s", expect=6)
    assert held["account/sales/crm"]["outcome"] == "held"


def test_8_a_store_out_of_reach(desk: Keyboard):
    desk.write("a.yaml", account("crm", provider="default/idp").replace("sales", "default"))
    address = f"http://127.0.0.1:{free_port()}"
    for verb in (("plan",), ("reconcile",), ("status",), ("refresh",), ("secret", "list"), ("init-store",)):
        said = desk.run(
            *verb,
            RECONCILER_STORE="vault://kv/reconciler",
            VAULT_ADDR=address,
            VAULT_TOKEN="t",
            VAULT_CLIENT_TIMEOUT="1",
        )
        assert said.code == 8, said
        assert said.out == ""
        assert said.err.startswith("error: ")


@pytest.mark.parametrize(
    ("words", "sentence", "hint"),
    [
        (("paln",), "there is no verb 'paln'", "did you mean 'plan'?"),
        (("frobnicate",), "there is no verb 'frobnicate'", "run 'reconciler --help' for the verbs"),
        (("plan", "--prnue"), "reconciler plan has no option --prnue", "did you mean '--prune'?"),
        (("plan", "extra"), "reconciler plan does not take 'extra'", "run 'reconciler plan --help'"),
        (
            ("plan", "--jobs", "0"),
            "--jobs: write a whole number from 1 to 64",
            "run 'reconciler plan --help'",
        ),
        (
            ("plan", "--jobs", "65"),
            "--jobs: write a whole number from 1 to 64",
            "run 'reconciler plan --help'",
        ),
        (("plan", "-o", "xml"), "'xml' is not one of", "run 'reconciler plan --help'"),
        (
            ("plan", "--due-within", "soon"),
            "--due-within: write a duration",
            "run 'reconciler plan --help'",
        ),
        (("plan", "-f", "nowhere"), "no such file or folder: nowhere", "name the manifests with -f PATH"),
        (("consent",), "name one account, or say --all", "run 'reconciler status' for who must consent"),
        (("consent", "--all", "sales/crm"), "name one account, or say --all", ""),
        (("consent", "sales/crm", "-l", "a=b"), "choose among --all", "run: reconciler consent --all"),
        (("consent", "sales/crm", "--device", "--paste"), "two ways to consent", "give one of them"),
        (("consent", "a/b/c/d"), "'a/b/c/d'", ""),
        (("reconcile", "--purge"), "--purge destroys what --prune removes", "write both, or neither"),
        (("trust", "bind"), "name a provider", "reconciler trust provider/<namespace>/<name>, or --show"),
        (("secret", "set", "clients/x"), "KEY is missing", "run 'reconciler secret set --help'"),
        (("plan", "--only", "no such"), "no such", ""),
        (("plan", "-l", "team"), "team", ""),
    ],
)
def test_64_a_wrong_command_line_is_one_sentence_and_a_hint(
    desk: Keyboard, words: tuple[str, ...], sentence: str, hint: str
):
    desk.write("a.yaml", "")
    said = desk.run(*words, expect=64)
    first, *rest = said.err.splitlines()
    assert first.startswith("error: ")
    assert sentence in first
    assert said.out == ""
    if hint:
        assert rest == [f"  hint: {hint}"]


def test_65_before_everything_that_the_store_could_say(town: Town):
    town.settle("crm")
    town.desk.write("sales/mail.yaml", account("mail", provider="idpp"))
    town.desk.run("secret", "rm", CLIENT_PATH, expect=0)
    for verb in ("plan", "reconcile", "validate"):
        town.desk.run(verb, expect=65)


def test_1_an_error_that_nobody_foresaw_is_told_by_its_type_and_place(
    desk: Keyboard, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("s3cret-in-the-text")

    monkeypatch.setattr("reconciler.adapters.manifests.load", broken)
    said = desk.run("validate", expect=1)
    assert said.out == ""
    sentence, hint = said.err.splitlines()
    assert sentence.startswith("error: a bug in reconciler: RuntimeError at broken:")
    assert hint == "  hint: please report it with 'reconciler --version' and the command line"
    said = desk.run("validate", "--log-format", "json", expect=1)
    assert json.loads(said.err)["message"].startswith("a bug in reconciler: RuntimeError")


def test_the_codes_of_click_itself_are_never_seen(desk: Keyboard):
    """2 means `changes pending` here, and nothing else."""
    for words in (["--bad"], ["plan", "--bad"], ["sandbox", "--bad"], ["trust", "--bad"], ["completion"], []):
        assert desk.run(*words).code == 64
