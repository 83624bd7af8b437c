"""Which real servers this machine has, and what a test does when one is missing.

A missing server skips the tests that need it, with words that say how to get it; under
RECONCILER_REQUIRE_SERVERS=1 (as in CI) it fails them, so that a skip can never pass for a run.
"""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.servers.vault_server import version_of

HERE = Path(__file__).parent
_AXE = HERE / "axe" / "node_modules" / "axe-core" / "axe.min.js"
# OpenBao is tried where a machine has it; nothing installs it, so nothing may require it.
REQUIRED = ("vault", "oidc-provider", "chromium", "github-openapi", "act", "actionlint", "external-secrets")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


@cache
def vault_binary() -> Path | None:
    """The Vault that `make servers` built; a `vault` on PATH does where there is none."""
    where = subprocess.run(
        [HERE / "install", "--where"], capture_output=True, text=True, timeout=30, check=True
    )
    built = Path(where.stdout.strip())
    if built.exists():
        return built
    on_path = shutil.which("vault")
    return Path(on_path) if on_path else None


@cache
def openbao_binary() -> Path | None:
    on_path = shutil.which("bao")
    return Path(on_path) if on_path else None


@cache
def oidc_provider_home() -> Path | None:
    home = HERE / "oidc-provider"
    there = shutil.which("node") and (home / "node_modules" / "oidc-provider" / "package.json").exists()
    return home if there else None


@cache
def chromium_binary() -> Path | None:
    """A browser on PATH, where axe-core is there to look at its pages with."""
    found = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    return Path(found) if found and _AXE.exists() else None


@cache
def axe_script() -> str:
    """axe-core, as it is evaluated in a page."""
    return _AXE.read_text(encoding="utf-8")


@cache
def github_description() -> Path | None:
    """GitHub's own OpenAPI description of its REST API."""
    file = HERE / "github-openapi/node_modules/@octokit/openapi/generated/api.github.com.json"
    return file if file.exists() else None


@cache
def go_tool(name: str) -> Path | None:
    """`act` or `actionlint`, as `make servers` built them."""
    where = subprocess.run(
        [HERE / "install", "--tools"], capture_output=True, text=True, timeout=30, check=True
    )
    built = Path(where.stdout.strip()) / name
    return built if built.exists() else None


@cache
def external_secrets_schemas() -> Path | None:
    """The folder of the External Secrets Operator's custom resource definitions."""
    where = subprocess.run(
        [HERE / "install", "--crds"], capture_output=True, text=True, timeout=30, check=True
    )
    found = Path(where.stdout.strip())
    return found if found.is_dir() else None


def require(server: str, found: Path | None) -> Path:
    """`found`; without it the test is skipped, or failed where servers are required."""
    if found is not None:
        return found
    words = f"{server} is not here: `make servers` installs it"
    if server in REQUIRED and os.environ.get("RECONCILER_REQUIRE_SERVERS") == "1":
        pytest.fail(f"{words} (RECONCILER_REQUIRE_SERVERS=1)", pytrace=False)
    pytest.skip(words)


def describe() -> str:
    """One line for the head of a test report."""
    kept = [
        version_of(binary) if binary else f"{name}: not found"
        for name, binary in (("vault", vault_binary()), ("openbao", openbao_binary()))
    ]
    return "servers: " + " · ".join(
        [
            *kept,
            "oidc-provider" if oidc_provider_home() else "oidc-provider: not found",
            "chromium" if chromium_binary() else "chromium: not found",
        ]
    )
