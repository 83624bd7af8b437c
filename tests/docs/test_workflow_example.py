"""The workflow that the guide gives away is as careful as our own."""

import re
from typing import Any

import pytest
import yaml

from tests.docs.story import read_page
from tests.house.tree import ROOT


@pytest.fixture(scope="module")
def text() -> str:
    page = read_page(ROOT / "docs" / "guide" / "ci.md")
    return next(block.text for block in page.blocks if block.language == "yaml" and "jobs:" in block.text)


@pytest.fixture(scope="module")
def workflow(text: str) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load(text)
    return loaded


def test_nothing_is_permitted_that_a_job_does_not_ask_for(workflow: dict[Any, Any]):
    assert workflow["permissions"] == {}
    allowed = {"contents": "read", "id-token": "write"}
    for job in workflow["jobs"].values():
        assert job["permissions"].items() <= allowed.items()


def test_a_forks_code_never_runs_with_the_base_repositorys_rights(workflow: dict[Any, Any], text: str):
    assert "pull_request_target" not in text
    for job in workflow["jobs"].values():
        if job["if"] == "github.event_name == 'pull_request'":
            assert "id-token" not in job["permissions"]


def test_a_pull_request_gets_the_plan_role_and_main_the_reconcile_role(workflow: dict[Any, Any]):
    roles = {name: job.get("env", {}).get("VAULT_AUTH_ROLE") for name, job in workflow["jobs"].items()}
    assert roles == {"validate": None, "plan": "reconciler-plan", "reconcile": "reconciler-reconcile"}
    assert workflow["jobs"]["reconcile"]["if"] == "github.event_name != 'pull_request'"
    assert workflow["jobs"]["reconcile"]["concurrency"]["cancel-in-progress"] is False


def test_actions_are_pinned_by_commit_and_nothing_foreign_reaches_a_shell(workflow: dict[Any, Any]):
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert all(re.search(r"@[0-9a-f]{40}$", step["uses"]) for step in steps if "uses" in step)
    assert not [step for step in steps if "${{" in step.get("run", "")]


def test_it_pins_what_our_own_workflow_pins(text: str):
    ours = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"actions/checkout@\w+", text)) <= set(re.findall(r"actions/checkout@\w+", ours))
