"""The peers of the registration suite: our sandbox and a certified server, both with registration tokens that rotate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from reconciler.adapters.http import HttpClient
from reconciler.adapters.registration import HttpRegistrationEndpoint
from reconciler.model.endpoint import TrustedUrl, parse_url
from reconciler.model.secret import Secret
from reconciler.ports import RegistrationEndpoint
from reconciler.sandbox import RegistrationTokenRotation, Sandbox, SandboxConfig
from tests.contract.peers import find_metadata, loopback_client
from tests.servers.oidc_server import INITIAL_ACCESS_TOKEN


@dataclass
class RegistrationPeer:
    """`count` tells how many clients registered themselves there."""

    name: str
    http: HttpClient
    endpoint: RegistrationEndpoint
    issuer: str
    url: TrustedUrl
    initial_access_token: Secret
    count: Callable[[], int]


def peer_at(
    name: str, http: HttpClient, issuer: str, *, token: str, count: Callable[[], int]
) -> RegistrationPeer:
    url = find_metadata(http, issuer).endpoints["registration"]
    return RegistrationPeer(
        name,
        http,
        HttpRegistrationEndpoint(http),
        issuer,
        TrustedUrl(parse_url(url, allow_loopback_http=True)),
        Secret(token),
        count,
    )


@pytest.fixture(params=["sandbox", pytest.param("oidc-provider", marks=pytest.mark.oidc_provider)])
def peer(request: pytest.FixtureRequest) -> Iterator[RegistrationPeer]:
    with loopback_client() as http:
        if request.param == "oidc-provider":
            server = request.getfixturevalue("oidc_provider")
            before = len(server.stats()["clients"])
            yield peer_at(
                "oidc-provider",
                http,
                server.issuer,
                token=INITIAL_ACCESS_TOKEN,
                count=lambda: len(server.stats()["clients"]) - before,
            )
            return
        config = SandboxConfig(
            initial_access_token="initial-for-the-sandbox",
            registration_token_rotation=RegistrationTokenRotation.ON_READ_AND_UPDATE,
        )
        with Sandbox(config) as sandbox:
            yield peer_at(
                "sandbox",
                http,
                sandbox.issuer,
                token="initial-for-the-sandbox",
                count=lambda: sum(client["dynamic"] for client in sandbox.list_clients()),
            )
