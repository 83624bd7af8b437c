"""The workloads that people copy, run as they stand: a real Vault, the policy of a workload, an API that knows one token."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml

from reconciler.decide.access import Reach, Role, rules_for
from reconciler.model.duration import format_instant
from reconciler.model.store_path import Layout, own_path
from tests.canaries.forms import canary, leaks
from tests.canaries.test_processes import watched
from tests.cli.processes import wait_until
from tests.servers.found import external_secrets_schemas, require
from tests.servers.places import PREFIX, VaultPlace
from tests.simulators.api_server import Answer as ApiAnswer
from tests.simulators.api_server import Api, Asked, api_server

WORKLOADS = Path(__file__).parents[2] / "examples" / "workloads"
KEY = f"{PREFIX}/tokens/marketing/drive"
GOOD = '{"name": "budget.csv"}'


@dataclass
class Place:
    """A Vault where `marketing/drive` has a token, a workload's login to it, and the API that accepts that token."""

    vault: VaultPlace
    api: Api
    folder: Path
    login: str
    policy: str

    def publish(self) -> str:
        """A new token, which from now on is the only one that the API knows."""
        token = canary("access")
        ends = format_instant(datetime.now(UTC) + timedelta(hours=1))
        self.vault.put(
            KEY, {"access_token": token, "token_type": "Bearer", "expires_at": ends, "scope": "files.read"}
        )
        self.api.accepts = {token}
        return token

    def variables(self, **more: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "VAULT_ADDR": self.vault.address,
            "VAULT_TOKEN": self.login,
            "TOKEN_SECRET": f"{self.vault.mount}/data/{KEY}",
            **more,
        }

    def copy(self, name: str) -> Path:
        """The example in a folder of its own, with this place's mount and address in the place of those written there."""
        target = self.folder / name
        shutil.copytree(WORKLOADS / name, target)
        for file in target.rglob("*"):
            if file.is_file():
                text = file.read_text(encoding="utf-8")
                text = text.replace("oauth/data/", f"{self.vault.mount}/data/").replace(
                    "http://127.0.0.1:8200", self.vault.address
                )
                file.write_text(text, encoding="utf-8")
        return target

    def run(self, *argv: str | Path, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(word) for word in argv],
            cwd=folder,
            env=self.variables(**more),
            capture_output=True,
            text=True,
            timeout=110,
        )


@pytest.fixture
def place(vault: VaultPlace, tmp_path: Path) -> Iterator[Place]:
    reach = Reach(vault.mount, Layout(own_path(vault.prefix)), ("marketing",))
    rules = {rule.path: list(rule.capabilities) for rule in rules_for(Role.WORKLOAD, reach)}
    with api_server() as api:
        made = Place(vault, api, tmp_path, vault.limited("workload", rules), f"{vault.mount}-workload")
        made.publish()
        yield made


def test_the_policy_of_a_workload_reads_its_namespaces_tokens_and_nothing_else(place: Place):
    vault = place.vault
    for path in (f"{PREFIX}/tokens/sales/crm", f"{PREFIX}/grants/marketing/drive", "clients/marketing/idp"):
        vault.put(path, {"access_token": "x"})
    paths = (
        f"data/{KEY}", f"data/{PREFIX}/tokens/sales/crm", f"data/{PREFIX}/grants/marketing/drive", f"metadata/{KEY}",
        f"metadata/{PREFIX}/?list=true", "data/clients/marketing/idp",
    )  # fmt: skip
    with httpx.Client(
        base_url=f"{vault.address}/v1/{vault.mount}/", headers={"X-Vault-Token": place.login}
    ) as login:
        allowed = {path: login.get(path).status_code for path in paths}
    assert allowed.pop(f"data/{KEY}") == 200
    assert set(allowed.values()) == {403}


