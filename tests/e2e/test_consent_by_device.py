"""A whole consent by a second device on real sockets: codes, a person who types one, polling, identity, store."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from reconciler.adapters.system import SystemClock, SystemEntropy
from reconciler.decide.consent_guidance import Guidance
from reconciler.decide.device import DeviceRequest
from reconciler.decide.results import Outcome, Result
from reconciler.engine.consent_device import consent_by_device
from reconciler.model.behaviour import ClientAuth, IdentitySource
from reconciler.model.grant import TokenSet
from reconciler.model.ready import ReadyProvider
from reconciler.model.state import GrantType
from reconciler.sandbox import person as sandbox_person
from tests.contract.peers import Peer, certified, loopback_client, sandboxed
from tests.e2e.test_consent_over_loopback import with_identity
from tests.engine.consent_world import ConsentWorld
from tests.servers.oidc_server import OidcServer
from tests.servers.person import Lost, Person
from tests.simulators.manifests import make_account

pytestmark = pytest.mark.e2e


@dataclass
class OtherDevice:
    """Implements ports.DeviceInteraction: somebody with a phone."""

    uses: Callable[[DeviceRequest], object]
    shown: list[DeviceRequest] = field(default_factory=list)

    def show_device(self, request: DeviceRequest) -> None:
        self.shown.append(request)
        self.uses(request)

    def guide(self, guidance: Guidance) -> bool:
        return False


class Hurried(SystemClock):
    """This machine's clock, but for the waits, which are the server's and not the test's to sit out."""

    def __init__(self, sleeps: Callable[[float], None]) -> None:
        super().__init__(threading.Event())
        self._sleeps = sleeps

    def sleep(self, seconds: float) -> None:
        self._sleeps(seconds)


def by_device(
    peer: Peer,
    provider: ReadyProvider,
    uses: Callable[[DeviceRequest], object],
    *,
    scopes: tuple[str, ...],
    sleeps: Callable[[float], None] = lambda seconds: None,
) -> tuple[ConsentWorld, Result]:
    """`sleeps` instead of waiting, so that the pace of the server costs the test no time."""
    world = ConsentWorld()
    clock = Hurried(sleeps)
    run = replace(world.run, endpoint=peer.endpoint, clock=clock, entropy=SystemEntropy())
    account = make_account(owner=None, grant=GrantType.DEVICE_CODE, scopes=scopes)
    lasts = timedelta(minutes=5)
    return world, consent_by_device(run, account, provider, ask=OtherDevice(uses), lasts=lasts)


@pytest.mark.parametrize("auth", [ClientAuth.BASIC, ClientAuth.POST, ClientAuth.NONE])
def test_a_person_types_the_code_at_the_sandbox(auth: ClientAuth):
    def allows(request: DeviceRequest) -> None:
        sandbox_person.allow_device(request.page_with_code, subject="ana@example.com")

    scopes = ("openid", "profile", "offline_access")
    with loopback_client() as http, sandboxed(http) as peer:
        provider = replace(with_identity(peer.provider, IdentitySource.ID_TOKEN), client=peer.clients[auth])
        world, result = by_device(peer, provider, allows, scopes=scopes)
        assert (result.outcome, result.warnings) == (Outcome.DONE, ()), result
        grant = world.grant(make_account())
        assert grant is not None
        assert (grant.subject, grant.grant) == ("ana@example.com", GrantType.DEVICE_CODE)
        assert isinstance(peer.refresh(grant.refresh_token, client=peer.clients[auth]), TokenSet)


def test_a_scope_that_is_unticked_on_the_other_device_is_named():
    def allows_some(request: DeviceRequest) -> None:
        sandbox_person.allow_device(
            request.page_with_code, subject="ana@example.com", scopes=["openid", "offline_access"]
        )

    with loopback_client() as http, sandboxed(http) as peer:
        _, result = by_device(
            peer, peer.provider, allows_some, scopes=("offline_access", "openid", "profile")
        )
        assert result.warnings == ("not granted: profile",)


def test_a_person_denies_at_the_sandbox():
    with loopback_client() as http, sandboxed(http) as peer:
        world, result = by_device(
            peer,
            peer.provider,
            lambda request: sandbox_person.deny_device(request.page_with_code),
            scopes=("profile",),
        )
        assert (result.outcome, result.code) == (Outcome.REFUSED, 5)
        assert world.store.writes() == []


def test_a_client_that_polls_too_fast_is_slowed_down_and_gets_there():
    """Time stands still at the sandbox unless we sleep there, so the second poll comes too early."""
    with loopback_client() as http, sandboxed(http) as peer:
        slept: list[float] = []

        def sleeps(seconds: float) -> None:
            slept.append(seconds)
            if len(slept) == 3:
                peer.server.advance_clock(60)
                sandbox_person.allow_device(shown[0].page_with_code, subject="ana@example.com")

        shown: list[DeviceRequest] = []
        _, result = by_device(peer, peer.provider, shown.append, scopes=("profile",), sleeps=sleeps)
        assert result.outcome is Outcome.DONE, result
        assert slept == [5, 5, 10]


def test_codes_end_with_their_time_at_the_sandbox():
    with loopback_client() as http, sandboxed(http) as peer:
        _, result = by_device(
            peer, peer.provider, lambda request: peer.server.advance_clock(601), scopes=("profile",)
        )
        assert (result.outcome, result.code) == (Outcome.FAILED, 5)


@pytest.mark.parametrize("auth", [ClientAuth.BASIC, ClientAuth.POST, ClientAuth.NONE])
def test_a_person_types_the_code_at_a_certified_server(oidc_provider: OidcServer, auth: ClientAuth):
    def types(request: DeviceRequest) -> None:
        with Person("ana") as person:
            assert "close this page" in person.enter_code(request.page, code=request.user_code)

    with loopback_client() as http:
        peer = certified(http, oidc_provider)
        known = with_identity(peer.provider, IdentitySource.ID_TOKEN)
        behaviour = known.desired.behaviour.model_copy(update={"device_parameters": {"prompt": "consent"}})
        provider = replace(
            known, desired=replace(known.desired, behaviour=behaviour), client=peer.clients[auth]
        )
        world, result = by_device(peer, provider, types, scopes=("offline_access", "openid", "read"))
        assert (result.outcome, result.warnings) == (Outcome.DONE, ()), result
        grant = world.grant(make_account())
        assert grant is not None
        assert (grant.subject, grant.scopes) == ("ana", ("offline_access", "openid", "read"))
        assert isinstance(peer.refresh(grant.refresh_token, client=peer.clients[auth]), TokenSet)


def test_a_person_denies_at_a_certified_server(oidc_provider: OidcServer):
    def denies(request: DeviceRequest) -> None:
        # Whoever aborts is shown the page for another code, again and again.
        with Person("ana", allows=False) as person, suppress(Lost):
            person.enter_code(request.page, code=request.user_code)

    with loopback_client() as http:
        peer = certified(http, oidc_provider)
        world, result = by_device(peer, peer.provider, denies, scopes=("read",))
        assert (result.outcome, result.code) == (Outcome.REFUSED, 5), result
        assert world.store.writes() == []
