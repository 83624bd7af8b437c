"""A git push that reconciles, really: a bare repository with the shipped hook, real Vault, a certified authorization server."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.desk import Desk
from tests.e2e.roles import RoleLogins
from tests.gitops.git_server import Clone, GitServer, Pushed
from tests.house.tree import ROOT
from tests.malicious.attacker import Attacker
from tests.servers.oidc_server import OidcServer
from tests.servers.places import VaultPlace
from tests.servers.vault_server import VaultRefused, VaultServer

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

HOOK = ROOT / "examples" / "git-server" / "post-receive"
HEAD = "apiVersion: oauth2.reconciler/v1\n"
CLIENT, SECRET = "pushed-app", "s3cret-of-the-pushed-app"


def provider(issuer: str, *, more: str = "") -> str:
    return f"""\
{HEAD}kind: Provider
metadata: {{name: idp}}
spec:
  base: custom
  client: {{id: {CLIENT}, secretRef: {{path: clients/default/idp, key: client_secret}}}}
  redirectUri: http://127.0.0.1/callback
  allowNamespaces: [sales, ops]
  server:
    issuer: {issuer}
    refreshToken: {{rotation: single-use}}
{more}"""


def machine(name: str, *, scopes: str = "read") -> str:
    return (
        f"{HEAD}kind: Account\nmetadata: {{name: {name}}}\n"
        f"spec: {{provider: default/idp, grant: client_credentials, scopes: [{scopes}]}}\n"
    )


@dataclass
class Place:
    """The platform team's machine: git server, store, and a desk for what is done by hand."""

    git: GitServer
    vault: VaultPlace
    desk: Desk
    idp: OidcServer

    def tokens(self) -> set[str]:
        """Namespaces and names of what is published."""
        found = set()
        for namespace in ("sales", "ops"):
            found |= {f"{namespace}/{name}" for name in self._names(namespace)}
        return found

    def _names(self, namespace: str) -> list[str]:
        path = f"{self.vault.mount}/metadata/reconciler/tokens/{namespace}"
        try:
            names: list[str] = self.vault.server.call("LIST", path)["data"]["keys"]
        except VaultRefused as refused:
            if refused.status != 404:
                raise
            return []
        return names


@pytest.fixture
def place(
    start_vault: Callable[[str], VaultServer], oidc_provider: OidcServer, tmp_path: Path
) -> Iterator[Place]:
    server = start_vault("inmem")
    server.mount_kv("oauth")
    vault = VaultPlace(server=server, mount="oauth")
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
    from tests.e2e.roles import at_vault

    desk = Desk(tmp_path / "desk", *at_vault(vault))
    desk.folder.mkdir()
    desk.write("idp.yaml", provider(oidc_provider.issuer))
    desk.run("init-store", "--loopback", expect=0)
    desk.run("secret", "set", "clients/default/idp", "client_secret", stdin=SECRET, expect=0)
    desk.run("trust", "default/idp", "--yes", expect=0)
    git = GitServer(tmp_path / "git", {"RECONCILER": f"{Path(sys.executable).parent}/reconciler"})
    assert isinstance(desk.logins, RoleLogins)
    git.install(HOOK, settings(vault, desk.logins))
    yield Place(git, vault, desk, oidc_provider)
    oidc_provider.remove_client(CLIENT)


def settings(vault: VaultPlace, logins: RoleLogins) -> str:
    """Each kind of run has the login of its own role, and the policy that `reconciler policy` prints."""
    from reconciler.decide.access import Role

    return (
        "# the hook's settings\n"
        f"RECONCILER_STORE={vault.store_url}\nVAULT_ADDR={vault.address}\n"
        f"VAULT_TOKEN={logins.token(Role.RECONCILE)}\nPLAN_VAULT_TOKEN={logins.token(Role.PLAN)}\n"
    )


def founded(place: Place) -> Clone:
    """Ana's clone, with the provider and two teams' machines on main."""
    ana = place.git.clone("ana")
    ana.write("manifests/idp.yaml", provider(place.idp.issuer))
    ana.write("manifests/sales/feed.yaml", machine("feed"))
    ana.write("manifests/ops/robot.yaml", machine("robot"))
    pushed = ana.push()
    assert "Done: 1 registered, 2 tracked, 2 refreshed." in pushed.seen, pushed.seen
    assert "(exit 0)" in pushed.seen
    return ana


