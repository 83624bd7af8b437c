"""What is shipped for CI systems: clean by the linters of its field, least of rights, no foreign text in a shell."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.house.tree import ROOT, tracked
from tests.servers.found import go_tool, require

OURS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CALLERS = sorted((ROOT / "examples").rglob(".github/workflows/*.yml"))
ACTION = ROOT / ".github" / "actions" / "reconciler" / "action.yml"
SCRIPTS = [
    ROOT / file
    for file in tracked()
    if (ROOT / file).is_file()
    and (ROOT / file).read_bytes().startswith((b"#!/usr/bin/env bash", b"#!/bin/sh"))
]
RIGHTS: dict[str, dict[str, str]] = {
    "ci": {"contents": "read"},
    "reconciler-validate": {"contents": "read"},
    "reconciler-plan": {"contents": "read", "id-token": "write", "pull-requests": "write"},
    "reconciler-reconcile": {"contents": "read", "id-token": "write", "issues": "write"},
    "reconciler-refresh": {"contents": "read", "id-token": "write", "issues": "write"},
    "reconciler-drift": {"contents": "read", "id-token": "write"},
}
"""What each workflow's one job may do, and nothing else."""


def read(file: Path) -> Any:
    return yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)


def tool(name: str) -> str:
    """One of the virtual environment's."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    assert found is not None, f"{name} is not installed"
    return found


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{command[0]}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def test_actionlint_finds_nothing_with_shellcheck_inside():
    binary = require("actionlint", go_tool("actionlint"))
    run(str(binary), "-shellcheck", tool("shellcheck"), *map(str, [*OURS, *CALLERS]))


def test_zizmor_finds_nothing():
    """Strict: an action or a workflow that it cannot read is a failure and not a warning."""
    folders = [".github", *sorted({str(file.parents[2]) for file in CALLERS})]
    said = run(
        tool("zizmor"), "--offline", "--no-progress", "--strict-collection", "--no-exit-codes", *folders
    )
    assert "No findings to report" in said, said
    assert "completed .github/actions/reconciler/action.yml" in said


def test_shellcheck_finds_nothing_in_any_script():
    assert len(SCRIPTS) >= 4
    run(tool("shellcheck"), *map(str, SCRIPTS))


def test_shellcheck_finds_nothing_in_the_composite_actions_steps(tmp_path: Path):
    """actionlint does not look into composite actions."""
    steps = [step["run"] for step in read(ACTION)["runs"]["steps"]]
    assert len(steps) == 4
    for number, text in enumerate(steps):
        script = tmp_path / f"{number}.sh"
        script.write_text(f"#!/usr/bin/env bash\nset -euo pipefail\n{text}\n")
        run(tool("shellcheck"), str(script))


def jobs(file: Path) -> list[dict[str, Any]]:
    return list(read(file)["jobs"].values())


@pytest.mark.parametrize("file", [*OURS, *CALLERS], ids=lambda file: file.name)
def test_nobody_has_a_right_that_a_job_does_not_name(file: Path):
    assert read(file)["permissions"] == {}
    assert all("permissions" in job for job in jobs(file))


@pytest.mark.parametrize("file", OURS, ids=lambda file: file.stem)
def test_a_job_may_do_what_it_must_and_no_more(file: Path):
    assert [job["permissions"] for job in jobs(file)] == [RIGHTS[file.stem]]


@pytest.mark.parametrize("file", CALLERS, ids=lambda file: file.name)
def test_a_caller_gives_each_workflow_just_what_it_needs(file: Path):
    for job in jobs(file):
        called = re.search(r"workflows/([a-z-]+)\.yml@", job["uses"])
        assert called is not None
        assert job["permissions"] == RIGHTS[called[1]], job["uses"]


@pytest.mark.parametrize("file", [*OURS, *CALLERS, ACTION], ids=lambda file: file.name)
def test_no_foreign_text_is_pasted_into_a_shell(file: Path):
    document = read(file)
    steps = (
        document["runs"]["steps"]
        if "runs" in document
        else [s for j in jobs(file) for s in j.get("steps", [])]
    )
    assert [step["run"] for step in steps if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("file", [*OURS, *CALLERS, ACTION], ids=lambda file: file.name)
def test_whatever_is_used_is_pinned_by_its_commit(file: Path):
    used = re.findall(r"uses: *(\S+)", file.read_text())
    assert [one for one in used if not re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", one)] == []


@pytest.mark.parametrize("file", [*OURS, *CALLERS], ids=lambda file: file.name)
def test_a_strangers_pull_request_runs_without_our_secrets(file: Path):
    assert "pull_request_target" not in read(file)["on"]
    assert "secrets." not in file.read_text()
    assert "secrets: inherit" not in file.read_text()


def workflow(name: str) -> Any:
    (job,) = read(ROOT / ".github" / "workflows" / f"reconciler-{name}.yml")["jobs"].values()
    return job


def test_a_forks_pull_request_is_validated_and_not_planned():
    assert "if" not in workflow("validate")
    assert "head.repo.full_name == github.repository" in workflow("plan")["if"]


@pytest.mark.parametrize("name", ["reconcile", "refresh"])
def test_runs_that_write_are_one_at_a_time_in_an_environment_and_never_cut_off(name: str):
    job = workflow(name)
    assert job["environment"] == "${{ inputs.environment }}"
    assert job["concurrency"] == {"group": "reconciler-apply", "cancel-in-progress": "false"}


@pytest.mark.parametrize("name", ["reconcile", "refresh", "drift"])
def test_what_is_applied_is_what_the_branch_says_when_the_run_begins(name: str):
    checkout = workflow(name)["steps"][0]
    assert checkout["with"] == {"persist-credentials": "false", "ref": "${{ github.ref }}"}


def test_the_token_of_the_job_reaches_the_steps_that_write_to_github_alone():
    for file in OURS:
        for job in jobs(file):
            assert "GITHUB_TOKEN" not in job.get("env", {})
            holders = [step for step in job["steps"] if "GITHUB_TOKEN" in step.get("env", {})]
            assert all("reconciler github " in step["run"] for step in holders)
    holders = [step for step in read(ACTION)["runs"]["steps"] if "GITHUB_TOKEN" in step.get("env", {})]
    assert [("reconciler github " in step["run"]) for step in holders] == [True, True]


def test_every_input_and_output_is_described():
    action = read(ACTION)
    assert all(one["description"] for part in ("inputs", "outputs") for one in action[part].values())
    for file in OURS:
        call = read(file)["on"].get("workflow_call") if isinstance(read(file)["on"], dict) else None
        assert all(one["description"] for one in (call or {}).get("inputs", {}).values())


def test_the_gitlab_template_is_of_the_same_mind():
    template = read(ROOT / "examples" / "gitlab" / ".gitlab-ci.yml")
    assert template["reconcile"]["resource_group"] == "oauth"
    assert template["reconcile"]["interruptible"] == "false"
    assert template["plan"]["variables"]["VAULT_AUTH_ROLE"] == "reconciler-plan"
    assert "SOURCE_PROJECT_ID == $CI_PROJECT_ID" in template["plan"]["rules"][0]["if"]
    for job in ("reconcile", "refresh"):
        assert template[job]["variables"]["VAULT_AUTH_ROLE"] == "reconciler-reconcile"


def test_the_pre_commit_hook_runs_a_verb_that_there_is():
    from reconciler.cli.main import VERBS

    (hook,) = read(ROOT / ".pre-commit-hooks.yaml")
    assert hook["entry"].split()[:2] == ["reconciler", "validate"]
    assert hook["entry"].split()[1] in VERBS
    assert hook["pass_filenames"] == "false"
