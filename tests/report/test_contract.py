"""Our JSON documents against their published schemas, by an independent library; and what scripts rely on in them."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from reconciler.decide.results import Outcome, Result
from reconciler.model.names import account_address
from reconciler.model.schema import schema_file_name, schema_text
from reconciler.report import json_document
from reconciler.report.contract import SCHEMA_NAMES, schema_of
from reconciler.report.json_parts import result_part
from tests.report import story
from tests.report.story import COMMIT, TOOL

SCHEMAS = Path(__file__).parents[2] / "schemas"


@pytest.mark.parametrize("name", SCHEMA_NAMES)
def test_the_published_schema_is_that_of_the_code(name):
    assert (SCHEMAS / schema_file_name(name)).read_text() == schema_text(schema_of(name))
    Draft202012Validator.check_schema(schema_of(name))


def _documents():
    made, report, status = story.hostile()
    for plan in (story.plan(), story.plan(prune=True), story.invalid_plan(), story.empty_plan(), made):
        yield "plan", json_document.plan_document(plan, tool=TOOL, commit=COMMIT)
    for run in (story.run(), story.guarded_run(), report):
        yield "run", json_document.run_document(run, tool=TOOL)
    for seen in (story.status(), status):
        yield "status", json_document.status_document(seen, tool=TOOL)
    yield "validate", json_document.validate_document(story.invalid(), tool=TOOL)


@pytest.mark.parametrize(("name", "text"), list(_documents()))
def test_every_document_is_valid_and_one_document(name, text):
    document = json.loads(text)
    Draft202012Validator(schema_of(name)).validate(document)
    assert text.isascii()
    assert text.endswith("}\n")


@pytest.mark.parametrize("name", SCHEMA_NAMES)
def test_no_object_is_open(name):
    schema = schema_of(name)
    objects = [schema, *schema["$defs"].values()]
    assert all(part["additionalProperties"] is False for part in objects if "properties" in part)


def test_a_plan_holds_what_the_issue_promises():
    document = json.loads(json_document.plan_document(story.plan(prune=True), tool=TOOL))
    assert {"format_version", "tool", "summary", "changes", "blocked", "attention", "digest"} <= set(document)
    change = document["changes"][0]
    promised = {"address", "kind", "action", "reason", "risk", "fields", "preconditions", "source"}
    assert promised <= set(change)
    assert set(change["source"]) == {"file", "line"}
    counted = document["summary"]
    for action in ("register", "update", "adopt", "deregister", "track", "revoke", "forget"):
        assert counted[action] == sum(c["action"] == action for c in document["changes"])
    for action in ("refresh", "republish"):
        assert counted[action] == sum(c["action"] == action for c in document["maintenance"])
    assert counted["attention"] == len(document["attention"])


def test_a_run_holds_what_the_issue_promises():
    document = json.loads(json_document.run_document(story.run(), tool=TOOL))
    assert {"results", "attention", "summary"} <= set(document)
    assert {"address", "action", "outcome", "reason", "error"} <= set(document["results"][0])
    assert {r["outcome"] for r in document["results"]} <= {o.value for o in Outcome}
    assert document["results"][0]["error"] is None
    assert document["results"][-1]["error"]["message"] == "timed out after 30 s"
    assert document["exit_code"] == story.run().exit_code()


def test_a_status_holds_what_the_issue_promises():
    document = json.loads(json_document.status_document(story.status(), tool=TOOL))
    account = next(a for a in document["accounts"] if a["address"] == "account/sales/store-br")
    promised = {
        "address", "provider", "state", "reason", "since", "owner", "accessTokenExpiresAt", "consentNeededBy",
        "grantedScopes", "missingScopes", "remedy", "conditions",
    }  # fmt: skip
    assert promised <= set(account)
    assert account["since"] == "2030-05-30T12:00:00Z"
    condition = account["conditions"][0]
    assert set(condition) == {
        "type", "status", "reason", "message", "lastTransitionTime", "observedGeneration",
    }  # fmt: skip
    assert condition["status"] in {"True", "False", "Unknown"}


def test_the_exit_code_follows_from_what_is_rendered():
    for plan in (story.plan(), story.plan(prune=True), story.invalid_plan(), story.empty_plan()):
        document = json.loads(json_document.plan_document(plan, tool=TOOL))
        code = plan.exit_code(detailed=True)
        if document["problems"]:
            assert code == 65
        elif document["guards"] or any(b["trust_change"] for b in document["blocked"]):
            assert code == 3
        else:
            assert code == (2 if document["changes"] else 0)


@pytest.mark.parametrize("outcome", [Outcome.SKIPPED, Outcome.HELD, Outcome.DONE])
def test_a_hint_is_told_whatever_came_of_it(outcome: Outcome):
    result = Result(
        account_address("team", "drive"), "refresh", outcome, message="later", hint="wait an hour"
    )
    assert result_part(result)["hint"] == "wait an hour"
