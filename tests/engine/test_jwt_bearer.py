"""Tokens asked for with a signed assertion: no person, no client secret, and nobody's consent (RFC 7523 §2.1)."""

import json
from datetime import timedelta

import pytest

from reconciler.decide.results import Outcome
from reconciler.model.assertion import AssertionTerms, SigningKey
from reconciler.model.behaviour import ClientAuth
from reconciler.model.ready import ClientCredentials
from reconciler.model.secret import Secret
from reconciler.model.state import AccountState, GrantType
from tests.engine.refresh_world import LAYOUT, RefreshWorld
from tests.simulators.token_endpoint import answer

BEARER = {"grant": GrantType.JWT_BEARER}


def client_of(key: str, *, auth: ClientAuth = ClientAuth.NONE) -> ClientCredentials:
    terms = AssertionTerms(SigningKey(Secret(key)), "https://as.example/token", timedelta(minutes=2))
    return ClientCredentials("client", None, auth, assertions=terms)


def world_of(**more) -> RefreshWorld:
    world = RefreshWorld(client=client_of("private key"), **more)
    world.server.clients["client"] = "private key"
    world.server.subjects.add("ana@example.com")
    return world


def asked(world: RefreshWorld) -> dict[str, str]:
    return json.loads(world.server.seen[-1].form["assertion"])


def test_it_asks_for_the_client_itself_unless_the_account_names_somebody():
    world = world_of()
    robot = world.declared("team/robot", scopes=("read",), **BEARER)
    assert world.refresh_one("team/robot").outcome is Outcome.DONE
    assert world.server.seen[-1].form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert (asked(world)["iss"], asked(world)["sub"]) == ("client", "client")
    assert world.server.seen[-1].form["scope"] == "read"
    assert world.store.read(LAYOUT.grant(robot.address)).document is None
    assert world.account_status(robot).state is AccountState.READY
    world.declared("team/hers", subject="ana@example.com", **BEARER)
    assert world.refresh_one("team/hers").outcome is Outcome.DONE
    assert asked(world)["sub"] == "ana@example.com"


def test_whose_token_it_is_is_recorded_and_another_subject_asks_for_another_token_at_once():
    world = world_of()
    robot = world.declared("team/robot", **BEARER)
    world.refresh_one("team/robot")
    assert world.account_status(robot).on_behalf_of == "client"
    hers = world.declared("team/robot", subject="ana@example.com", **BEARER)
    assert world.refresh_one("team/robot").outcome is Outcome.DONE
    assert asked(world)["sub"] == "ana@example.com"
    assert world.account_status(hers).on_behalf_of == "ana@example.com"


def test_scopes_stand_in_the_assertion_where_the_base_says_so_and_only_there():
    world = world_of(behaves={"assertion": {"scope": "claim"}})
    world.declared("team/robot", scopes=("read", "write"), **BEARER)
    assert world.refresh_one("team/robot").outcome is Outcome.DONE
    assert asked(world)["scope"] == "read write"
    assert "scope" not in world.server.seen[-1].form


def test_a_public_clients_assertion_goes_without_a_client_id():
    world = world_of()
    world.declared("team/robot", **BEARER)
    world.refresh_one("team/robot")
    assert world.server.seen[-1].client_id == ""


def test_a_client_that_authenticates_too_does_so_beside_its_assertion():
    world = RefreshWorld(client=client_of("private key", auth=ClientAuth.PRIVATE_KEY_JWT))
    world.server.clients["client"] = "private key"
    world.declared("team/robot", **BEARER)
    assert world.refresh_one("team/robot").outcome is Outcome.DONE
    assert world.server.seen[-1].client_id == "client"


def test_a_refused_assertion_asks_an_administrator_and_nobody_to_consent():
    world = world_of()
    robot = world.declared("team/robot", subject="nobody@example.com", **BEARER)
    assert world.refresh_one("team/robot").outcome is Outcome.REFUSED
    assert world.account_status(robot).state is AccountState.NEEDS_ADMIN


def test_a_new_key_that_never_worked_gives_way_to_the_last_good_one():
    world = RefreshWorld(secret_version=7, client=client_of("new"), last_good=client_of("private key"))
    world.server.clients["client"] = "private key"
    world.declared("team/robot", **BEARER)
    result = world.refresh_one("team/robot")
    assert result.outcome is Outcome.DONE
    assert "new private key" in result.warnings[0]


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_is_busy_is_simply_asked_again(status):
    world = world_of()
    robot = world.declared("team/robot", **BEARER)
    world.server.faults.append(answer(status, {"error": "invalid_grant"}))
    world.refresh_one("team/robot")
    assert world.account_status(robot).state is not AccountState.NEEDS_ADMIN
    world.clock.advance(timedelta(hours=1))
    assert world.refresh_one("team/robot").outcome is Outcome.DONE
