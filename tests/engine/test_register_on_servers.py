"""Registering, updating and deregistering on real sockets: our sandbox, and a certified server (oidc-provider).

The server is known by its issuer alone: endpoints are discovered, bound at first use (mode `tofu`), and only then asked.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from reconciler.adapters.discovery import HttpMetadataEndpoint
from reconciler.adapters.http import HttpClient, HttpPolicy
from reconciler.adapters.registration import HttpRegistrationEndpoint
from reconciler.adapters.token_endpoint import HttpTokenEndpoint
from reconciler.decide.results import Outcome
from reconciler.decide.token_response import judge_answer
from reconciler.model.behaviour import Behaviour
from reconciler.model.desired import DesiredClient, DesiredProvider, Registration
from reconciler.model.grant import TokenSet
from reconciler.model.ready import ReadyProvider
from reconciler.model.state import DeletionPolicy
from reconciler.sandbox import RegistrationTokenRotation, Sandbox, SandboxConfig, faults
from tests.engine.registering_world import Killed, RegisteringWorld
from tests.servers.oidc_server import BASIC, INITIAL_ACCESS_TOKEN, REDIRECTS
from tests.simulators.manifests import make_provider, secret_ref

INITIAL = "clients/team/initial"


@dataclass
class Server:
    issuer: str
    scope: str
    count: Callable[[], int]
    """How many clients registered themselves there."""
    lose_next_registration: Callable[[], object]
    """The next registration is done, and its answer is lost."""


def sandboxed() -> Iterator[Server]:
    config = SandboxConfig(
        initial_access_token=INITIAL_ACCESS_TOKEN,
        registration_token_rotation=RegistrationTokenRotation.ON_READ_AND_UPDATE,
    )
    with Sandbox(config) as sandbox:
        yield Server(
            sandbox.issuer,
            "files.read",
            lambda: sum(client["dynamic"] for client in sandbox.list_clients()),
            lambda: sandbox.add_fault(faults.close_after("register")),
        )


def certified(request: pytest.FixtureRequest) -> Iterator[Server]:
    server = request.getfixturevalue("oidc_provider")
    before = len(server.stats()["clients"])
    yield Server(
        server.issuer,
        "read",
        lambda: len(server.stats()["clients"]) - before,
        lambda: server.fail("/reg", drop="after"),
    )


@pytest.fixture(params=["sandbox", pytest.param("oidc-provider", marks=pytest.mark.oidc_provider)])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    yield from sandboxed() if request.param == "sandbox" else certified(request)


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with HttpClient(HttpPolicy(loopback=True)) as client:
        yield client


@pytest.fixture
def world(http: HttpClient) -> RegisteringWorld:
    world = RegisteringWorld(
        loopback=True, registration=HttpRegistrationEndpoint(http), metadata=HttpMetadataEndpoint(http)
    )
    world.put_secret(INITIAL, token=INITIAL_ACCESS_TOKEN)
    return world


def declared(server: Server, **other: Any) -> DesiredProvider:
    behaviour = Behaviour.model_validate({"issuer": server.issuer, "discovery": True, "client_auth": "post"})
    fields: dict[str, Any] = {
        "behaviour": behaviour,
        "registration": Registration.DYNAMIC,
        "client": DesiredClient(initial_access_token_ref=secret_ref(INITIAL, "token")),
        "redirect_uris": [REDIRECTS[0]],
        "deletion_policy": DeletionPolicy.REVOKE,
    }
    return make_provider(**(fields | other))


def machine_token(http: HttpClient, ready: ReadyProvider, scope: str) -> object:
    outcome = HttpTokenEndpoint(http).post(
        ready.endpoints.token,
        form={"grant_type": "client_credentials", "scope": scope},
        client=ready.client,
    )
    clock = RegisteringWorld().clock
    return judge_answer(outcome, behaviour=ready.desired.behaviour, now=clock.now())


def test_a_client_is_registered_works_is_changed_and_is_deleted(
    server: Server, world: RegisteringWorld, http: HttpClient
):
    result, ready = world.apply(declared(server))
    assert result is not None
    assert result.outcome is Outcome.DONE, result
    assert ready is not None
    assert server.count() == 1
    assert isinstance(machine_token(http, ready, server.scope), TokenSet)

    world.store.forget_requests()
    assert world.apply(declared(server))[0] is None
    assert world.store.writes() == []

    before = world.record()
    changed = declared(server, redirect_uris=[REDIRECTS[1]], digest="2" * 16)
    result, ready = world.apply(changed)
    assert result is not None
    assert result.outcome is Outcome.DONE, result
    after = world.record()
    assert before is not None
    assert after is not None
    assert before.client is not None
    assert after.client is not None
    assert after.client.registration_access_token != before.client.registration_access_token
    assert ready is not None
    assert isinstance(machine_token(http, ready, server.scope), TokenSet)

    result, _ = world.apply(declared(server, redirect_uris=REDIRECTS, digest="3" * 16))
    assert result is not None
    assert result.outcome is Outcome.DONE, result  # with the rotated registration token
    assert server.count() == 1

    assert world.remove().outcome is Outcome.DONE
    assert server.count() == 0
    assert not isinstance(machine_token(http, ready, server.scope), TokenSet)


def test_a_wrong_initial_access_token_leaves_nothing_behind(server: Server, world: RegisteringWorld):
    world.put_secret(INITIAL, token="wrong")
    result, _ = world.apply(declared(server))
    assert result is not None
    assert (result.outcome, result.code) == (Outcome.FAILED, 4)
    assert "HTTP 401" in result.error
    assert "initial access token" in result.hint
    record = world.record()
    assert record is not None
    assert record.intent is None
    assert server.count() == 0
    world.put_secret(INITIAL, token=INITIAL_ACCESS_TOKEN)
    result, _ = world.apply(declared(server))
    assert result is not None
    assert result.outcome is Outcome.DONE


def test_a_lost_answer_never_leads_to_a_second_client(server: Server, world: RegisteringWorld):
    server.lose_next_registration()
    result, _ = world.apply(declared(server))
    assert result is not None
    assert result.outcome is Outcome.FAILED
    assert server.issuer in result.error
    world.is_dead = lambda holder: True
    for _ in range(3):
        result, _ = world.apply(declared(server))
        assert result is not None
        assert (result.outcome, result.reason) == (Outcome.REFUSED, "InterruptedRegistration")
    assert server.count() == 1


@pytest.mark.parametrize("at", ["update.intent-written", "update.committed"])
def test_a_kill_during_an_update_is_settled_by_asking_the_server(
    server: Server, world: RegisteringWorld, at: str
):
    world.apply(declared(server))
    changed = declared(server, redirect_uris=[REDIRECTS[1]], digest="2" * 16)
    with pytest.raises(Killed):
        world.apply(changed, failpoint=world.kill_at(at))
    result, ready = world.apply(changed)
    assert result is not None
    assert result.outcome is Outcome.DONE, result
    assert ready is not None
    assert server.count() == 1


@pytest.mark.oidc_provider
def test_a_client_of_the_servers_console_is_validated_by_its_issuers_metadata(
    oidc_provider: Any, http: HttpClient
):
    world = RegisteringWorld(
        loopback=True, registration=HttpRegistrationEndpoint(http), metadata=HttpMetadataEndpoint(http)
    )
    world.put_secret("clients/team/sandbox", client_secret=BASIC.secret)
    behaviour = Behaviour.model_validate({"issuer": oidc_provider.issuer, "discovery": True})
    provider = make_provider(
        behaviour=behaviour,
        client=DesiredClient(id=BASIC.client_id, secret_ref=secret_ref("clients/team/sandbox")),
    )
    result, ready = world.apply(provider)
    assert result is not None
    assert result.outcome is Outcome.DONE, result
    assert ready is not None
    assert ready.issuer_in_response
    assert isinstance(machine_token(http, ready, "read"), TokenSet)
    # A rotated secret is taken up by its version, and the server takes it.
    oidc_provider.put_client(BASIC.client_id, client_secret="rotated-s3cret")
    world.put_secret("clients/team/sandbox", client_secret="rotated-s3cret")
    result, ready = world.apply(provider)
    assert result is not None
    assert "client_secret version 1 → 2" in result.message
    assert ready is not None
    assert isinstance(machine_token(http, ready, "read"), TokenSet)


def test_an_issuer_that_speaks_for_another_is_not_believed(http: HttpClient):
    world = RegisteringWorld(
        loopback=True, registration=HttpRegistrationEndpoint(http), metadata=HttpMetadataEndpoint(http)
    )
    with Sandbox(SandboxConfig(issuer="http://127.0.0.1:1")) as sandbox:
        server = Server(sandbox.url, "files.read", lambda: 0, lambda: None)
        provider = declared(server, client=DesiredClient())
        result, _ = world.apply(provider)
    assert result is not None
    assert result.outcome is Outcome.FAILED
    assert "its issuer is another one" in result.error
    assert world.observe().metadata is None
