"""Tokens of our own, without a grant: one call, one publish, and the verdict in the metadata (RFC 6749 §4.4)."""

from datetime import timedelta

from reconciler.decide.results import Outcome
from reconciler.model.state import AccountState, GrantType, Reason
from tests.engine.refresh_world import LAYOUT, RefreshWorld, client_with
from tests.simulators.token_endpoint import answer

OWN = {"grant": GrantType.CLIENT_CREDENTIALS}


def test_the_first_run_gets_a_token_and_no_grant():
    world = RefreshWorld()
    robot = world.declared("team/robot", scopes=("read", "write"), **OWN)
    result = world.refresh_one("team/robot")
    assert result.outcome is Outcome.DONE, result
    assert world.server.seen[-1].form["grant_type"] == "client_credentials"
    assert world.server.seen[-1].form["scope"] == "read write"
    document = world.store.read(LAYOUT.token(robot.address)).document
    assert document is not None
    assert set(document) == {"access_token", "token_type", "expires_at", "scope"}
    assert world.store.read(LAYOUT.grant(robot.address)).document is None
    status = world.account_status(robot)
    assert status.state is AccountState.READY
    assert status.granted_scopes == ("read", "write")


def test_it_costs_one_call_and_one_write_from_then_on():
    world = RefreshWorld()
    world.declared("team/robot", **OWN)
    world.refresh_one("team/robot")
    assert world.refresh_one("team/robot").outcome is Outcome.SKIPPED
    world.clock.advance(timedelta(minutes=55))
    assert world.refresh_one("team/robot").outcome is Outcome.DONE
    assert world.store.count("write") == 1
    assert world.store.count("write_metadata") == 0
    assert world.store.count("read") == 0


def test_a_refusal_stands_in_the_metadata_and_is_asked_again_after_an_hour():
    world = RefreshWorld()
    robot = world.declared("team/robot", **OWN)
    world.server.faults.append(answer(400, {"error": "invalid_scope"}))
    result = world.refresh_one("team/robot")
    assert result.outcome is Outcome.REFUSED
    status = world.account_status(robot)
    assert (status.state, status.reason) == (AccountState.NEEDS_ADMIN, Reason.SCOPE_REFUSED)
    assert world.refresh_one("team/robot").outcome is Outcome.SKIPPED
    world.clock.advance(timedelta(hours=1))
    assert world.refresh_one("team/robot").outcome is Outcome.DONE
    assert world.account_status(robot).state is AccountState.READY


def test_nobody_is_asked_to_consent_whatever_the_provider_says():
    world = RefreshWorld()
    robot = world.declared("team/robot", **OWN)
    world.server.faults.append(answer(400, {"error": "invalid_grant"}))
    world.refresh_one("team/robot")
    assert world.account_status(robot).state is AccountState.NEEDS_ADMIN


def test_a_new_client_secret_that_never_worked_gives_way_to_the_last_good_one():
    world = RefreshWorld(
        secret_version=7, client=client_with("new, wrong"), last_good=client_with("client-secret")
    )
    world.declared("team/robot", **OWN)
    result = world.refresh_one("team/robot")
    assert result.outcome is Outcome.DONE
    assert "new client secret" in result.warnings[0]
    assert world.provider_status().good_secret_version == 0


def test_a_refused_client_is_the_providers_incident():
    world = RefreshWorld()
    robot = world.declared("team/robot", **OWN)
    world.server.clients["client"] = "another"
    result = world.refresh_one("team/robot")
    assert (result.outcome, result.code) == (Outcome.REFUSED, 4)
    assert world.provider_status().circuit is not None
    assert world.store.read(LAYOUT.token(robot.address)).document is None


def test_a_lost_answer_is_simply_asked_again():
    world = RefreshWorld()
    world.declared("team/robot", **OWN)
    world.server.faults.append(answer(502, b"<html>", {"content-type": "text/html"}))
    assert world.refresh_one("team/robot").outcome is Outcome.FAILED
    assert world.refresh_one("team/robot").outcome is Outcome.DONE