def test_token_and_the_client_need_no_more_than_that_policy(place: Place):
    """With the manifests elsewhere, as on a workload's machine."""
    token = next(iter(place.api.accepts or ()))
    store = {
        "RECONCILER_STORE": place.vault.store_url,
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
    }
    said = place.run(
        sys.executable, "-m", "reconciler", "token", "marketing/drive", folder=place.folder, **store
    )
    assert (said.stdout, said.stderr) == (f"{token}\n", "")
    said = place.run(
        sys.executable, "-m", "reconciler", "token", "marketing/nobody", folder=place.folder, **store
    )
    assert said.returncode == 4
    assert "no token is published" in said.stderr
    said = place.run(
        sys.executable,
        WORKLOADS / "python" / "call.py",
        place.api.origin,
        "/files",
        folder=place.folder,
        **store,
    )
    assert said.stdout.strip() == GOOD, said.stderr


# -------------------------------------------------------------------------------------------------------------- shell


def test_the_shell_script_calls_the_api_and_shows_the_token_to_no_other_process(place: Place):
    token = next(iter(place.api.accepts or ()))
    with watched() as arguments:
        said = place.run(WORKLOADS / "shell" / "call.sh", f"{place.api.origin}/files", folder=place.folder)
    assert (said.stdout, said.stderr, said.returncode) == (GOOD, "", 0)
    secrets = {"token": token, "login": place.login}
    assert leaks(b"\n".join(arguments.values()), secrets) == []


def test_the_shell_script_reads_once_more_after_a_401(place: Place, monkeypatch: pytest.MonkeyPatch):
    refresh_meanwhile(place, monkeypatch)
    said = place.run(WORKLOADS / "shell" / "call.sh", f"{place.api.origin}/files", folder=place.folder)
    assert (said.stdout, said.returncode) == (GOOD, 0), said.stderr
    assert len(place.api.asked) == 2


def test_the_shell_script_fails_where_the_api_does(place: Place):
    place.api.accepts = {"another's"}
    said = place.run(WORKLOADS / "shell" / "call.sh", f"{place.api.origin}/files", folder=place.folder)
    assert said.returncode == 1
    assert said.stderr == "call.sh: HTTP 401\n"
    assert len(place.api.asked) == 1


