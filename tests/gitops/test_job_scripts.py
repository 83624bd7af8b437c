"""What a job runs in somebody's work tree: the tree is data, whatever it is called and whatever stands in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gitops.git_server import GitServer
from tests.house.tree import ROOT

ACTION = ROOT / ".github" / "actions" / "reconciler"
PLAN = '{"kind":"plan","summary":{"attention":0},"changes":[],"digest":"d","blocked":[],"guards":[]}'
TOLD = "owner ##[stop-commands]x\n::error::forged\n   ::add-mask::e\n"
STAND_IN = f"""#!/bin/sh
# Writes what the tool would: a plan, and reports with a manifest's words in them.
for argument; do
  case $argument in
  text=* | markdown=*) printf '%s' '{TOLD}' >"${{argument#*=}}" ;;
  plan.json) ;;
  */plan.json) printf '%s' '{PLAN}' >"$argument" ;;
  esac
done
[ "$1" != drift ] || printf '%s' '{TOLD}'
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A pull request's work tree: beside its manifests, modules by the names of Python's own."""
    folder = tmp_path / "tree"
    (folder / "manifests").mkdir(parents=True)
    for name in ("json", "sys", "venv", "pip", "runpy", "ensurepip"):
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'a').write('{name} ')\n")
    return folder


def job(script: str, tree: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    tools = tree.parent / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "reconciler").write_text(STAND_IN)
    (tools / "reconciler").chmod(0o755)
    temp = tree.parent / "temp"
    temp.mkdir(exist_ok=True)
    path = f"{tools}:{Path(sys.executable).parent}:{os.defpath}"
    given = {"PATH": path, "RUNNER_TEMP": str(temp), "GITHUB_PATH": str(temp / "path"), **variables}
    return subprocess.run(
        ["bash", str(ACTION / script)], cwd=tree, env=given, capture_output=True, text=True, timeout=120
    )


def imported(tree: Path) -> str:
    told = tree.parent / "imported"
    return told.read_text() if told.exists() else ""


def commands(log: str) -> list[str]:
    """What GitHub's runner takes for commands in a log (actions/runner, ActionCommand.cs): `::` after blanks, `##[` anywhere."""
    found, resumes = [], ""
    for line in log.splitlines():
        newer = re.match(r"\s*::([^\s:]+).*?::(.*)", line)
        older = re.search(r"##\[([^\s\]]+)[^\]]*\](.*)", line)
        name, data = (newer or older).groups() if newer or older else ("", "")  # type: ignore[union-attr]  # one of them is there
        if resumes:
            resumes = "" if name == resumes else resumes
        elif name == "stop-commands":
            resumes = data
        elif name:
            found.append(name)
    assert not resumes, "the log ends with commands switched off"
    return found


def test_a_verb_runs_without_a_line_of_the_work_trees_code(tree: Path):
    done = job("run", tree, VERB="plan", GITHUB_OUTPUT=str(tree.parent / "outputs"))
    assert (done.returncode, imported(tree)) == (0, ""), done.stderr
    assert "digest=d\n" in (tree.parent / "outputs").read_text()


@pytest.mark.slow
def test_the_tool_is_installed_without_a_line_of_the_work_trees_code(tree: Path):
    job("install", tree, REQUIREMENTS="no-such-file.txt")
    assert (tree.parent / "temp/reconciler-tool/bin/python").exists()
    assert imported(tree) == ""


@pytest.mark.parametrize("verb", ["plan", "reconcile", "drift"])
def test_no_text_of_a_report_is_a_command_to_the_runner(tree: Path, verb: str):
    done = job("run", tree, VERB=verb)
    assert done.returncode == 0, done.stderr
    assert "##[stop-commands]x" in done.stdout
    assert [name for name in commands(done.stdout) if name not in ("group", "endgroup")] == []


def test_every_shipped_script_that_calls_python_in_a_work_tree_isolates_it():
    places = [
        ACTION / "run",
        ACTION / "install",
        ROOT / "examples/gitlab/.gitlab-ci.yml",
        ROOT / "docs/guide/ci.md",
    ]
    for place in places:
        calls = re.findall(
            r'^[^#\n]*?(?:python3?|"\$python"|/python"|"\$candidate") (-\S+)', place.read_text(), re.MULTILINE
        )
        assert calls, place
        assert set(calls) == {"-I"}, place


def test_the_hooks_settings_stand_in_no_processs_arguments(tmp_path: Path):
    """Everybody on a machine may read the arguments of everybody's processes."""
    git = GitServer(
        tmp_path / "git", {"RECONCILER": str(tmp_path / "tools/reconciler"), "GIVEN": "by the pusher"}
    )
    tools = tmp_path / "tools"
    tools.mkdir()
    seen = tmp_path / "seen"
    (tools / "reconciler").write_text(f"#!/bin/sh\nenv | sort >'{seen}.environment'\n")
    (tools / "env").write_text(
        f'#!/bin/sh\necho "$@" >>\'{seen}.arguments\'\nexec {shutil.which("env")} "$@"\n'
    )
    for name in ("reconciler", "env"):
        (tools / name).chmod(0o755)
    git.environment["PATH"] = f"{tools}:{os.environ['PATH']}"
    settings = "# ours\nVAULT_TOKEN=hvs.of-reconcile and more\nPLAN_VAULT_TOKEN=hvs.of-plan\nnot a setting hvs.lost\n"
    git.install(ROOT / "examples/git-server/post-receive", settings)
    ana = git.clone("ana")
    ana.write("manifests/x.yaml", "# nothing\n")
    pushed = ana.push()
    given = Path(f"{seen}.environment").read_text().splitlines()
    assert "VAULT_TOKEN=hvs.of-reconcile and more" in given
    assert [line for line in given if line.startswith(("PLAN_", "GIVEN=", "GIT_"))] == []
    arguments = Path(f"{seen}.arguments")
    assert "hvs." not in (arguments.read_text() if arguments.exists() else "")
    assert "line 4 is no setting" in pushed.seen
    assert "hvs." not in pushed.seen
    ana.push("proposal")
    assert "VAULT_TOKEN=hvs.of-plan" in Path(f"{seen}.environment").read_text().splitlines()
