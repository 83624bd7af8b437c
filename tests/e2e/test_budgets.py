"""What many accounts of several teams ask of a real Vault and of their provider, counted on the wire (DESIGN §5).

Every request is in Vault's audit log, every exchange in the sandbox's counters. Each budget is a whole count: what is
not named here was not asked for.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.sandbox import RemoteSandbox
from tests.bench.worlds import World, write_grants
from tests.e2e.roles import RoleLogins
from tests.servers.audit import AuditLog
from tests.servers.places import VaultPlace

ACCOUNTS, TEAMS = 12, 3
LIFE_SECONDS = 3600
WRITES = frozenset({"create", "update", "patch"})


@dataclass(frozen=True)
class Scene:
    """A seeded world: every account consented, nothing due, and nobody else on its Vault mount."""

    world: World
    sandbox: RemoteSandbox
    vault: VaultPlace
    logins: RoleLogins

    def run(self, *arguments: str, expect: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "reconciler", *arguments, "-f", str(self.world.manifests), "-o", "json"],
            env={**self.world.environment, **self.logins.variables_for(arguments)},
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == expect, done.stderr + done.stdout
        return done.stdout

    def counted(self, log: AuditLog) -> Counter[str]:
        """`<what> <kind>/<folder>` of every request to the store's mount: `list metadata/tokens`."""
        counts: Counter[str] = Counter()
        for operation, path in log.calls(under=f"{self.vault.mount}/"):
            _, plane, first, *rest = path.split("/")
            folder = rest[0] if first == "reconciler" and rest else first
            what = "write" if operation in WRITES else operation
            counts[f"{what} {plane}/{folder}"] += 1
        return counts

    @property
    def refreshes(self) -> int:
        return int(self.sandbox.counters()["exchanges"].get("refresh_token", 0))

    @property
    def refusals(self) -> int:
        return int(self.sandbox.counters()["refusals"].get("invalid_grant", 0))


@pytest.fixture(params=[pytest.param("reusable", marks=pytest.mark.slow), "single-use"])
def scene(request, vault: VaultPlace, tmp_path: Path) -> Iterator[Scene]:
    rotation: str = request.param
    life = ("--access-token-seconds", str(LIFE_SECONDS))
    with RemoteSandbox.spawn("--rotation", rotation, *life) as sandbox:
        client = sandbox.add_client(redirect_uris=["http://127.0.0.1/callback"])
        world = World(
            folder=tmp_path,
            accounts=ACCOUNTS,
            team=ACCOUNTS // TEAMS,
            server=sandbox.url,
            client_id=client["client_id"],
            client_secret=client["client_secret"],
            rotation=rotation,
            store=vault.environment(),
        )
        world.write_manifests()
        grants = sandbox.add_grants(client["client_id"], count=ACCOUNTS, expires_in=LIFE_SECONDS)
        world.seed(
            init=["--trust", "tofu", "--loopback"], grants=write_grants(tmp_path / "grants.json", grants)
        )
        yield Scene(world, sandbox, vault, RoleLogins(vault))


def observation(world: World) -> Counter[str]:
    """What looking at everything costs, whatever comes of it."""
    looks = Counter(
        {
            "list metadata/tokens": 1 + TEAMS,
            "list metadata/providers": 1 + TEAMS,
            "read metadata/tokens": ACCOUNTS,
            "read metadata/providers": TEAMS,
            "read metadata/clients": TEAMS,
            "read data/trust": 1 + TEAMS,
        }
    )
    if world.rotation == "single-use":
        looks += Counter({"list metadata/grants": 1 + TEAMS, "read metadata/grants": ACCOUNTS})
    return looks


def test_a_plan_looks_once_at_each_thing_and_writes_nothing(scene: Scene):
    with scene.vault.server.audited(scene.vault.mount) as log:
        scene.run("plan")
        assert scene.counted(log) == observation(scene.world) + Counter({"read metadata/meta": 1})
    assert scene.refreshes == 0


def test_each_refresh_is_one_read_one_exchange_and_its_writes(scene: Scene):
    grant_writes = 2 * ACCOUNTS if scene.world.rotation == "single-use" else 0
    looks = observation(scene.world)
    for what in ("list metadata/grants", "read metadata/grants"):
        del looks[what]  # each grant is read next, and tells more than its metadata
    # The first one also tells each provider's metadata that its secret works.
    scene.run("refresh", "--force")
    with scene.vault.server.audited(scene.vault.mount) as log:
        scene.run("refresh", "--force")
        seen = scene.counted(log)
    refreshed = Counter(
        {
            "read data/grants": ACCOUNTS,
            "write data/grants": grant_writes,
            "write data/tokens": ACCOUNTS,
            # Once a run: the store's format, the key of the fingerprints, and each provider's client secret.
            "read metadata/meta": 1,
            "read data/meta": 1,
            "read data/clients": TEAMS,
        }
    )
    assert seen == looks + +refreshed
    assert scene.refreshes == 2 * ACCOUNTS


def test_a_refusal_costs_its_verdict_and_one_line_of_metadata(scene: Scene):
    for grant in scene.sandbox.list_grants(subject="person-1"):
        scene.sandbox.revoke_grant(grant["grant"])
    with scene.vault.server.audited(scene.vault.mount) as log:
        scene.run("refresh", "--force", "team-00/account-00000")
        seen = scene.counted(log)
    assert scene.refusals == 1
    assert seen["read data/grants"] == 1, "whether somebody else won meanwhile is told by the write's cas"
    assert seen["write data/grants"] == (2 if scene.world.rotation == "single-use" else 1)
    assert seen["write data/tokens"] == 0
    assert seen["write metadata/tokens"] == 1


def test_a_second_look_at_a_settled_world_costs_the_same_and_calls_nobody(scene: Scene):
    with scene.vault.server.audited(scene.vault.mount) as log:
        scene.run("reconcile")
        seen = scene.counted(log)
    assert seen - observation(scene.world) <= Counter({"read metadata/meta": 1, "read data/meta": 1})
    assert not any(what.startswith("write") for what in seen)
    assert scene.refreshes == 0
