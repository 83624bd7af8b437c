"""Real servers for any test that asks for one by name.

`vault` and `oidc_provider` are a place of the test's own in a server that the whole session shares; `start_vault` and
`start_oidc_provider` start a server that a test may seal, stop or starve. A test is marked by the servers it asks for.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.servers.fault_proxy import FaultProxy
from tests.servers.found import (
    describe,
    oidc_provider_home,
    openbao_binary,
    require,
    vault_binary,
)
from tests.servers.oidc_server import OidcServer
from tests.servers.places import VaultPlace
from tests.servers.signing import TokenIssuer
from tests.servers.vault_server import Storage, VaultServer

if TYPE_CHECKING:
    from reconciler.sandbox import Sandbox

# No property is a claim about speed: a loaded machine draws examples slowly.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

StartVault = Callable[[Storage], VaultServer]
StartOidcProvider = Callable[..., OidcServer]

_numbers = itertools.count(1)
_FLAVOURS = {"vault": vault_binary, "openbao": openbao_binary}
_NEEDS = {
    "vault": "vault",
    "vault_server": "vault",
    "start_vault": "vault",
    "oidc_provider": "oidc_provider",
    "oidc_provider_server": "oidc_provider",
    "start_oidc_provider": "oidc_provider",
    "chromium": "chromium",
}


def pytest_report_header() -> str:
    return describe()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for name in getattr(item, "fixturenames", ()):
            if name in _NEEDS:
                item.add_marker(_NEEDS[name])
        callspec = getattr(item, "callspec", None)
        if callspec is not None and callspec.params.get("vault_flavour") == "openbao":
            item.add_marker("openbao")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    # The header is lost under -q, and a reader of a long log looks at its end.
    terminalreporter.write_line(describe())


@pytest.fixture(scope="session", autouse=True)
def no_servers_of_the_user() -> None:
    """The tests meet their own servers only, whatever the user's shell points at."""
    for name in list(os.environ):
        if name.startswith(("VAULT_", "BAO_")):
            del os.environ[name]


@pytest.fixture(scope="session", params=["vault", *(["openbao"] if openbao_binary() else [])])
def vault_flavour(request: pytest.FixtureRequest) -> str:
    """HashiCorp Vault; OpenBao as well where `bao` is on PATH."""
    flavour: str = request.param
    return flavour


@pytest.fixture(scope="session")
def vault_server(vault_flavour: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultServer]:
    """One server for the session. Do not seal or stop it: that is what `start_vault` is for."""
    binary = require(vault_flavour, _FLAVOURS[vault_flavour]())
    server = VaultServer.start(tmp_path_factory.mktemp(vault_flavour), binary=binary)
    yield server
    server.stop()


@pytest.fixture
def vault(vault_server: VaultServer) -> Iterator[VaultPlace]:
    """A KV v2 mount of the test's own."""
    place = VaultPlace(server=vault_server, mount=f"kv{next(_numbers)}")
    vault_server.mount_kv(place.mount)
    yield place
    vault_server.unmount(place.mount)


@pytest.fixture
def start_vault(vault_flavour: str, tmp_path: Path) -> Iterator[StartVault]:
    """Starts a server of the test's own; it ends with the test."""
    started: list[VaultServer] = []

    def start(storage: Storage = "inmem") -> VaultServer:
        binary = require(vault_flavour, _FLAVOURS[vault_flavour]())
        server = VaultServer.start(tmp_path / f"vault{len(started)}", binary=binary, storage=storage)
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox for the module, where no certified server is needed."""
    from reconciler.sandbox import Sandbox, SandboxConfig, TokenPolicy

    with Sandbox(SandboxConfig(policy=TokenPolicy(access_token_seconds=3600))) as running:
        yield running


@pytest.fixture(scope="session")
def token_issuer() -> TokenIssuer:
    """Signs the ID tokens that a CI system would give to its jobs."""
    return TokenIssuer()


@pytest.fixture(scope="session")
def oidc_provider_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcServer]:
    home = require("oidc-provider", oidc_provider_home())
    server = OidcServer.start(tmp_path_factory.mktemp("oidc-provider"), home=home)
    yield server
    server.stop()


@pytest.fixture
def oidc_provider(oidc_provider_server: OidcServer) -> OidcServer:
    """The session's authorization server, with settings, counts, faults and clients as at its start."""
    oidc_provider_server.reset()
    return oidc_provider_server


@pytest.fixture
def start_oidc_provider(tmp_path: Path) -> Iterator[StartOidcProvider]:
    """Starts an authorization server of the test's own (keywords as `OidcServer.start`); it ends with the test."""
    started: list[OidcServer] = []

    def start(**wanted: object) -> OidcServer:
        home = require("oidc-provider", oidc_provider_home())
        server = OidcServer.start(tmp_path / f"as{len(started)}", home=home, **wanted)  # type: ignore[arg-type]  # passed on as given
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def faults() -> Iterator[Callable[[str], FaultProxy]]:
    """`faults(url)`: a scripted proxy before that server; it ends with the test."""
    open_proxies = []

    def before(url: str) -> FaultProxy:
        context = FaultProxy.to(url)
        open_proxies.append(context)
        return context.__enter__()

    yield before
    for context in open_proxies:
        context.__exit__(None, None, None)
