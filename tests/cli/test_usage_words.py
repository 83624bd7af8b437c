"""What is wrong with a command line is said in one sentence of ours: which flag, variable, verb, address or label, and
what was likely meant."""

from __future__ import annotations

import pytest

from tests.cli.keyboard import Keyboard
from tests.cli.town import Town


@pytest.mark.parametrize(
    ("arguments", "sentence", "hint"),
    [
        (("plan", "--jbos", "3"), "reconciler plan has no option --jbos", "did you mean '--jobs'?"),
        (("plan", "--bogus"), "reconciler plan has no option --bogus", "run 'reconciler plan --help'"),
        (("plan", "-o"), "-o needs a value", "run 'reconciler plan --help'"),
        (("plan", "--prune=yes"), "--prune takes no value", "run 'reconciler plan --help'"),
        (
            ("plan", "--jobs", "many"),
            "--jobs: write a whole number from 1 to 64",
            "run 'reconciler plan --help'",
        ),
        (("plan", "now"), "reconciler plan does not take 'now'", "run 'reconciler plan --help'"),
        (("token",), "ADDRESS is missing", "run 'reconciler token --help'"),
        (("store", "copy"), "--to is missing", "run 'reconciler store copy --help'"),
        (("completion",), "one of bash, zsh, fish is missing", "run 'reconciler completion --help'"),
        (("secret", "lisst"), "reconciler secret has no verb 'lisst'", "did you mean 'list'?"),
        (("github", "comment", "x", "--number", "0"), "--number: write a whole number, 1 or more", ""),
        (("completion", "tcsh"), "SHELL: 'tcsh' is not one of 'bash', 'zsh', 'fish'", ""),
    ],
)
def test_a_wrong_word_on_the_command_line_gets_one_sentence_and_a_hint(
    desk: Keyboard, arguments: tuple[str, ...], sentence: str, hint: str
):
    said = desk.run(*arguments, expect=64)
    first, second = said.err.splitlines()
    assert first == f"error: {sentence}"
    assert second.startswith("  hint: ")
    assert hint in second
    assert said.out == ""


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("RECONCILER_JOBS", "many", "RECONCILER_JOBS: write a whole number from 1 to 64"),
        ("RECONCILER_NO_COLOR", "maybe", "RECONCILER_NO_COLOR: write 1 or 0"),
        ("RECONCILER_OUTPUT", "yaml", "RECONCILER_OUTPUT: 'yaml' is not one of"),
    ],
)
def test_a_wrong_value_in_the_environment_is_told_by_the_variable_that_holds_it(
    desk: Keyboard, variable: str, value: str, words: str
):
    said = desk.run("plan", expect=64, **{variable: value})
    assert words in said.err
    assert "--" not in said.err.splitlines()[0]


@pytest.mark.parametrize(
    "arguments",
    [
        ("reconcile", "--expect-digest", ""),
        ("validate", "-f", ""),
        ("plan", "--out", ""),
        ("plan", "--only", ""),
        ("check", "crm", "--scopes", ""),
        ("export", "--namespace", ""),
        ("schema", "--out", ""),
        ("reconcile", "--plan="),
    ],
)
def test_an_empty_value_is_a_mistake_and_never_means_that_the_flag_was_left_out(
    town: Town, arguments: tuple[str, ...]
):
    before = town.rows()
    said = town.desk.run(*arguments, expect=64)
    assert "its value is empty: leave the flag out, or give it one" in said.err
    assert town.rows() == before


def test_an_empty_variable_counts_as_none(town: Town):
    town.desk.run("plan", expect=0, RECONCILER_OUT="", RECONCILER_ONLY="", RECONCILER_JOBS="")


@pytest.mark.parametrize("verb", ["consent", "check", "refresh", "revoke", "import", "token"])
def test_who_names_a_provider_where_an_account_is_wanted_is_told_so(town: Town, verb: str):
    said = town.desk.run(verb, "idp", expect=64)
    assert (
        "error: provider/sales/idp is no account\n  hint: name an account: account/<namespace>/<name>"
        in said.err
    )


def test_who_names_an_account_where_a_provider_is_wanted_is_told_so(town: Town):
    for arguments in (("trust", "sales/crm"), ("plan", "--register-again", "crm")):
        assert "account/sales/crm is no provider" in town.desk.run(*arguments, expect=64).err


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("consent", "sales/crn"), "sales/crm"),
        (("refresh", "crn"), "crm"),
        (("plan", "--only", "crn"), "crm"),
        (("plan", "--register-again", "ipd"), "idp"),
        (("trust", "ipd"), "idp"),
    ],
)
def test_an_address_with_a_slip_is_answered_with_the_one_that_was_meant(
    town: Town, arguments: tuple[str, ...], meant: str
):
    said = town.desk.run(*arguments, expect=64)
    assert f"hint: did you mean '{meant}'?" in said.err


def test_a_history_of_an_address_with_a_slip_names_the_stored_one(town: Town):
    town.settle()
    assert "did you mean 'crm'?" in town.desk.run("history", "crn", expect=64).err
    assert "did you mean 'sales/crm'?" in town.desk.run("history", "sales/crn", expect=64).err


def test_a_label_that_nothing_bears_is_no_empty_success(town: Town):
    crm = town.desk.folder / "manifests/sales/crm.yaml"
    crm.write_text(crm.read_text().replace("{name: crm", "{name: crm, labels: {team: sales}"))
    assert "account/sales/crm" in town.desk.run("plan", "-l", "team=sales", expect=0).out
    for verb in ("plan", "reconcile", "status", "forecast"):
        said = town.desk.run(verb, "-l", "team=slaes", expect=64)
        assert "error: no object bears the label team=slaes\n  hint: did you mean 'sales'?" in said.err
    assert town.desk.run("plan", "-l", "team=marketing", "-o", "json", expect=0).json["changes"] == []
    assert "did you mean 'team'?" in town.desk.run("plan", "-l", "taem=sales", expect=64).err


def test_labels_are_not_judged_while_a_document_cannot_be_read(town: Town):
    town.desk.write("sales/crm.yaml", "kind: {")
    town.desk.run("plan", "-l", "team=sales", expect=65)
