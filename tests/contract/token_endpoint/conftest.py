"""The peers of the token endpoint suite. oidc-provider is asked for only by the tests that run on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.peers import Peer, certified, loopback_client, sandboxed, simulated


@pytest.fixture(
    params=["simulator", "sandbox", pytest.param("oidc-provider", marks=pytest.mark.oidc_provider)]
)
def peer(request: pytest.FixtureRequest) -> Iterator[Peer]:
    if request.param == "simulator":
        yield simulated()
        return
    with loopback_client() as http:
        if request.param == "sandbox":
            with sandboxed(http) as made:
                yield made
        else:
            yield certified(http, request.getfixturevalue("oidc_provider"))
