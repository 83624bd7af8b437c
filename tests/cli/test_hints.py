"""What is refused comes with what to do about it, by a command or a path that is right where it is read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.keyboard import Keyboard
from tests.cli.town import Town

HOUSE = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("content", "words", "hint"),
    [
        ("kind: Account\n".encode("utf-16"), "not UTF-8", "PowerShell's '>' writes UTF-16"),
        (b"\xff\xfe\x00", "not UTF-8", "save it as UTF-8"),
        (b"- kind: Account\n", "a manifest is a mapping", "one '---' between two documents, no list of them"),
        (b"just words\n", "a manifest is a mapping", "reconciler init DIR"),
        (b"a: " + b"x" * 300_000, "a document of more than 256 KiB", "split it"),
        (
            b"kind: Account\nmetadata: {name: x}\nspec: {}\n",
            "missing key 'apiVersion'",
            "write apiVersion: oauth2",
        ),
        (b"a: b\rc: d\n", "a carriage return without a line feed", "end lines with a line feed"),
    ],
)
def test_a_file_that_is_no_manifest_says_how_to_make_it_one(
    desk: Keyboard, content: bytes, words: str, hint: str
):
    (desk.folder / "manifests").mkdir()
    (desk.folder / "manifests/x.yaml").write_bytes(content)
    said = desk.run("validate", expect=65).out
    assert words in said
    assert hint in said.split("hint: ")[1]


def test_layout_of_what_does_not_read_names_the_command_that_says_why_for_the_same_folder(desk: Keyboard):
    (desk.folder / "oauth").mkdir()
    (desk.folder / "oauth/x.yaml").write_bytes(b"\xff")
    said = desk.run("fmt", "-f", "oauth", expect=65).err
    assert (
        said == "left alone: oauth/x.yaml: it does not read\n  hint: reconciler validate -f oauth says why\n"
    )
    desk.run("validate", "-f", "oauth", expect=65)


def test_while_a_file_cannot_be_read_nothing_is_said_to_be_no_longer_declared(town: Town):
    town.settle("crm")
    (town.desk.folder / "manifests/sales/crm.yaml").write_bytes(b"\xff\xfe")
    status = town.desk.run("status", expect=65)
    assert "orphaned" not in status.out
    assert "--prune" not in status.out
    assert "account/sales/crm   misconfigured: its manifest is invalid or cannot be read" in status.out
    assert "run    reconciler validate" in status.out
    plan = town.desk.run("plan", expect=65)
    assert "Plan: no changes, because of 1 problem in the manifests. 1 needs a person.\n" in plan.out
    done = town.desk.run("reconcile", expect=65)
    assert "no changes, because of 1 problem in the manifests. 1 needs a person. (exit 65)" in done.out


def test_a_forecasts_command_names_the_folder_that_it_was_made_of(town: Town):
    town.settle()
    elsewhere = town.desk.folder / "oauth"
    (town.desk.folder / "manifests").rename(elsewhere)
    said = town.desk.run("forecast", "-f", "oauth", expect=0)
    assert "run    reconciler consent sales/crm -f oauth" in said.out


def test_a_place_for_a_plan_that_is_not_there_comes_with_the_command_that_makes_it(town: Town):
    said = town.desk.run("plan", "--out", "gone/plan.json", expect=64)
    folder = town.desk.folder / "gone"
    assert f"hint: make its folder first: mkdir -p {folder}" in said.err
    folder.mkdir()
    town.desk.run("plan", "--out", "gone/plan.json", expect=0)


@pytest.mark.parametrize("arguments", [("show",), ("reconcile", "--plan"), ("github", "comment")])
def test_what_is_no_saved_plan_is_named_with_the_command_that_saves_one(
    desk: Keyboard, arguments: tuple[str, ...]
):
    (desk.folder / "other.json").write_text(json.dumps({"kind": "other"}))
    for name in ("gone.json", "other.json"):
        said = desk.run(*arguments, name, *(("--number", "1") if "github" in arguments else ()))
        assert said.code == 64
        assert said.err.startswith(f"error: {name}")
        assert "hint: save one with 'reconciler plan --out FILE'" in said.err


@pytest.mark.parametrize(
    ("arguments", "words", "hint"),
    [
        (("export", "--namespace", "sale"), "there is no namespace 'sale'", "did you mean 'sales'?"),
        (
            ("export", "--namespace", "Support Team"),
            "there is no namespace 'Support Team'",
            "write it like marketing",
        ),
        (("serve", "--trusted-proxy", "nginx"), "--trusted-proxy: 'nginx' is no IP address", "serve --help"),
        (("request", "crm", "whoami"), "the URL cannot be requested", "a path that begins with '/'"),
        (
            ("plan", "--accounts-url", "accounts"),
            "no address of a page",
            "write https://accounts.acme.example",
        ),
        (("secret", "rm", "clients/nope"), "there is no secret at clients/nope", "reconciler secret list"),
        (("secret", "set", "clients/sales/x", "key"), "the value on stdin is empty", "pipe the value in"),
        (("github", "issue", "--only", "crn"), "there is no object 'crn'", "did you mean 'crm'?"),
    ],
)
def test_a_refusal_says_what_to_do(town: Town, arguments: tuple[str, ...], words: str, hint: str):
    idp = town.desk.folder / "manifests/sales/idp.yaml"
    idp.write_text(
        idp.read_text().replace("  server:\n", "  server:\n    apiOrigins: [https://api.example]\n")
    )
    town.settle()
    said = town.desk.run(*arguments, GITHUB_REPOSITORY="acme/oauth", GITHUB_TOKEN="t")
    assert said.code in (4, 64), said
    assert words in said.err
    assert hint in said.err.split("hint: ")[1]


def test_a_folder_without_manifests_is_valid_and_said_to_hold_none(desk: Keyboard):
    (desk.folder / "other").mkdir()
    (desk.folder / "other/accounts.yaml.j2").write_text("kind: Account\n")
    assert desk.run("validate", "-f", "other", expect=0).out == (
        "0 providers and 0 accounts in 0 files under other: nothing to check, as no name there ends in .yaml or .yml\n"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("policy", "plan", "--jwt", "github", "--repository", "acme", "--audience", "https://v"),
            "is no repository",
        ),
        (("policy", "plan", "--namespace", "Sales Team"), "'Sales Team' is no namespace"),
        (("doctor", "--namespace", "Sales Team"), "'Sales Team' is no namespace"),
    ],
)
def test_a_name_that_can_be_none_is_refused_before_it_locks_anybody_out(
    desk: Keyboard, arguments: tuple[str, ...], words: str
):
    assert words in desk.run(*arguments, expect=64, RECONCILER_STORE="vault://oauth/reconciler").err


def test_no_hint_installs_a_package_of_our_name_from_an_index():
    """It is on none: whoever puts one there would be installed."""
    for path in [*(HOUSE / "reconciler").rglob("*.py"), *(HOUSE / "docs").rglob("*.md"), HOUSE / "README.md"]:
        text = path.read_text(encoding="utf-8")
        assert "pip install reconciler" not in text, path
        assert "pip install 'reconciler" not in text, path
        assert "install reconciler[" not in text, path


def test_a_refresh_beside_a_missing_consent_says_how_long_the_token_lives(town: Town):
    town.settle("crm")
    crm = town.desk.folder / "manifests/sales/crm.yaml"
    crm.write_text(crm.read_text().replace("scopes: [profile,", "scopes: [profile, email,"))
    town.age("crm", seconds=3540)
    lines = [line for line in town.desk.run("plan", expect=0).out.splitlines() if "account/sales/crm" in line]
    assert "needs a person" in lines[0]
    assert re.search(r"refresh: \d+ s left", lines[-1])
    town.age("crm", seconds=3700)
    assert "refresh: dead since" in town.desk.run("plan", expect=0).out
