"""The shipped GitHub workflows, really run: after a push, act runs them on this host, as the forge would.

Real: git, bash, the install with hashes, Vault with its JWT login, the authorization server, GitHub's API as a stand-in
that is held against GitHub's own description. Stubs: `actions/checkout` and `actions/upload-artifact`, which are GitHub's
own and are fetched from there, as composites that do the same with local folders; and the issuer of ID tokens.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from reconciler.decide.access import Role
from tests.cli.keyboard import Keyboard
from tests.gitops.git_server import Clone, GitServer
from tests.gitops.test_push import CLIENT, SECRET, machine, provider
from tests.house.tree import ROOT, tracked
from tests.servers.found import go_tool, require
from tests.servers.oidc_server import OidcServer
from tests.servers.places import VaultPlace
from tests.servers.signing import TokenIssuer
from tests.servers.vault_server import VaultServer
from tests.simulators.github import GitHubSimulator

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]

REPOSITORY = "acme/oauth"
AUDIENCE = "https://vault.example.com"
ID_CANARY = "id-token-request-canary"
STUBS = {
    "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683": """\
name: checkout
inputs: {ref: {default: ""}, persist-credentials: {default: "true"}}
runs:
  using: composite
  steps:
    - shell: bash
      env: {REF: "${{ inputs.ref }}"}
      run: |
        find . -mindepth 1 -delete
        git clone --quiet "$TEST_ORIGIN" .
        git -c advice.detachedHead=false checkout --quiet "origin/${REF#refs/heads/}" || git checkout --quiet "$TEST_SHA"
""",
    "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02": """\
name: upload-artifact
inputs: {name: {required: true}, path: {required: true}, retention-days: {default: "1"}}
runs:
  using: composite
  steps:
    - shell: bash
      env: {NAME: "${{ inputs.name }}", WHAT: "${{ inputs.path }}"}
      run: mkdir -p "$TEST_ARTIFACTS/$NAME" && cp -r "$WHAT"/. "$TEST_ARTIFACTS/$NAME/"
