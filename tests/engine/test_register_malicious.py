"""What a pull request can try in order to send a credential somewhere new: each is refused, and not one byte is sent.

The world: team `team` has a provider that a person once trusted (or the catalogue spelled out). Somebody changes it in
Git and gets it merged. Reconcile runs with the store's settings as they are: mode `catalogue`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from reconciler.decide.results import Outcome
from reconciler.decide.trust import may_send_refresh_token
from reconciler.engine.provider_ports import ProviderPorts
from reconciler.engine.register import apply_provider
from reconciler.engine.secret_reader import SecretReader
from reconciler.engine.trust import trust
from reconciler.model.answer import Loss, NoAnswer
from reconciler.model.answer import Outcome as HttpOutcome
from reconciler.model.behaviour import Endpoints
from reconciler.model.desired import DesiredClient, DesiredProvider
from reconciler.model.endpoint import parse_origin, parse_url
from reconciler.model.names import provider_address
from reconciler.model.trust import TrustMode
from tests.engine.registering_world import (
    ISSUER,
    NO_OTHERS,
    RegisteringWorld,
    dynamic_provider,
    server_behaviour,
    static_provider,
)
from tests.simulators.manifests import make_endpoints, secret_ref

EVIL = "https://evil.example"
NEW = "2" * 16


@dataclass
class Wire:
    """Records whatever would leave the machine with a credential or because of one."""

    sent: list[str] = field(default_factory=list)

    def send(self, method: str, url: object, **kwargs: Any) -> HttpOutcome:
        self.sent.append(f"{method} {url}")
        return NoAnswer(Loss.UNCLEAR, "cut")


@pytest.fixture
def world() -> RegisteringWorld:
    """Catalogue mode; the team's secret is bound to its server by a person, and in use."""
    world = RegisteringWorld(mode=TrustMode.CATALOGUE)
    world.put_secret("clients/team/sandbox", client_secret="canary-secret", token="canary-initial")
    world.put_secret("clients/other/theirs", client_secret="canary-theirs")
    for credential in ("clients/team/sandbox", "providers/team/sandbox"):
        trust(world.run(), credential=credential, origins=frozenset({parse_origin(ISSUER)}))
    _, ready = world.apply(static_provider())
    assert ready is not None
    world.server.seen.clear()
    world.issuer.seen.clear()
    return world


def with_endpoint(role: str, **other: Any) -> DesiredProvider:
    urls = make_endpoints(ISSUER, **{**NO_OTHERS, role: f"{EVIL}/{role}"})
    return static_provider(behaviour=server_behaviour(endpoints=urls, **other), digest=NEW)


def secret_of(path: str, **other: Any) -> DesiredProvider:
    return static_provider(
        client=DesiredClient(id="client-1", secret_ref=secret_ref(path)), digest=NEW, **other
    )


ENDPOINTS = sorted(set(Endpoints.model_fields) - {"registration", "jwks"})
"""All that a static client has, whenever somebody adds one; whoever reads public keys is told nothing."""


@pytest.mark.parametrize("role", ENDPOINTS)
def test_an_endpoint_that_moves_to_another_origin_is_refused(world: RegisteringWorld, role: str):
    refused(world, with_endpoint(role))


def elsewhere(**other: Any) -> DesiredProvider:
    """The whole server is another one."""
    urls = make_endpoints(EVIL, **NO_OTHERS)
    return static_provider(behaviour=server_behaviour(endpoints=urls), digest=NEW, **other)


