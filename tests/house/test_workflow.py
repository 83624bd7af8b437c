"""CI proves what a person would run by hand. What workflows may do: tests/gitops/test_workflow_files.py."""

import re
import tomllib
from pathlib import Path

import yaml

from tests.house.tree import ROOT, text_of

CI = Path(".github/workflows/ci.yml")
TARGETS = {"demo", "test", "test-all", "servers", "lint", "bench"}


def document(workflow):
    return yaml.load(text_of(workflow), Loader=yaml.BaseLoader)


def test_ci_runs_what_a_person_would_run():
    steps = [step for job in document(CI)["jobs"].values() for step in job["steps"]]
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
