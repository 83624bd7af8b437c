"""What scripts read: one whole JSON document on stdout, of the published shape, whatever happens; all else on stderr."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reconciler.sandbox import TokenPolicy, faults
from tests.cli.town import CLIENT_PATH, Town, account

SCHEMAS = Path(__file__).parents[2] / "schemas"


def check(document: Any, name: str) -> None:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    found = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]
    assert found == []


def settled(town: Town) -> None:
    town.settle("crm", "mail")


def one_waits(town: Town) -> None:
    town.settle("crm")


def broken_manifest(town: Town) -> None:
    town.settle("crm", "mail")
    town.desk.write("sales/mail.yaml", account("mail", provider="idpp"))


def no_secret(town: Town) -> None:
    town.desk.run("secret", "rm", CLIENT_PATH, expect=0)


def moved_token_endpoint(town: Town) -> None:
    town.settle("crm", "mail")
    path = town.desk.folder / "manifests/sales/idp.yaml"
    path.write_text(path.read_text() + "    endpoints: {token: https://elsewhere.example/token}\n")


def emptied(town: Town) -> None:
    town.settle("crm", "mail")
    for path in (town.desk.folder / "manifests/sales").iterdir():
        path.unlink()


def refused_by_provider(town: Town) -> None:
    town.settle("crm", "mail")
    town.sandbox.revoke_person("crm@example.com")


def provider_down(town: Town) -> None:
    town.settle("crm", "mail")
    town.sandbox.add_fault(faults.html_answer("token", status=502, times=None))


def hostile_text(town: Town) -> None:
    """Text of others that could break a terminal, a table or a document."""
    text = account("crm", owner='"ana\\"}, | `x` <script> %0A::error::"')
    town.desk.write("sales/crm.yaml", text)
    town.settle("mail")


_STATES = (
    settled, one_waits, broken_manifest, no_secret, moved_token_endpoint, emptied, refused_by_provider, provider_down,
    hostile_text,
)  # fmt: skip
STATES: dict[str, Callable[[Town], None]] = {state.__name__: state for state in _STATES}
VERBS: dict[str, tuple[str, ...]] = {
    "plan": ("plan",),
    "plan-prune": ("plan", "--prune", "--detailed-exitcode"),
    "status": ("status",),
    "refresh": ("refresh", "--force", "--fail-on-attention"),
    "reconcile": ("reconcile", "--fail-on-attention"),
    "validate": ("validate",),
}
_SCHEMA = {"plan": "plan", "status": "status", "refresh": "run", "reconcile": "run", "validate": "validate"}


@pytest.mark.parametrize("state", STATES)
def test_every_document_is_whole_and_of_its_published_shape_and_the_exit_code_follows_from_it(
    town: Town, state: str
):
    STATES[state](town)
    for words in VERBS.values():
        said = town.desk.run(*words, "-o", "json", "-v", "--log-format", "json")
        document = json.loads(said.out)
        check(document, _SCHEMA[words[0]])
        assert document["kind"] == _SCHEMA[words[0]]
        for line in said.err.splitlines():
            assert isinstance(json.loads(line), dict), line
        assert "�" not in said.out


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    "output",
    [
        "text",
        pytest.param("markdown", marks=pytest.mark.slow),
        pytest.param("github", marks=pytest.mark.slow),
    ],
)
def test_every_format_ends_as_json_does(town: Town, state: str, output: str):
    STATES[state](town)
    for words in (("plan", "--detailed-exitcode"), ("status",), ("validate",)):
        if (words[0], output) in (("status", "github"), ("validate", "markdown")):
            assert town.desk.run(*words, "-o", output).code == 64
            continue
        expected = town.desk.run(*words, "-o", "json").code
        said = town.desk.run(*words, "-o", output, expect=expected)
        assert said.out
        assert said.err == ""
        assert "\x1b" not in said.out


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "-o", "json", "--no-such-flag"),
        ("plan", "-o", "json", "-f", "nowhere"),
        ("plan", "-o", "json", "--only", "sales/nobody"),
        ("reconcile", "-o", "json", "--purge"),
        ("status", "-o", "json", "extra"),
        ("refresh", "-o", "json", "sales/nobody"),
    ],
)
def test_a_wrong_command_line_prints_no_half_document(town: Town, words: tuple[str, ...]):
    said = town.desk.run(*words, "--log-format", "json", expect=64)
    assert said.out == ""
    (line,) = said.err.splitlines()
    error = json.loads(line)
    assert (error["level"], error["event"]) == ("error", "error")
    assert error["message"]
    assert error["hint"]


def test_the_summary_counts_what_the_document_lists(town: Town):
    plan = town.desk.run("plan", "-o", "json", expect=0).json
    listed: dict[str, int] = {}
    for change in [*plan["changes"], *plan["maintenance"]]:
        listed[change["action"]] = listed.get(change["action"], 0) + 1
    counted = {
        name: count
        for name, count in plan["summary"].items()
        if count and name not in ("attention", "unchanged")
    }
    assert counted == listed
    assert plan["summary"]["attention"] == len(plan["attention"])


def test_a_status_tells_all_that_the_contract_names(town: Town):
    town.settle("crm")
    status = town.desk.run("status", "-o", "json", expect=0).json
    crm = next(found for found in status["accounts"] if found["address"] == "account/sales/crm")
    assert {
        "address", "provider", "state", "reason", "since", "owner", "accessTokenExpiresAt", "consentNeededBy",
        "grantedScopes", "missingScopes", "remedy", "conditions",
    } <= set(crm)  # fmt: skip
    assert crm["accessTokenExpiresAt"].endswith("Z")
    assert {"type", "status", "reason", "message", "lastTransitionTime", "observedGeneration"} <= set(
        crm["conditions"][0]
    )


def test_a_plan_is_the_same_twice_and_its_digest_is_of_its_changes_alone(town: Town):
    first, second = (town.desk.run("plan", "-o", "json", expect=0).json for _ in range(2))
    first.pop("time"), second.pop("time")
    assert first == second
    # From here on tokens live two seconds, and are due after one.
    town.sandbox.configure_client(town.client["client_id"], policy=TokenPolicy(access_token_seconds=2))
    town.settle("crm")
    applied = town.desk.run("plan", "-o", "json").json
    assert applied["digest"] != first["digest"]
    time.sleep(1.1)
    due = town.desk.run("plan", "-o", "json").json
    assert [found["action"] for found in due["maintenance"]] == ["refresh"]
    assert due["digest"] == applied["digest"]


def test_what_is_trusted_is_a_document(town: Town):
    town.settle("crm")
    town.desk.run(
        "trust", "settings", "--allow-host", "sso.corp.example", "--secret-prefix", "sales=shared", expect=0
    )
    shown = town.desk.run("trust", "--show", "-o", "json", expect=0).json
    check(shown, "trust")
    assert (shown["mode"], shown["loopback"]) == ("tofu", True)
    assert shown["allowed_hosts"] == ["sso.corp.example"]
    assert shown["secret_prefixes"] == {"sales": ["shared"]}
    (binding,) = shown["bindings"]
    assert (binding["credential"], binding["origins"]) == ("clients/sales/idp", [town.sandbox.url])
    town.desk.run("trust", "idp", "--revoke", "--yes", expect=0)
    assert town.desk.run("trust", "--show", "-o", "json", expect=0).json["bindings"][0]["revoked"] is True
    said = town.desk.run("trust", "idp", "--yes", "-o", "json", expect=64)
    assert "-o json is for --show" in said.err


def test_which_secrets_there_are_is_a_document_without_their_values(town: Town):
    listed = town.desk.run("secret", "list", "-o", "json", expect=0)
    check(listed.json, "secrets")
    (one,) = listed.json["secrets"]
    assert (one["path"], one["version"], one["keys"], one["deleted"]) == (
        CLIENT_PATH,
        1,
        ["client_secret"],
        False,
    )
    assert town.client["client_secret"] not in listed.out + listed.err
    nothing = town.desk.run("secret", "list", "clients/support", "-o", "json", expect=0)
    assert (nothing.json["secrets"], nothing.err) == ([], "")
