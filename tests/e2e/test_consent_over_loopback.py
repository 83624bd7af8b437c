"""A whole consent on real sockets: discovery, browser, loopback listener, exchange, identity, store."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import httpx
import pytest

from reconciler.adapters.loopback import LoopbackListener
from reconciler.adapters.system import SystemClock, SystemEntropy
from reconciler.adapters.token_endpoint import HttpTokenEndpoint
from reconciler.decide.authorization import Callback, CallbackRefused, RedirectUri
from reconciler.decide.consent_guidance import Guidance
from reconciler.decide.results import Outcome, Result
from reconciler.engine.consent import consent
from reconciler.model.behaviour import IdentityRules, IdentitySource
from reconciler.model.desired import DesiredAccount
from reconciler.model.grant import TokenSet
from reconciler.model.ready import ReadyProvider
from reconciler.sandbox import Sandbox, SandboxConfig, faults
from reconciler.sandbox import person as sandbox_person
from tests.contract.peers import certified, loopback_client, sandboxed
from tests.engine.consent_world import ConsentWorld
from tests.servers.oidc_server import OidcServer
from tests.servers.person import Person
from tests.simulators.manifests import make_account

pytestmark = pytest.mark.e2e


@dataclass
class Laptop:
    """Implements ports.Interaction: a listener of ours, and a browser that somebody sits at."""

    browse: Callable[[str, str], object]
    """Given the link and our redirect URI: goes there, presses a button, and follows the redirect."""
    listener: LoopbackListener | None = None
    errors: list[BaseException] = field(default_factory=list)

    def prepare(self, redirect: RedirectUri) -> str:
        self.listener = LoopbackListener(redirect)
        return self.listener.redirect_uri

    def open_link(self, url: str) -> None:
        self.link = url

    def guide(self, guidance: Guidance) -> bool:
        return False

    def wait_callback(
        self, judge: Callable[[str], Callback | CallbackRefused]
    ) -> Callback | CallbackRefused | None:
        listener = self.listener
        assert listener is not None
        with ThreadPoolExecutor(1) as browser, listener:
            visit = browser.submit(self.browse, self.link, listener.redirect_uri)
            verdict = listener.wait(judge, seconds=30, stop=threading.Event())
            visit.result(30)
        return verdict


def run_consent(
    provider: ReadyProvider, account: DesiredAccount, browse: Callable[[str, str], object]
) -> tuple[ConsentWorld, Result]:
    world = ConsentWorld()
    with loopback_client() as http:
        run = replace(
            world.run,
            endpoint=HttpTokenEndpoint(http),
            clock=SystemClock(threading.Event()),
            entropy=SystemEntropy(),
        )
        return world, consent(run, account, provider, ask=Laptop(browse))


def with_identity(provider: ReadyProvider, source: IdentitySource) -> ReadyProvider:
    behaviour = provider.desired.behaviour.model_copy(update={"identity": IdentityRules(source=source)})
    return replace(provider, desired=replace(provider.desired, behaviour=behaviour))


def visits_sandbox(subject: str) -> Callable[[str, str], object]:
    return lambda link, callback: sandbox_person.press_allow(link, subject=subject, visit_callback=True)


@pytest.mark.parametrize(
    "source", [IdentitySource.ID_TOKEN, IdentitySource.USERINFO, IdentitySource.INTROSPECTION]
)
def test_a_person_consents_at_the_sandbox(source):
    with loopback_client() as http, sandboxed(http) as peer:
        account = make_account(owner=None, scopes=("openid", "profile", "offline_access"))
        world, result = run_consent(
            with_identity(peer.provider, source), account, visits_sandbox("ana@example.com")
        )
        assert (result.outcome, result.warnings) == (Outcome.DONE, ()), result
        grant = world.grant(account)
        assert grant is not None
        assert grant.subject == "ana@example.com"
        assert isinstance(peer.refresh(grant.refresh_token), TokenSet)


def test_a_scope_that_is_unticked_at_the_sandbox_is_named():
    with loopback_client() as http, sandboxed(http) as peer:
        account = make_account(owner=None, scopes=("offline_access", "openid", "profile"))
        _, result = run_consent(
            peer.provider,
            account,
            lambda link, callback: sandbox_person.press_allow(
                link, subject="ana@example.com", scopes=["openid", "offline_access"], visit_callback=True
            ),
        )
        assert result.warnings == ("not granted: profile",)


def test_a_person_denies_at_the_sandbox():
    def denies(link: str, callback: str) -> None:
        httpx.get(sandbox_person.press_deny(link))

    with loopback_client() as http, sandboxed(http) as peer:
        world, result = run_consent(peer.provider, make_account(owner=None, scopes=("profile",)), denies)
        assert (result.outcome, result.code) == (Outcome.REFUSED, 5)
        assert world.store.writes() == []


def test_a_server_that_redirects_the_exchange_elsewhere_gets_nothing():
    with Sandbox(SandboxConfig()) as attacker, loopback_client() as http, sandboxed(http) as peer:
        peer.server.add_fault(faults.redirect("token", f"{attacker.url}/token"))
        world, result = run_consent(
            peer.provider, make_account(owner=None, scopes=("profile",)), visits_sandbox("ana@example.com")
        )
        assert (result.outcome, result.code) == (Outcome.FAILED, 4)
        assert "HTTP 30" in result.error
        assert world.store.writes() == []
        assert not attacker.counters()["requests"]


def test_a_person_consents_at_a_certified_server(oidc_provider: OidcServer):
    def visits(link: str, callback: str) -> None:
        with Person("ana") as person:
            person.deliver(link, callback=callback)

    with loopback_client() as http:
        peer = certified(http, oidc_provider)
        account = make_account(owner=None, scopes=("offline_access", "openid", "read"))
        world, result = run_consent(with_identity(peer.provider, IdentitySource.ID_TOKEN), account, visits)
        assert (result.outcome, result.warnings) == (Outcome.DONE, ()), result
        grant = world.grant(account)
        assert grant is not None
        assert grant.subject == "ana"
        assert grant.scopes == account.scopes