def test_from_a_branch_to_main_to_a_removal_and_a_malicious_change(place: Place):
    ana = place.git.clone("ana")
    ana.write("manifests/idp.yaml", provider(place.idp.issuer))
    ana.write("manifests/sales/feed.yaml", machine("feed"))
    ana.write("manifests/ops/robot.yaml", machine("robot"))
    planned = ana.push("proposal")
    assert "Plan: 1 to register, 2 to track; 2 refreshes due." in planned.seen, planned.seen
    assert place.tokens() == set(), "a branch changes nothing"

    applied = ana.push("main")
    assert "Done: 1 registered, 2 tracked, 2 refreshed." in applied.seen, applied.seen
    assert place.tokens() == {"sales/feed", "ops/robot"}
    status = place.vault.metadata("reconciler/tokens/sales/feed")["custom_metadata"]
    head = ana.git("rev-parse", "HEAD").stdout.strip()
    assert status["commit"] == head, "what was applied says by which commit"

    # A removal is listed and not done; everything at once is a mistyped path.
    ana.remove("manifests/ops/robot.yaml")
    removed = ana.push()
    assert "kept until --prune: account/ops/robot" in removed.seen, removed.seen
    assert place.tokens() == {"sales/feed", "ops/robot"}
    for name in ("idp.yaml", "sales/feed.yaml"):
        ana.remove(f"manifests/{name}")
    ana.write("manifests/README", "nothing is declared\n")
    emptied = ana.push()
    assert "EmptyDesired" in emptied.seen, emptied.seen
    assert "(exit 3)" in emptied.seen
    assert place.tokens() == {"sales/feed", "ops/robot"}

    # A change that would send the secret elsewhere is refused, and nothing reaches the other side.
    with Attacker(place.idp.issuer) as attacker:
        ana.write(
            "manifests/idp.yaml",
            provider(place.idp.issuer, more=f"    endpoints: {{token: '{attacker.url}/token'}}\n"),
        )
        ana.write("manifests/sales/feed.yaml", machine("feed"))
        ana.write("manifests/ops/robot.yaml", machine("robot"))
        refused = ana.push()
        assert "provider/default/idp  refused: TRUST CHANGE" in refused.seen, refused.seen
        assert "(exit 3)" in refused.seen
        assert attacker.heard == []


def test_one_broken_file_does_not_starve_the_other_team(place: Place):
    place.idp.configure(accessTokenTtl=4)
    ana = founded(place)
    before = place.vault.metadata("reconciler/tokens/ops/robot")["current_version"]
    ana.write("manifests/sales/feed.yaml", machine("feed").replace("scopes:", "scope:"))
    _until_due(place)
    broken = ana.push()
    assert "manifests/sales/feed.yaml:4" in broken.seen, broken.seen
    assert "unknown key 'scope'" in broken.seen
    assert "(exit 65)" in broken.seen
    assert place.vault.metadata("reconciler/tokens/ops/robot")["current_version"] > before


def _until_due(place: Place) -> None:
    """The robot's token has come to half of its life."""
    place.desk.write("ops/robot.yaml", machine("robot"))
    place.desk.write("sales/feed.yaml", machine("feed"))
    clock = threading.Event()
    for _ in range(100):
        if place.desk.status("ops/robot")["state"] in ("refresh-due", "expired"):
            return
        clock.wait(0.2)
    raise AssertionError("the robot's token never came due")


def test_two_pushes_at_once_converge_and_one_is_first(place: Place):
    ana = founded(place)
    ben = place.git.clone("ben")
    ana.write("manifests/sales/one.yaml", machine("one"))
    ben.write("manifests/ops/two.yaml", machine("two"))
    results: dict[str, Pushed] = {}

    def push(name: str, clone: Clone) -> None:
        results[name] = clone.push()
        while not results[name].accepted:
            clone.catch_up()
            results[name] = clone.push()

    threads = [threading.Thread(target=push, args=pair) for pair in (("ana", ana), ("ben", ben))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert {name: pushed.accepted for name, pushed in results.items()} == {"ana": True, "ben": True}
    assert place.tokens() == {"sales/feed", "ops/robot", "sales/one", "ops/two"}
    quiet = ana.git("push", "origin", "HEAD:refs/heads/look", check=False).stdout
    assert "Plan: nothing to change" in quiet, quiet


def test_a_push_while_vault_is_sealed_is_caught_up_by_the_next(place: Place):
    ana = founded(place)
    ana.write("manifests/sales/late.yaml", machine("late"))
    place.vault.server.seal()
    sealed = ana.push()
    assert sealed.accepted
    assert "(exit 8)" in sealed.seen, sealed.seen
    place.vault.server.unseal()
    caught = ana.push(message="nothing new")
    assert "(exit 0)" in caught.seen, caught.seen
    assert place.tokens() == {"sales/feed", "ops/robot", "sales/late"}


def test_a_branch_is_planned_with_a_login_that_reads_no_secret(place: Place):
    ana = founded(place)
    with place.vault.server.audited("push") as log:
        ana.write("manifests/sales/more.yaml", machine("more"))
        assert "(exit 0)" in ana.push("proposal").seen
        calls = log.calls(under=place.vault.mount)
    data = [path for _, path in calls if "/data/" in path and "/trust/" not in path]
    assert data == []
    assert {kind for kind, _ in calls} <= {"read", "list"}


def test_the_hook_prints_no_login_and_leaves_no_folder(place: Place, tmp_path: Path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    place.git.environment["TMPDIR"] = str(scratch)
    ana = founded(place)
    ana.write("manifests/sales/x.yaml", "not: [a manifest\n")
    pushed = ana.push()
    assert "(exit 65)" in pushed.seen
    held = [line.partition("=")[2] for line in settings_of(place).splitlines() if "TOKEN" in line]
    assert [token for token in held if token in pushed.seen] == []
    assert list(scratch.iterdir()) == []


def settings_of(place: Place) -> str:
    return (place.git.bare / "hooks" / "reconciler.env").read_text()
