"""What is shipped for running it: sound by the readers of its field."""

from __future__ import annotations

import shutil
import subprocess
import sys
from configparser import ConfigParser
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.model.limits import REFRESH_LIMITS
from tests.house.tree import ROOT, tracked
from tests.servers.found import require

KUBERNETES = sorted((ROOT / "examples" / "kubernetes").glob("*.yaml"))
UNIT = ROOT / "examples" / "systemd" / "reconciler.service"
LONGEST_STOP = REFRESH_LIMITS.commit_deadline + 2 * REFRESH_LIMITS.http_deadline


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_hadolint_finds_nothing_in_the_dockerfile():
    run(str(Path(sys.executable).parent / "hadolint"), "Dockerfile")


def test_the_image_holds_what_it_needs_and_nothing_else_of_the_checkout():
    copied = {"requirements", "pyproject.toml", "README.md", "LICENSE", "reconciler"}
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")}
    assert let_in == copied
    assert all((ROOT / name).exists() for name in copied)
    text = (ROOT / "Dockerfile").read_text()
    assert "USER 65532:65532" in text
    assert text.count("--require-hashes") == 1
    for name in ("server", "build"):
        assert Path(f"requirements/{name}.txt") in tracked()


def documents(file: Path) -> list[Any]:
    return [document for document in yaml.safe_load_all(file.read_text()) if document]


@pytest.mark.parametrize("file", KUBERNETES, ids=lambda file: file.name)
@pytest.mark.parametrize("version", ["1.31", "1.34"])
def test_kubernetes_knows_every_field(file: Path, version: str):
    import kubernetes_validate

    for document in documents(file):
        kubernetes_validate.validate(document, version, strict=True)


def pods() -> list[Any]:
    found = []
    for file in KUBERNETES:
        for document in documents(file):
            spec = document.get("spec", {})
            template = spec.get("template") or spec.get("jobTemplate", {}).get("spec", {}).get("template")
            found += [template["spec"]] if template else []
    return found


def test_pods_are_restricted_and_have_the_time_that_a_refresh_may_take():
    assert len(pods()) == 2
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert timedelta(seconds=pod["terminationGracePeriodSeconds"]) >= LONGEST_STOP
        (container,) = pod["containers"]
        inside = container["securityContext"]
        assert (inside["allowPrivilegeEscalation"], inside["readOnlyRootFilesystem"]) == (False, True)
        assert inside["capabilities"] == {"drop": ["ALL"]}
        assert not any("SECRET" in one["name"] or one["name"] == "TOKEN" for one in container["env"])


def test_the_arguments_of_every_pod_are_ones_that_the_tool_knows():
    from reconciler.cli.main import cli

    for pod in pods():
        verb, *flags = pod["containers"][0]["args"]
        command = cli.get_command(None, verb)  # type: ignore[arg-type]  # no context is needed to find a verb
        assert command is not None
        known = {name for parameter in command.params for name in parameter.opts}
        assert {flag for flag in flags if flag.startswith("--")} <= known


def test_systemd_knows_every_line(tmp_path: Path):
    found = shutil.which("systemd-analyze")
    binary = require("systemd-analyze", Path(found) if found else None)
    for unit in (UNIT, UNIT.with_suffix(".timer")):
        text = unit.read_text().replace("/opt/reconciler/bin/reconciler", "/bin/true")
        (tmp_path / unit.name).write_text(text)
    said = run(str(binary), "verify", "--man=no", *(str(file) for file in tmp_path.iterdir()))
    assert said == ""


def test_systemd_runs_it_as_nobody_and_gives_it_time():
    unit = ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's keys have capitals
    unit.read(UNIT)
    service = unit["Service"]
    assert service["DynamicUser"] == "yes"
    assert timedelta(seconds=int(service["TimeoutStopSec"])) >= LONGEST_STOP
    assert service["SuccessExitStatus"] == "4 5"
    assert service["ExecStart"].split()[1:3] == ["reconcile", "--manifests"]
