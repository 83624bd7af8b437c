"""Each verb once, word for word: what a person sees who follows the story from the first manifest to the last refresh."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from reconciler import __version__
from reconciler.model.store_path import StorePath
from reconciler.sandbox import Sandbox
from tests.cli.keyboard import Keyboard
from tests.cli.town import CLIENT_PATH, Town, account

_CLOCK = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|\b\d\d:\d\d\b")


def fixed(town: Town, text: str) -> str:
    """The text with this run's own folder, issuer and times named, and blanks at line ends and columns made one."""
    shown = re.sub(r" *\n +", "\n  ", text).replace(str(town.store_file), "STORE")
    shown = shown.replace(town.sandbox.issuer, "ISSUER")
    shown = _CLOCK.sub("TIME", shown)
    return "\n".join(re.sub(r"(?<=\S) {2,}", "  ", line).rstrip() for line in shown.splitlines())


def test_version(desk: Keyboard):
    assert desk.run("--version", expect=0) == desk.run("--version")
    assert desk.run("--version").out == f"reconciler {__version__}\n"


def test_no_verb_shows_the_help_and_is_a_usage_error(desk: Keyboard):
    said = desk.run(expect=64)
    assert "Verbs:" in said.out + said.err


def test_validate_counts_what_is_valid_and_needs_no_store(desk: Keyboard):
    desk.write("sales/crm.yaml", account("crm", provider="idpp"))
    desk.write("sales/google.yaml", "apiVersion: oauth2.reconciler/v1\nkind: Provider\n")
    said = desk.run("validate", expect=65)
    assert said.out == (
        "manifests/sales/google.yaml:1:1: error: missing key 'metadata'\n"
        "manifests/sales/google.yaml:1:1: error: missing key 'spec'\n"
        "\n"
        "2 problems; 0 providers and 0 accounts in 2 files under manifests are valid\n"
    )
    assert said.err == ""
    assert not (desk.folder / "store").exists()


def test_validate_of_valid_manifests(town: Town):
    said = town.desk.run("validate", expect=0)
    assert said.out == "1 provider and 2 accounts in 3 files under manifests: valid\n"


def test_init_store_makes_a_store_and_leaves_one_that_is_there(desk: Keyboard):
    first = desk.run("init-store", "--trust", "strict", expect=0)
    assert (
        first.out == f"sqlite {desk.folder}/store/store.db: store of format 1 under 'reconciler' is ready\n"
    )
    assert desk.run("init-store", "--trust", "tofu", "--loopback", expect=0).out == first.out
    assert desk.run("trust", "--show", expect=0).out == "mode strict · loopback refused\n"


def test_secret_is_set_listed_without_its_value_and_removed(desk: Keyboard):
    value = "the-value-nobody-sees"
    said = desk.run("secret", "set", CLIENT_PATH, "client_secret", stdin=f"{value}\n", expect=0)
    assert said == type(said)(0, f"{CLIENT_PATH}#client_secret is version 1\n", "")
    desk.run("secret", "set", CLIENT_PATH, "client_id", stdin="an-id", expect=0)
    listed = desk.run("secret", "list", expect=0)
    assert re.fullmatch(rf"{CLIENT_PATH}  version 2  \S+Z  client_id, client_secret\n", listed.out), (
        listed.out
    )
    assert value not in listed.out + listed.err
    desk.run("secret", "rm", CLIENT_PATH, "client_id", expect=0)
    assert desk.run("secret", "rm", CLIENT_PATH, expect=0).out == f"{CLIENT_PATH} is removed\n"
    assert "(deleted)" in desk.run("secret", "list", expect=0).out
    assert desk.run("secret", "list", "clients/nobody").err == "no secrets under clients/nobody\n"


def test_secret_at_a_terminal_is_asked_for_twice_and_never_echoed(
    desk: Keyboard, monkeypatch: pytest.MonkeyPatch
):
    # click's hidden prompt reads the terminal itself, which a stream in memory is not.
    asked: list[str] = []

    def hidden(prompt: str) -> str:
        asked.append(prompt)
        return "typed-s3cret"

    monkeypatch.setattr("click.termui.hidden_prompt_func", hidden)
    said = desk.at_terminal(
        "secret", "set", CLIENT_PATH, "client_secret", answers=lambda seen: "never asked this way", expect=0
    )
    assert len(asked) == 2
    assert "typed-s3cret" not in said.out + said.err


