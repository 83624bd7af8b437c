"""Registering a client ourselves (RFC 7591): never a second one unnoticed, whatever is killed, cut or raced."""

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.adapters.system import SystemClock
from reconciler.decide.provider_change import ProviderReason
from reconciler.decide.results import Outcome
from reconciler.engine.failpoints import REGISTER_FAILPOINTS
from reconciler.engine.provider_ports import RegisterOptions
from reconciler.errors import StoreUnreachable
from reconciler.model.answer import Loss, NoAnswer
from reconciler.model.behaviour import ClientAuth
from reconciler.model.registration import IntentKind
from reconciler.model.secret import Document, Secret
from reconciler.model.store_path import reference_path
from tests.engine.registering_world import (
    ISSUER,
    Killed,
    RegisteringWorld,
    dynamic_provider,
    server_behaviour,
)
from tests.simulators.manifests import PROVIDER, make_endpoints
from tests.simulators.memory_store import Fault
from tests.simulators.registration_endpoint import answer, changed, html, lost

AGAIN = RegisterOptions(register_again=True)
KEY = "reconciler/providers/team/sandbox"


@pytest.fixture
def world() -> RegisteringWorld:
    return RegisteringWorld()


def test_a_client_is_registered_and_kept_whole(world: RegisteringWorld):
    result, ready = world.apply(dynamic_provider(default_scopes=["read"]))
    assert result is not None
    assert result.message == f"registered, written to {KEY} (version 2)"
    record = world.record()
    assert record is not None
    assert record.intent is None
    assert record.client is not None
    assert record.client.client_id == "client-1"
    assert record.client.client_secret == Secret("dyn-secret-2")
    assert record.client.registration_client_uri == f"{ISSUER}/register/client-1"
    assert ready is not None
    assert (ready.client.client_id, ready.client.auth) == ("client-1", ClientAuth.BASIC)
    assert world.server.seen[0].body == {
        "client_name": "reconciler team/sandbox",
        "token_endpoint_auth_method": "client_secret_basic",
        "application_type": "native",
        "redirect_uris": ["http://127.0.0.1/callback"],
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types": ["code"],
        "scope": "read",
    }


def test_a_second_run_writes_nothing_and_asks_nobody(world: RegisteringWorld):
    world.apply(dynamic_provider())
    world.store.forget_requests()
    world.server.seen.clear()
    result, ready = world.apply(dynamic_provider())
    assert result is None
    assert ready is not None
    assert ready.client.secret == Secret("dyn-secret-2")
    assert world.store.writes() == []
    assert world.server.seen == []


def test_an_initial_access_token_is_taken_from_its_reference(world: RegisteringWorld):
    world.server.initial_token = "initial"
    world.put_secret("clients/team/initial", token="initial")
    result, _ = world.apply(dynamic_provider(initial="clients/team/initial"))
    assert result is not None
    assert result.outcome is Outcome.DONE
    assert world.server.seen[0].bearer == "initial"


def test_an_initial_access_token_is_not_missed_once_the_client_is_registered(world: RegisteringWorld):
    """Such tokens are often good for one use, and taken away after it."""
    path = "clients/team/initial"
    world.server.initial_token = "initial"
    world.put_secret(path, token="initial")
    world.apply(dynamic_provider(initial=path))
    world.store.purge(reference_path(path))
    assert world.change(dynamic_provider(initial=path)) is None
    changed = dynamic_provider(initial=path, redirect_uris=["http://127.0.0.1/other"], digest="2" * 16)
    result, ready = world.apply(changed)
    assert result is not None
    assert result.outcome is Outcome.DONE, result
    assert ready is not None


def test_a_missing_initial_access_token_is_seen_before_anything_is_announced(world: RegisteringWorld):
    world.put_secret("clients/team/initial", another="key")
    result, _ = world.apply(dynamic_provider(initial="clients/team/initial"))
    assert result is not None
    assert (result.outcome, result.reason) == (Outcome.FAILED, "SecretMissing")
    assert world.record() is None
    assert world.observe().metadata is None
    assert world.server.seen == []


