"""A warm parent, a sandbox in a process of its own, and places in real stores, for crash and race tests alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.sandbox import RemoteSandbox
from tests.crash.kills import Scene
from tests.crash.wire_world import Place
from tests.crash.zygote import Zygote
from tests.servers.places import VaultPlace


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    with Zygote.start() as started:
        yield started


@pytest.fixture(scope="session")
def strict_sandbox() -> Iterator[RemoteSandbox]:
    """Single-use refresh tokens; presenting a spent one revokes the family."""
    with RemoteSandbox.spawn("--rotation", "single-use") as sandbox:
        yield sandbox


@pytest.fixture
def sqlite_place(tmp_path: Path, strict_sandbox: RemoteSandbox) -> Place:
    """The embedded store: what the quick tier has on any machine."""
    return _place({"sqlite": str(tmp_path / "store.db")}, strict_sandbox)


@pytest.fixture
def vault_place(vault: VaultPlace, strict_sandbox: RemoteSandbox) -> Place:
    """A mount of the test's own in a real Vault."""
    store = {"vault": vault.address, "token": vault.token, "mount": vault.mount}
    return _place(store, strict_sandbox)


@pytest.fixture
def embedded(sqlite_place: Place, zygote: Zygote, strict_sandbox: RemoteSandbox) -> Iterator[Scene]:
    """Where kills are made, on the embedded store."""
    with Scene.at(sqlite_place, sandbox=strict_sandbox, zygote=zygote) as scene:
        yield scene


@pytest.fixture
def scene(vault_place: Place, zygote: Zygote, strict_sandbox: RemoteSandbox) -> Iterator[Scene]:
    """The same on a real Vault."""
    with Scene.at(vault_place, sandbox=strict_sandbox, zygote=zygote) as scene:
        yield scene


def _place(store: dict[str, str], sandbox: RemoteSandbox) -> Place:
    client = sandbox.add_client(redirect_uris=["http://127.0.0.1/callback"])
    return Place(store, sandbox.url, client["client_id"], client["client_secret"])
