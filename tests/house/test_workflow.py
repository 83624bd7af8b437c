"""CI may do what it must and no more, and it proves what a person would run by hand."""

import re
import tomllib

import pytest
import yaml

from tests.house.tree import ROOT, text_of, tracked

WORKFLOWS = [file for file in tracked() if file.parts[:2] == (".github", "workflows")]
TARGETS = {"demo", "test", "test-all", "servers", "lint", "bench"}


def document(workflow):
    return yaml.load(text_of(workflow), Loader=yaml.BaseLoader)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=str)
def test_a_workflow_has_no_permission_that_a_job_does_not_name(workflow):
    read = document(workflow)
    assert read["permissions"] == {}
    assert all(job["permissions"] == {"contents": "read"} for job in read["jobs"].values())


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=str)
def test_an_action_is_pinned_by_its_commit(workflow):
    used = re.findall(r"uses: *(\S+)", text_of(workflow))
    assert used
    assert [action for action in used if not re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action)] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=str)
def test_a_strangers_pull_request_runs_without_our_secrets(workflow):
    assert "pull_request_target" not in document(workflow)["on"]
    assert "secrets." not in text_of(workflow)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=str)
def test_no_foreign_text_is_pasted_into_a_shell(workflow):
    for job in document(workflow)["jobs"].values():
        assert [step["run"] for step in job["steps"] if "${{" in step.get("run", "")] == []


def test_ci_runs_what_a_person_would_run():
    steps = [step for job in document(WORKFLOWS[0])["jobs"].values() for step in job["steps"]]
    assert "bash .ci/run" in [step.get("run") for step in steps]
    called = " ".join(re.findall(r"\bmake ([a-z .-]+)", (ROOT / ".ci" / "run").read_text())).split()
    assert {"servers", "lint", "demo", "test", "test-all"} <= set(called)


def test_the_makefile_has_every_target_that_the_documents_name():
    makefile = (ROOT / "Makefile").read_text()
    defined = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {
        target
        for document_name in ("README.md", "CONTRIBUTING.md")
        for target in re.findall(r"^make ([a-z-]+)", (ROOT / document_name).read_text(), re.MULTILINE)
    }
    assert (TARGETS | named) - defined == set()


def test_the_console_script_is_where_the_package_says():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"reconciler": "reconciler.cli.main:main"}