def test_the_intent_is_in_the_store_before_the_request_leaves(world: RegisteringWorld):
    seen: list[Any] = []
    world.server.before_answer = lambda: seen.append((world.record(), world.status()))
    world.apply(dynamic_provider())
    record, status = seen[0]
    assert record.intent is not None
    assert (record.intent.kind, record.intent.issuer) == (IntentKind.CREATE, ISSUER)
    assert status.intent_op
    assert (status.intent_version, world.status().intent_op) == (1, "")


def test_the_status_holds_no_secret_of_the_client(world: RegisteringWorld):
    world.apply(dynamic_provider())
    shown = str(world.observe().metadata)
    assert "dyn-secret" not in shown
    assert "reg-token" not in shown


# -------------------------------------------------------------------------------------------------------- kills


def killed(world: RegisteringWorld, at: str) -> None:
    with pytest.raises(Killed):
        world.apply(dynamic_provider(), failpoint=world.kill_at(at))


@pytest.mark.parametrize("at", ["register.intent-written", "register.answer-received"])
def test_a_kill_before_the_client_is_stored_blocks_registering_again(world: RegisteringWorld, at: str):
    killed(world, at)
    existing = len(world.server.clients)
    world.clock.advance(timedelta(hours=1))
    result, ready = world.apply(dynamic_provider())
    assert result is not None
    assert (result.outcome, result.reason, result.code) == (Outcome.REFUSED, "InterruptedRegistration", 3)
    assert "2030-01-01T00:00:00Z" in result.error
    assert ISSUER in result.error
    assert "--register-again provider/team/sandbox" in result.hint
    assert ready is None
    assert len(world.server.clients) == existing
    change = world.change(dynamic_provider())
    assert change is not None
    assert change.interrupted_since is not None


def test_a_person_who_has_looked_lets_it_register_again(world: RegisteringWorld):
    killed(world, "register.answer-received")
    result, ready = world.apply(dynamic_provider(), options=AGAIN)
    assert result is not None
    assert result.outcome is Outcome.DONE
    assert ready is not None
    assert world.change(dynamic_provider()) is None


def test_a_kill_after_the_client_is_stored_costs_nothing(world: RegisteringWorld):
    killed(world, "register.committed")
    change = world.change(dynamic_provider())
    assert change is not None
    assert change.interrupted_since is None
    result, ready = world.apply(dynamic_provider())
    assert result is not None
    assert result.outcome is Outcome.DONE
    assert ready is not None
    assert ready.client.client_id == "client-1"
    assert len(world.server.clients) == 1
    assert world.change(dynamic_provider()) is None


def test_a_kill_between_announcing_in_the_status_and_the_record_leaves_nothing_open(world: RegisteringWorld):
    def die() -> None:
        raise Killed

    world.store.before("write", die, path=world.layout.provider(PROVIDER))
    with pytest.raises(Killed):
        world.apply(dynamic_provider())
    assert world.status().intent_op
    result, _ = world.apply(dynamic_provider())
    assert result is not None
    assert result.outcome is Outcome.DONE
    assert len(world.server.clients) == 1


def test_the_failpoints_are_those_that_the_crash_tests_know():
    reached: list[str] = []
    world = RegisteringWorld(failpoint=reached.append)
    world.apply(dynamic_provider())
    assert tuple(reached) == REGISTER_FAILPOINTS


def test_another_run_at_work_is_held_not_blocked(world: RegisteringWorld):
    killed(world, "register.intent-written")
    result, _ = world.apply(dynamic_provider())
    assert result is not None
    assert (result.outcome, result.code) == (Outcome.HELD, 6)


def test_a_dead_holder_is_not_waited_for(world: RegisteringWorld):
    killed(world, "register.intent-written")
    world.is_dead = lambda holder: True
    result, _ = world.apply(dynamic_provider())
    assert result is not None
    assert result.outcome is Outcome.REFUSED


# ------------------------------------------------------------------------------------------------------ answers


@pytest.mark.parametrize("fault", [lost, html, changed(client_id=None), changed(client_id=7)])
def test_an_unclear_answer_leaves_the_intent_and_names_time_and_issuer(world: RegisteringWorld, fault):
    world.server.next_answer = fault
    result, ready = world.apply(dynamic_provider())
    assert result is not None
    assert (result.outcome, result.code) == (Outcome.FAILED, 4)
    assert "2030-01-01T00:00:00Z is not known" in result.error
    assert ISSUER in result.error
    assert ready is None
    record = world.record()
    assert record is not None
    assert record.intent is not None
    assert len(world.server.clients) == 1