def refresh_meanwhile(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token is replaced between the workload's read and the API's look at it."""
    hear = place.api.hear

    def replaced(asked: Asked) -> ApiAnswer:
        if not place.api.asked:
            place.publish()
        return hear(asked)

    monkeypatch.setattr(place.api, "hear", replaced)


# ----------------------------------------------------------------------------------------------------------------- Go


@pytest.fixture(scope="module")
def go_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built once; nothing is fetched, since it needs nothing."""
    require("go", Path(found) if (found := shutil.which("go")) else None)
    folder = tmp_path_factory.mktemp("go")
    shutil.copytree(WORKLOADS / "go", folder / "drive")
    off = {"GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local"}
    subprocess.run(
        ["go", "build", "-o", folder / "run", "."],
        cwd=folder / "drive",
        env={**os.environ, **off},
        check=True,
        timeout=110,
    )
    return folder / "run"


def test_the_go_program_calls_the_api(place: Place, go_program: Path):
    said = place.run(
        go_program, f"{place.api.origin}/files", folder=place.folder, API_ORIGIN=place.api.origin
    )
    assert (said.stdout, said.stderr) == (GOOD, "")


def test_the_go_program_reads_once_more_after_a_401(
    place: Place, go_program: Path, monkeypatch: pytest.MonkeyPatch
):
    refresh_meanwhile(place, monkeypatch)
    said = place.run(
        go_program, f"{place.api.origin}/files", folder=place.folder, API_ORIGIN=place.api.origin
    )
    assert said.stdout == GOOD, said.stderr
    assert len(place.api.asked) == 2


def test_the_go_program_sends_the_token_to_its_origin_alone(place: Place, go_program: Path):
    """Not to another host, and not in clear to the same one, where a redirect may lead."""
    for origin in ("https://api.example.com", place.api.origin.replace("http://", "https://")):
        said = place.run(go_program, f"{place.api.origin}/files", folder=place.folder, API_ORIGIN=origin)
        assert said.returncode == 1
        assert "the token does not go to http://127.0.0.1" in said.stderr
    assert place.api.asked == []


# -------------------------------------------------------------------------------------------------------- Vault Agent


def test_vault_agent_keeps_a_file_that_curl_takes_for_a_header(place: Place):
    folder = place.copy("vault-agent")
    role, secret = place.vault.server.make_approle(place.policy, policies=[place.policy])
    (folder / "role-id").write_text(role)
    (folder / "secret-id").write_text(secret)
    once = place.run(
        place.vault.server.binary,
        "agent",
        "-config=agent.hcl",
        "-exit-after-auth",
        "-log-level=error",
        folder=folder,
    )
    header = folder / "drive.header"
    assert header.exists(), once.stdout + once.stderr
    assert header.stat().st_mode & 0o777 == 0o600
    assert header.read_text() == f"Authorization: Bearer {next(iter(place.api.accepts or ()))}\n"
    said = place.run("curl", "-fsS", "-H", "@drive.header", f"{place.api.origin}/files", folder=folder)
    assert said.stdout == GOOD, said.stderr


def test_vault_agent_writes_the_new_token_when_there_is_one(place: Place):
    folder = place.copy("vault-agent")
    config = folder / "agent.hcl"
    config.write_text(
        config.read_text().replace(
            'static_secret_render_interval = "1m"', 'static_secret_render_interval = "1s"'
        )
    )
    role, secret = place.vault.server.make_approle(place.policy, policies=[place.policy])
    (folder / "role-id").write_text(role)
    (folder / "secret-id").write_text(secret)
    agent = subprocess.Popen(
        [place.vault.server.binary, "agent", "-config=agent.hcl", "-log-level=error"],
        cwd=folder, env=place.variables(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    header = folder / "drive.header"
    try:
        wait_until(header.exists, what="the first token")
        token = place.publish()
        wait_until(lambda: token in header.read_text(), what="the second token")
    finally:
        agent.terminate()
        agent.wait(20)


# --------------------------------------------------------------------------------------------------- External Secrets


def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((WORKLOADS / "external-secrets" / "drive-token.yaml").read_text()))


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema, in which no object takes keys that it does not name: a mistyped key would be pruned in silence."""
    made = copy.deepcopy(schema)

    def close(part: object) -> None:
        if isinstance(part, dict):
            if "properties" in part:
                part.setdefault("additionalProperties", False)
            for value in part.values():
                close(value)
        elif isinstance(part, list):
            for value in part:
                close(value)

    close(made)
    return made


@pytest.mark.parametrize("manifest", manifests(), ids=lambda manifest: manifest["kind"])
def test_a_manifest_for_external_secrets_passes_the_operators_own_schema(manifest: dict[str, Any]):
    schemas = require("external-secrets", external_secrets_schemas())
    plural = manifest["kind"].lower() + "s"
    definition = yaml.safe_load((schemas / f"external-secrets.io_{plural}.yaml").read_text())
    group, _, version = manifest["apiVersion"].partition("/")
    assert definition["spec"]["group"] == group
    (served,) = [v for v in definition["spec"]["versions"] if v["name"] == version]
    assert served["served"]
    schema = closed(served["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}
    validator = jsonschema.Draft202012Validator(schema)
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(manifest)] == []
    mistyped = json.loads(
        json.dumps(manifest).replace("provider", "providr").replace("remoteRef", "remotRef")
    )
    assert list(validator.iter_errors(mistyped)) != []


def test_they_read_what_a_workload_may_read():
    """The store's path and the secret's key together are the path that the policy allows."""
    store, secret = manifests()
    vault = store["spec"]["provider"]["vault"]
    reach = Reach(vault["path"], Layout(own_path("reconciler")), ("marketing",))
    (rule,) = rules_for(Role.WORKLOAD, reach)
    for entry in secret["spec"]["data"]:
        path = f"{vault['path']}/data/{entry['remoteRef']['key']}"
        assert path.startswith(rule.path.removesuffix("*"))