@pytest.mark.parametrize(
    ("stdin", "words"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"x" * 65537, "longer than 64 KiB"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_a_secret_that_cannot_be_one_is_refused(desk: Keyboard, stdin: bytes, words: str):
    said = desk.run("secret", "set", CLIENT_PATH, "client_secret", stdin=stdin, expect=64)
    assert words in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    "path", ["../../sys/policies", "clients//idp", "/clients/idp", "reconciler/grants/sales/crm"]
)
def test_a_secret_is_only_put_where_secrets_of_people_are(desk: Keyboard, path: str):
    said = desk.run("secret", "set", path, "client_secret", stdin="x")
    assert said.code in (3, 64), said
    assert said.out == ""
    assert said.err.startswith("error: ")


def test_the_story_of_a_plan_a_run_and_a_status(town: Town):
    plan = town.desk.run("plan", expect=0)
    assert plan.err == ""
    assert fixed(town, plan.out).splitlines()[-1] == "Plan: 1 to register, 2 to track. 2 need a person."
    assert "+ provider/sales/idp  register: static client, secret clients/sales/idp version 1" in plan.out

    run = town.desk.run("reconcile", expect=0)
    lines = fixed(town, run.out).splitlines()
    assert lines[0] == "+ provider/sales/idp  registered, written to reconciler/providers/sales/idp"
    assert lines[-1] == "Done: 1 registered, 2 tracked. 2 need a person."

    status = town.desk.run("status", expect=0)
    assert fixed(town, status.out).splitlines()[-1] == (
        "Status: 2 pending-consent. 2 of 2 accounts need a person."
    )
    town.consent("crm")
    town.consent("mail")
    assert fixed(town, town.desk.run("status", expect=0).out).splitlines()[-1] == (
        "Status: 2 ready. Nobody is needed."
    )
    refreshed = town.desk.run("refresh", "--force", "sales/crm", expect=0)
    assert fixed(town, refreshed.out).replace("\n  ", " ") == (
        "^ account/sales/crm  refreshed, good until TIME (59 min), written to reconciler/tokens/sales/crm (version 2)\n"
        "\nDone: 1 refreshed."
    )
    assert town.desk.run("refresh", expect=0).out == "Done: nothing to do.\n"


def test_apply_is_reconcile(town: Town):
    assert "registered" in town.desk.run("apply", expect=0).out


def test_consent_says_who_is_asked_for_what_and_that_the_grant_is_stored(town: Town):
    town.desk.run("reconcile", expect=0)
    said = town.desk.paste("sales/crm", town.allow("ana"))
    assert "account/sales/crm asks for access at provider/sales/idp" in said.err
    assert "who should consent: ana@example.com" in said.err
    assert "scope profile" in said.err
    assert "account/sales/crm" in said.out
    assert said.out.splitlines()[-1].startswith("Done: 1 ")


def test_consent_without_a_person_prints_the_command_and_exits_5(town: Town):
    town.desk.run("reconcile", expect=0)
    for variables in ({}, {"CI": "true", "RECONCILER_STORE": f"sqlite://{town.store_file}"}):
        said = town.desk.run("consent", "sales/crm", expect=5, **variables)
        assert said.out == ""
        assert said.err == (
            "error: account/sales/crm: a person must consent, and there is no terminal to ask at\n"
            "  hint: on a machine with a browser, run: reconciler consent sales/crm\n"
        )
    flagged = town.desk.at_terminal("consent", "--no-input", "sales/crm", answers=lambda seen: "")
    assert flagged.code == 5


def test_consent_denied_by_the_person_keeps_what_was_there(town: Town):
    from reconciler.sandbox import person

    town.settle("crm")
    before = town.read("reconciler/grants/sales/crm")
    said = town.desk.paste("sales/crm", person.press_deny, expect=5)
    assert said.out.startswith("✗ account/sales/crm  refused: access was denied at the provider")
    assert "hint   run again: reconciler consent sales/crm" in said.out
    assert town.read("reconciler/grants/sales/crm") == before


def test_trust_is_shown_bound_and_revoked(sandbox: Sandbox, desk: Keyboard):
    town = Town(sandbox, desk)
    town.found(trust="strict")
    refused = desk.run("reconcile", expect=3)
    assert "reconciler trust provider/sales/idp" in refused.out

    alone = desk.run("trust", "sales/idp", expect=5)
    assert "a person must agree" in alone.err
    bound = desk.run("trust", "sales/idp", "--yes", expect=0)
    assert bound.out == f"{CLIENT_PATH} → {sandbox.issuer}\n"
    assert (
        desk.run("trust", "sales/idp", "--yes", expect=0).out
        == f"{CLIENT_PATH} → {sandbox.issuer} (already)\n"
    )
    assert desk.run("trust", "--show", expect=0).out == (
        f"mode strict · loopback admitted\n{CLIENT_PATH} → {sandbox.issuer}\n"
    )
    desk.run("reconcile", expect=0)

    assert desk.run("trust", "sales/idp", "--revoke", "--yes", expect=0).out == f"{CLIENT_PATH} → revoked\n"
    assert desk.run("trust", "--show", expect=0).out.splitlines()[-1] == f"{CLIENT_PATH} → revoked"
    assert "trust in clients/sales/idp was revoked" in " ".join(desk.run("plan", expect=3).out.split())


def test_a_person_who_does_not_agree_to_trust_changes_nothing(sandbox: Sandbox, desk: Keyboard):
    town = Town(sandbox, desk)
    town.found(trust="strict")
    said = desk.at_terminal("trust", "sales/idp", answers=lambda seen: "n", expect=5)
    assert f"{CLIENT_PATH} may be sent to {sandbox.issuer}" in said.err
    assert desk.run("trust", "--show", expect=0).out == "mode strict · loopback admitted\n"


def test_trust_settings_change_what_is_named_and_keep_the_rest(desk: Keyboard):
    desk.run("init-store", expect=0)
    assert desk.run("trust", "--show", expect=0).out == "mode catalogue · loopback refused\n"
    desk.run("trust", "settings", "--loopback", "--allow-host", "idp.internal", expect=0)
    said = desk.run("trust", "settings", "--mode", "strict", "--secret-prefix", "sales=shared/crm", expect=0)
    assert said.out == (
        "mode strict · loopback admitted\n"
        "allowed host idp.internal\n"
        "namespace sales may also name shared/crm\n"
    )
    assert desk.run("trust", "settings", "--secret-prefix", "sales=../x").code == 64


def test_trust_settings_can_be_taken_back_and_name_other_mounts(desk: Keyboard):
    desk.run("init-store", "--allow-host", "IDP.internal", expect=0)
    prefix = ("--secret-prefix", "sales=team-kv:oauth/crm")
    said = desk.run("trust", "settings", *prefix, expect=0)
    assert said.out.splitlines()[1:] == [
        "allowed host idp.internal",
        "namespace sales may also name team-kv:oauth/crm",
    ]
    taken = ("--no-host", "idp.internal", "--no-secret-prefix", "sales=team-kv:oauth/crm")
    assert desk.run("trust", "settings", *taken, expect=0).out == "mode catalogue · loopback refused\n"


@pytest.mark.parametrize("verb", [("trust", "settings"), ("init-store",)], ids=" ".join)
def test_a_host_that_is_none_is_a_usage_error(desk: Keyboard, verb: tuple[str, ...]):
    desk.run("init-store", expect=0)
    said = desk.run(*verb, "--allow-host", "https://idp.internal", expect=64)
    assert said.err.startswith("error: 'https://idp.internal' is no host")


def test_schema_lists_prints_and_writes(desk: Keyboard):
    names = desk.run("schema", "--list", expect=0).out.split()
    assert names == sorted(names)
    assert {"account", "base-provider", "manifest", "plan", "provider", "run", "status", "validate"} <= set(
        names
    )
    for name in names:
        assert desk.run("schema", name, expect=0).json["$schema"].startswith("https://json-schema.org/")
    desk.run("schema", "--out", "made", expect=0)
    made = {path.name: path.read_text() for path in (desk.folder / "made").iterdir()}
    shipped = Path(__file__).parents[2] / "schemas"
    assert made == {path.name: path.read_text() for path in shipped.glob("*.json")}
    assert "there is no schema 'plam'" in desk.run("schema", "plam", expect=64).err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(desk: Keyboard, shell: str):
    said = desk.run("completion", shell, expect=0)
    assert "_RECONCILER_COMPLETE" in said.out
    assert said.err == ""
    assert desk.run("completion", "tcsh").code == 64


def test_sandbox_tells_its_own_usage_and_maps_its_exit_code(desk: Keyboard):
    assert desk.run("sandbox", "--help", expect=0).out.startswith("usage: ")
    assert desk.run("sandbox", "--no-such-flag").code == 64


def test_the_manifests_of_the_guide_are_read_as_they_stand(town: Town):
    """What `schema manifest` promises an editor, `validate` takes."""
    schema = town.desk.run("schema", expect=0).json
    for path in sorted((town.desk.folder / "manifests").rglob("*.yaml")):
        document = yaml.safe_load(path.read_text())
        assert document["kind"] in str(schema)


def test_issuers_are_asked_by_reconcile_and_not_by_what_only_uses_what_is_known(town: Town):
    town.settle("crm")
    with town.store() as store:
        path = StorePath(("reconciler", "providers", "sales", "idp"))
        metadata = store.read_metadata(path)
        assert metadata is not None
        store.write_metadata(path, {**metadata.custom, "discovered-at": "2020-01-01T00:00:00Z"})
    town.sandbox.reset_counters()
    town.age("crm")
    town.desk.run("plan", expect=0)
    town.desk.run("refresh", expect=0)
    town.consent("mail")
    assert town.sandbox.counters()["requests"].get("metadata", 0) == 0
    town.age("crm")
    town.desk.run("reconcile", expect=0)
    assert town.sandbox.counters()["requests"].get("metadata", 0) >= 1