@pytest.mark.parametrize(
    "refusal",
    [
        answer(400, {"error": "invalid_redirect_uri"}),
        answer(401, {"error": "invalid_token"}),
        answer(403, "no JSON object"),
        answer(429, {}),
        NoAnswer(Loss.NOT_SENT, "connection refused"),
    ],
)
def test_a_definite_refusal_takes_the_intent_back(world: RegisteringWorld, refusal):
    world.server.refuse_next = refusal
    result, _ = world.apply(dynamic_provider())
    assert result is not None
    assert (result.outcome, result.code) == (Outcome.FAILED, 4)
    record = world.record()
    assert record is not None
    assert record.intent is None
    assert world.status().intent_op == ""
    change = world.change(dynamic_provider())
    assert change is not None
    assert change.reason is ProviderReason.FIRST_SEEN
    result, _ = world.apply(dynamic_provider())
    assert result is not None
    assert result.outcome is Outcome.DONE, result
    assert len(world.server.clients) == 1


def test_a_refusal_never_shows_the_servers_words(world: RegisteringWorld):
    world.server.refuse_next = answer(400, {"error": "<b>evil</b>", "error_description": "canary"})
    result, _ = world.apply(dynamic_provider())
    assert result is not None
    assert "evil" not in result.error
    assert "canary" not in result.error


def test_a_client_without_the_secret_that_was_asked_for_is_kept_and_named(world: RegisteringWorld):
    world.server.next_answer = changed(client_secret=None)
    result, ready = world.apply(dynamic_provider())
    assert result is not None
    assert result.outcome is Outcome.FAILED
    assert "client-1 cannot be used" in result.error
    assert ready is None
    record = world.record()
    assert record is not None
    assert record.client is not None
    assert record.client.client_id == "client-1"


def test_the_way_to_authenticate_is_what_the_server_settled_on(world: RegisteringWorld):
    world.server.next_answer = changed(token_endpoint_auth_method="client_secret_post")
    _, ready = world.apply(dynamic_provider())
    assert ready is not None
    assert ready.client.auth is ClientAuth.POST


# -------------------------------------------------------------------------------------------------- the store


def test_a_store_that_is_down_at_commit_is_waited_for(world: RegisteringWorld):
    def seal() -> None:
        world.store.down = Fault.SEALED

    world.server.before_answer = seal

    def unseal(_seconds: float) -> None:
        if len(world.clock.slept) >= 4:
            world.store.down = None

    world.clock.on_sleep = unseal
    result, ready = world.apply(dynamic_provider())
    assert result is not None
    assert result.outcome is Outcome.DONE
    assert ready is not None
    assert len(world.server.clients) == 1


def test_a_store_that_stays_down_names_the_client_that_could_not_be_stored(world: RegisteringWorld):
    world.server.before_answer = lambda: setattr(world.store, "down", Fault.UNREACHABLE)
    with pytest.raises(StoreUnreachable, match=r"client client-1 at https://as\.example could not be stored"):
        world.apply(dynamic_provider())


def test_a_stop_while_the_store_is_down_does_not_make_it_be_asked_without_a_pause(world: RegisteringWorld):
    """A sleep ends early once a stop was asked for: a client that was just made still waits for the store."""
    stop = threading.Event()
    world.clock = SystemClock(stop)  # type: ignore[assignment]  # time goes on by itself here

    def goes_down() -> None:
        stop.set()
        world.store.down = Fault.UNREACHABLE
        world.store.forget_requests()
        threading.Timer(0.3, lambda: setattr(world.store, "down", None)).start()

    world.server.before_answer = goes_down
    result, _ = world.apply(dynamic_provider(), stop=stop)
    assert result is not None
    assert result.outcome is Outcome.DONE
    assert world.store.count("write") <= 3