""",
}


@dataclass
class IdTokens:
    """What GitHub's runner offers to a job with `id-token: write`: an ID token for the audience that is asked for."""

    issuer: TokenIssuer
    claims: dict[str, str]
    url: str = ""
    asked: int = 0

    @contextmanager
    def serving(self) -> Iterator[IdTokens]:
        world = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                assert self.headers.get("Authorization") == f"Bearer {ID_CANARY}"
                world.asked += 1
                token = world.issuer.sign(
                    audience=query["audience"][0],
                    subject=f"repo:{REPOSITORY}:ref:{world.claims['ref']}",
                    claims=world.claims,
                )
                body = json.dumps({"value": token}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Says nothing."""

        setattr(Handler, "do_GET", Handler._serve)  # noqa: B010 - the name is the protocol's
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}/token?api-version=1"
        try:
            yield self
        finally:
            server.shutdown()
            thread.join(10)
            server.server_close()


@dataclass
class Ran:
    """One run of act: whether its jobs succeeded, what it printed, the summary, and what was uploaded."""

    success: bool
    log: str
    artifacts: Path

    def artifact(self, name: str) -> str:
        return (self.artifacts / name).read_text()


@dataclass
class Actions:
    """A repository at a forge whose workflows are run by act, started from the repository's hook."""

    git: GitServer
    vault: VaultPlace
    forge: GitHubSimulator
    ids: IdTokens
    act: Path
    folder: Path

    def run(self, event: str, payload: dict[str, Any], *, job: str, ref: str, sha: str) -> Ran:
        """What the forge does when something happened: the workflow of that commit, with the event."""
        number = len(list(self.folder.glob("run-*")))
        here = self.folder / f"run-{number}"
        here.mkdir()
        self.git.git("clone", "--quiet", str(self.git.bare), str(here / "work"), at=self.folder)
        self.git.git("checkout", "--quiet", "-B", ref.removeprefix("refs/heads/"), sha, at=here / "work")
        (here / "event.json").write_text(json.dumps(payload))
        for folder in ("home", "artifacts"):
            (here / folder).mkdir()
        cache = Path(os.environ.get("PIP_CACHE_DIR") or Path.home() / ".cache" / "pip")
        given = {
            "GITHUB_REPOSITORY": REPOSITORY,
            "TEST_ORIGIN": str(self.git.bare),
            "TEST_SHA": sha,
            "TEST_ARTIFACTS": str(here / "artifacts"),
            "GITHUB_API_URL": self.forge.url,
            "ACTIONS_ID_TOKEN_REQUEST_URL": self.ids.url,
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": ID_CANARY,
            "PIP_CACHE_DIR": str(cache),
            **{name: os.environ[name] for name in ("PIP_INDEX_URL", "PIP_CONFIG_FILE") if name in os.environ},
        }
        stubs = [f"{uses}={self.folder / 'stubs' / str(n)}" for n, uses in enumerate(STUBS)]
        command = [
            *(str(self.act), event, "-j", job, "-P", "ubuntu-24.04=-self-hosted", "--no-cache-server"),
            *("--action-cache-path", str(here / "cache"), "-W", ".github/workflows/oauth.yml"),
            *("-e", str(here / "event.json"), "-s", f"GITHUB_TOKEN={self.forge.token}", "--no-skip-checkout"),
            *(word for stub in stubs for word in ("--local-repository", stub)),
            *(word for pair in given.items() for word in ("--env", "=".join(pair))),
        ]
        done = subprocess.run(
            command,
            cwd=here / "work",
            env={
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "HOME": str(here / "home"),
                "LC_ALL": "C.UTF-8",
                "GIT_CONFIG_GLOBAL": os.devnull,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        return Ran(done.returncode == 0, done.stdout, here / "artifacts")


CALLER = """\
name: oauth
on: {{pull_request: {{}}, push: {{branches: [main]}}}}
permissions: {{}}
jobs:
  plan:
    permissions: {{contents: read, id-token: write, pull-requests: write}}
    uses: ./.github/workflows/reconciler-plan.yml
    with: &with
      tool-repository: {tool}
      tool-commit: {commit}
      store: vault://oauth/reconciler
      vault-addr: {vault}
      vault-audience: {audience}
  reconcile:
    permissions: {{contents: read, id-token: write, issues: write}}
    uses: ./.github/workflows/reconciler-reconcile.yml
    with:
      tool-repository: {tool}
      tool-commit: {commit}
      store: vault://oauth/reconciler
      vault-addr: {vault}
      vault-audience: {audience}
      environment: oauth
      accounts-url: https://accounts.example.com
"""


@pytest.fixture
def actions(
    start_vault: Callable[[str], VaultServer],
    oidc_provider: OidcServer,
    token_issuer: TokenIssuer,
    tmp_path: Path,
) -> Iterator[Actions]:
    act = require("act", go_tool("act"))
    vault = _vault(start_vault("inmem"), token_issuer)
    oidc_provider.configure(accessTokenTtl=3600)
    oidc_provider.put_client(
        CLIENT,
        client_secret=SECRET,
        redirect_uris=["http://127.0.0.1/callback"],
        grant_types=["authorization_code", "refresh_token", "client_credentials"],
        response_types=["code"],
        application_type="native",
        token_endpoint_auth_method="client_secret_basic",
    )
    _make_store(vault, oidc_provider, tmp_path / "desk")
    for number, text in enumerate(STUBS.values()):
        stub = tmp_path / "stubs" / str(number)
        stub.mkdir(parents=True)
        (stub / "action.yml").write_text(text)
    claims = {
        "repository": REPOSITORY,
        "ref": "refs/heads/main",
        "event_name": "push",
        "environment": "oauth",
    }
    with GitHubSimulator().serving() as forge, IdTokens(token_issuer, claims).serving() as ids:
        yield Actions(GitServer(tmp_path / "git"), vault, forge, ids, act, tmp_path)
        assert forge.wrong == []
    oidc_provider.remove_client(CLIENT)


def _vault(server: VaultServer, issuer: TokenIssuer) -> VaultPlace:
    """With the policies and the JWT roles that `reconciler policy` prints."""
    server.mount_kv("oauth")
    place = VaultPlace(server=server, mount="oauth")
    server.enable_auth("jwt")
    server.call("POST", "auth/jwt/config", json={"jwt_validation_pubkeys": [issuer.public_key]})
    printer = Keyboard(Path("/"), {"RECONCILER_STORE": place.store_url})
    for role, flags in (
        (Role.PLAN, ()),
        (Role.RECONCILE, ("--ref", "main", "--environment", "oauth")),
    ):
        name = f"reconciler-{role.value}"
        server.write_policy_text(name, printer.run("policy", role.value, expect=0).out)
        bound = ("--jwt", "github", "--repository", REPOSITORY, "--audience", AUDIENCE, *flags)
        printed = printer.run("policy", role.value, *bound, expect=0).out
        server.call("POST", f"auth/jwt/role/{name}", json=json.loads(printed))
    return place


def _make_store(vault: VaultPlace, idp: OidcServer, folder: Path) -> None:
    """By an administrator, once."""
    folder.mkdir()
    desk = Keyboard(folder, vault.environment())
    desk.write("idp.yaml", provider(idp.issuer))
    desk.run("init-store", "--loopback", expect=0)
    desk.run("secret", "set", "clients/default/idp", "client_secret", stdin=SECRET, expect=0)
    desk.run("trust", "default/idp", "--yes", expect=0)


def _tool_repository(git: GitServer, folder: Path) -> str:
    """The tool as it stands in this work tree, as a repository that a commit of can be fetched."""
    for file in tracked():
        source, target = ROOT / file, folder / file
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    for words in (
        ("init", "--quiet", "--initial-branch", "main"),
        ("config", "user.name", "t"),
        ("config", "user.email", "t@example.com"),
        ("config", "uploadpack.allowAnySHA1InWant", "true"),
        ("add", "--all"),
        ("commit", "--quiet", "--message", "the tool"),
    ):
        git.git(*words, at=folder)
    return git.git("rev-parse", "HEAD", at=folder).stdout.strip()


def repository(actions: Actions, idp: OidcServer) -> Clone:
    """The team's repository, with the caller's workflow and the shipped ones beside it."""
    tool = actions.folder / "tool"
    commit = _tool_repository(actions.git, tool)
    ana = actions.git.clone("ana")
    for name in ("plan", "reconcile"):
        file = f".github/workflows/reconciler-{name}.yml"
        ana.write(file, (ROOT / file).read_text())
    caller = CALLER.replace("&with", "").format(
        tool=tool.as_uri(), commit=commit, vault=actions.vault.address, audience=AUDIENCE
    )
    ana.write(".github/workflows/oauth.yml", caller)
    ana.write("manifests/idp.yaml", provider(idp.issuer))
    ana.write("manifests/sales/feed.yaml", machine("feed"))
    ana.write(
        "manifests/sales/mail.yaml",
        machine("mail").replace("grant: client_credentials, ", "owner: ben@example.com, "),
    )
    return ana


def test_a_pull_request_is_planned_and_main_is_reconciled(actions: Actions, oidc_provider: OidcServer):
    ana = repository(actions, oidc_provider)
    assert ana.push("proposal").accepted
    sha = ana.git("rev-parse", "HEAD").stdout.strip()
    actions.forge.add_pull_request(7)
    actions.ids.claims |= {"ref": "refs/pull/7/merge", "event_name": "pull_request"}
    del actions.ids.claims["environment"]
    payload = {
        "number": 7,
        "action": "opened",
        "repository": {"full_name": REPOSITORY, "default_branch": "main"},
        "pull_request": {
            "number": 7,
            "head": {"ref": "proposal", "sha": sha, "repo": {"full_name": REPOSITORY}},
            "base": {"ref": "main", "repo": {"full_name": REPOSITORY}},
        },
    }
    _as_repository(payload)
    planned = actions.run("pull_request", payload, job="plan", ref="refs/heads/proposal", sha=sha)
    assert planned.success, planned.log
    assert actions.ids.asked >= 1, planned.log
    (comment,) = actions.forge.bodies(7)
    assert "**OAuth plan: 1 to register, 2 to track" in comment
    assert json.loads(planned.artifact("oauth-plan/plan.json"))["summary"]["register"] == 1
    _silent(actions, planned)

    assert ana.push("main").accepted
    sha = ana.git("rev-parse", "HEAD").stdout.strip()
    actions.ids.claims |= {"ref": "refs/heads/main", "event_name": "push", "environment": "oauth"}
    pushed = {"ref": "refs/heads/main", "after": sha, "repository": payload["repository"]}
    applied = actions.run("push", pushed, job="reconcile", ref="refs/heads/main", sha=sha)
    assert applied.success, applied.log
    token = actions.vault.get("reconciler/tokens/sales/feed")
    assert token["access_token"]
    status = actions.vault.metadata("reconciler/tokens/sales/feed")["custom_metadata"]
    assert status["commit"] == sha
    (issue,) = [one for n, one in actions.forge.issues.items() if n != 7]
    assert issue["title"] == "OAuth accounts: 1 needs a person"
    assert "`account/sales/mail`" in issue["body"]
    assert "<https://accounts.example.com>" in issue["body"]
    report = json.loads(applied.artifact("oauth-reconcile/report.json"))
    assert report["exit_code"] == 0
    _silent(actions, applied, more=[token["access_token"]])


def _as_repository(payload: dict[str, Any]) -> None:
    payload["repository"]["owner"] = {"login": REPOSITORY.partition("/")[0]}
    payload["repository"]["name"] = REPOSITORY.partition("/")[2]


def _silent(actions: Actions, ran: Ran, *, more: list[str] | None = None) -> None:
    """No log, no artifact and nothing at the forge holds a secret."""
    said = ran.log + "".join(f.read_text() for f in ran.artifacts.rglob("*") if f.is_file())
    said += json.dumps([*actions.forge.comments.values(), *actions.forge.issues.values()])
    for secret in (SECRET, actions.forge.token, ID_CANARY, *(more or [])):
        assert secret not in said