ATTACKS: dict[str, Callable[[], DesiredProvider]] = {
    "an API origin that `request` would send tokens to": lambda: static_provider(
        behaviour=server_behaviour(api_origins=[EVIL]), digest=NEW
    ),
    "the same server on another port": lambda: static_provider(
        behaviour=server_behaviour(
            endpoints=make_endpoints(ISSUER, **{**NO_OTHERS, "token": f"{ISSUER}:8443/t"})
        ),
        digest=NEW,
    ),
    "another whole server under the same name": elsewhere,
    "a base in Git that bears a shipped one's name": lambda: elsewhere(base="google", base_shipped=False),
    "a shipped base with its endpoints overridden": lambda: elsewhere(
        base="google",
        base_shipped=True,
        overridden={"endpoints.token", "endpoints.authorization", "endpoints.revocation"},
    ),
    "formerOrigins in Git that claim to be the successor": lambda: static_provider(
        behaviour=server_behaviour(endpoints=make_endpoints(EVIL, **NO_OTHERS), former_origins=[ISSUER]),
        base="google",
        base_shipped=True,
        overridden={"former_origins", "endpoints.token"},
        digest=NEW,
    ),
    "a secret of another namespace": lambda: secret_of("clients/other/theirs"),
    "a secret of ours": lambda: secret_of("reconciler/grants/other/drive"),
    "the tool's own registration record as a secret": lambda: secret_of("reconciler/providers/other/x"),
    "the same secret by another key, to another server": lambda: elsewhere(
        client=DesiredClient(id="client-1", secret_ref=secret_ref("clients/team/sandbox", "token"))
    ),
    "the same secret by a pinned version, to another server": lambda: elsewhere(
        client=DesiredClient(id="client-1", secret_ref=secret_ref("clients/team/sandbox", version=1))
    ),
    "another secret of the same team that was never bound": lambda: secret_of("clients/team/new"),
    "the secret as an initial access token of an attacker's registration endpoint": lambda: dynamic_provider(
        initial="clients/team/sandbox",
        behaviour=server_behaviour(
            endpoints=make_endpoints(ISSUER, registration=f"{EVIL}/register", **NO_OTHERS)
        ),
        digest=NEW,
    ),
    "plain http": lambda: static_provider(
        behaviour=server_behaviour(endpoints=make_endpoints("http://127.0.0.1:9", **NO_OTHERS)), digest=NEW
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_pull_request_cannot_send_a_credential_somewhere_new(world: RegisteringWorld, attack: str):
    if attack.startswith("another secret"):
        world.put_secret("clients/team/new", client_secret="canary-new")
    refused(world, ATTACKS[attack]())


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_new_provider_gets_no_further(world: RegisteringWorld, attack: str):
    """The same under a name that nobody ever trusted."""
    if attack.startswith("another secret"):
        world.put_secret("clients/team/new", client_secret="canary-new")
    provider = ATTACKS[attack]()
    refused(world, replace(provider, address=provider_address(provider.address.namespace, "fresh")))


def test_a_discovery_document_that_points_the_token_endpoint_elsewhere_is_refused(world: RegisteringWorld):
    world.issuer.publish(ISSUER, token_endpoint=f"{EVIL}/token")
    refused(
        world,
        static_provider(behaviour=server_behaviour(endpoints={}, issuer=ISSUER, discovery=True), digest=NEW),
    )


def test_an_issuer_of_the_attackers_own_is_refused(world: RegisteringWorld):
    world.issuer.publish(EVIL)
    refused(
        world,
        static_provider(behaviour=server_behaviour(endpoints={}, issuer=EVIL, discovery=True), digest=NEW),
    )


def test_a_refresh_token_does_not_follow_its_account_to_another_server():
    there = parse_url(f"{EVIL}/token")
    assert not may_send_refresh_token(ISSUER, there, provider=elsewhere())
    claimed = ATTACKS["formerOrigins in Git that claim to be the successor"]()
    assert not may_send_refresh_token(ISSUER, there, provider=claimed)


def refused(world: RegisteringWorld, provider: DesiredProvider) -> None:
    """Nothing with a credential leaves, no trust is written, and the report says who is asked for what."""
    wire = Wire()
    bindings = {str(p): k.current for p, k in world.store.world.keys.items() if "trust" in p.segments}
    observed = world.observe(provider.address)
    change = world.change(provider)
    assert change is not None
    result, ready = apply_provider(
        world.run(),
        change,
        desired=provider,
        observed=observed,
        trust=world.trust(provider),
        ports=ProviderPorts(SecretReader(world.store), world.issuer, wire),
    )
    assert ready is None
    assert (result.outcome, result.code) == (Outcome.REFUSED, 3), result
    assert result.error.startswith(str(provider.address))
    assert "canary" not in f"{result}"
    assert wire.sent == []
    assert bindings == {str(p): k.current for p, k in world.store.world.keys.items() if "trust" in p.segments}