@pytest.mark.parametrize("fault", [Fault.UNCLEAR_AFTER, Fault.UNCLEAR_BEFORE])
@pytest.mark.parametrize("nth", [1, 2])
def test_an_unclear_write_is_settled_by_reading_back(world: RegisteringWorld, fault: Fault, nth: int):
    path = world.layout.provider(PROVIDER)
    if nth == 1:
        world.store.fail_next("write", fault, path=path)
    else:
        world.server.before_answer = lambda: world.store.fail_next("write", fault, path=path)
    result, _ = world.apply(dynamic_provider())
    assert result is not None
    assert result.outcome is Outcome.DONE
    assert len(world.server.clients) == 1
    record = world.record()
    assert record is not None
    assert record.intent is None


def test_nothing_is_sent_where_the_announcement_may_not_be_stored(world: RegisteringWorld):
    path = world.layout.provider(PROVIDER)
    world.store.fail_next("write", Fault.UNCLEAR_BEFORE, path=path, times=20)
    with pytest.raises(StoreUnreachable, match="nothing was sent"):
        world.apply(dynamic_provider())
    assert world.server.seen == []


def test_two_runs_at_once_register_one_client(world: RegisteringWorld):
    other = RegisteringWorld(
        store=world.store.another_client(), clock=world.clock, server=world.server, entropy=world.entropy
    )
    first: list[object] = []
    world.store.before(
        "write", lambda: first.append(other.apply(dynamic_provider())), path=world.layout.provider(PROVIDER)
    )
    result, _ = world.apply(dynamic_provider())
    assert result is not None
    assert (result.outcome, result.code) == (Outcome.HELD, 6)
    assert len(world.server.clients) == 1
    assert other.apply(dynamic_provider())[1] is not None


@pytest.mark.parametrize("manageable", [True, False])
def test_a_client_that_lost_against_register_again_is_removed_or_named(
    world: RegisteringWorld, manageable: bool
):
    other = RegisteringWorld(
        store=world.store.another_client(), clock=world.clock, server=world.server, entropy=world.entropy
    )
    world.server.manageable = manageable
    world.server.before_answer = lambda: other.apply(dynamic_provider(), options=AGAIN)
    result, _ = world.apply(dynamic_provider())
    assert result is not None
    assert result.outcome is Outcome.FAILED
    assert "client client-1 at https://as.example" in result.error
    assert ("was removed again" in result.error) is manageable
    assert len(world.server.clients) == (1 if manageable else 2)
    record = world.record()
    assert record is not None
    assert record.client is not None
    assert record.client.client_id in world.server.clients


def test_a_malformed_record_is_never_overwritten(world: RegisteringWorld):
    world.apply(dynamic_provider())
    path = world.layout.provider(PROVIDER)
    world.store.write(path, Document({"format": 1, "canary": "x"}), cas=2)
    result, _ = world.apply(dynamic_provider(digest="2" * 16))
    assert result is not None
    assert (result.outcome, result.code) == (Outcome.FAILED, 4)
    assert world.store.read(path).version == 3


def test_another_issuer_gets_a_client_of_its_own_and_the_old_one_is_named(world: RegisteringWorld):
    world.apply(dynamic_provider())
    world.server.base = "https://new.example"
    endpoints = make_endpoints("https://new.example", registration="https://new.example/register")
    moved = dynamic_provider(
        digest="2" * 16,
        behaviour=server_behaviour(endpoints=endpoints, issuer="https://new.example", client_auth="basic"),
    )
    change = world.change(moved)
    assert change is not None
    assert change.issuer_replaced
    world.store.purge(  # a person trusts the new place: here, by starting from nothing bound
        next(p for p in world.store.world.keys if "bindings" in str(p))
    )
    result, _ = world.apply(moved)
    assert result is not None
    assert result.outcome is Outcome.DONE, result
    assert result.warnings == ("client client-1 stays registered at https://as.example",)
    assert world.status().issuer == "https://new.example"


def test_a_store_of_one_clock_and_a_client_of_another_agree_on_age(world: RegisteringWorld):
    """Ages are the store's: a machine whose clock is an hour ahead does not take a running registration for dead."""
    killed(world, "register.intent-written")
    ahead = RegisteringWorld(
        store=world.store.another_client(), server=world.server, clock=replace(world.clock)
    )
    ahead.clock.advance(timedelta(hours=1))
    result, _ = ahead.apply(dynamic_provider())
    assert result is not None
    assert result.outcome is Outcome.HELD
