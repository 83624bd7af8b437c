"""A base tried on a server: what holds is confirmed, what the server does otherwise is named, nothing is stored."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reconciler.decide.conformance import Promise, Verdict
from reconciler.engine.conformance import Trial
from reconciler.errors import ProviderFailed
from reconciler.model.behaviour import Rotation
from tests.engine.consent_world import ConsentWorld, Denies
from tests.simulators.manifests import make_account, make_behaviour
from tests.simulators.token_endpoint import Fault, answer


def world_of(does: Rotation, **says: Any) -> ConsentWorld:
    world = ConsentWorld(behaviour=make_behaviour(**says))
    world.server.rotation = does
    world.server.grace = timedelta(minutes=10)
    return world


def tried(world: ConsentWorld, *, burn: bool = False) -> dict[str, Promise]:
    trial = Trial(world.run, world.provider, make_account())
    return {promise.field: promise for promise in trial.whole(world.person(), burn=burn)}


@pytest.mark.parametrize("rotation", [Rotation.SINGLE_USE, Rotation.REUSABLE, Rotation.OLD_STAYS_VALID])
def test_a_server_that_keeps_its_word_confirms_it(rotation: Rotation):
    found = tried(world_of(rotation, rotation=rotation), burn=True)
    assert found["refreshToken.rotation"].verdict is Verdict.CONFIRMED
    assert found["errors"].verdict is Verdict.CONFIRMED
    assert all(promise.verdict is not Verdict.CONTRADICTED for promise in found.values())


def test_a_grace_is_tried_since_it_harms_nothing():
    grace = timedelta(minutes=10)
    world = world_of(Rotation.SINGLE_USE_WITH_GRACE, rotation=Rotation.SINGLE_USE_WITH_GRACE, grace=grace)
    assert tried(world)["refreshToken.grace"].verdict is Verdict.CONFIRMED


@pytest.mark.parametrize(
    ("says", "does"),
    [(Rotation.REUSABLE, Rotation.SINGLE_USE), (Rotation.SINGLE_USE, Rotation.REUSABLE)],
)
def test_another_rotation_than_the_base_says_is_a_contradiction(says: Rotation, does: Rotation):
    assert tried(world_of(does, rotation=says))["refreshToken.rotation"].verdict is Verdict.CONTRADICTED


def test_a_rotation_that_the_base_leaves_open_is_told_and_not_judged():
    found = tried(world_of(Rotation.SINGLE_USE, rotation=Rotation.BY_SETTING))["refreshToken.rotation"]
    assert found.verdict is Verdict.NOT_TRIED
    assert "3 brought a new refresh token" in found.found


def test_what_ends_the_grant_is_tried_only_when_asked_to():
    says = {"rotation": "single-use", "reuse_revokes": True}
    careful = tried(world_of(Rotation.SINGLE_USE, refresh_token=says))
    assert careful["refreshToken.reuseRevokes"].verdict is Verdict.NOT_TRIED
    burnt = tried(world_of(Rotation.SINGLE_USE, refresh_token=says), burn=True)
    assert burnt["refreshToken.reuseRevokes"].verdict is Verdict.CONFIRMED


def test_an_identifier_that_does_not_come_is_a_contradiction():
    found = tried(world_of(Rotation.SINGLE_USE, response={"keep": ["instance_url"]}))
    assert found["response.keep"].verdict is Verdict.CONTRADICTED


def test_another_lifetime_than_the_base_says_is_a_contradiction():
    says = {"access_token": {"lifetime": timedelta(hours=2)}}
    assert (
        tried(world_of(Rotation.SINGLE_USE, **says))["accessToken.lifetime"].verdict is Verdict.CONTRADICTED
    )


def test_nothing_is_stored_and_no_token_is_told():
    world = world_of(Rotation.SINGLE_USE)
    found = tried(world, burn=True)
    assert world.store.requests == []
    tokens = {*world.server.access_tokens, *world.server.families, "client-secret"}
    assert [token for token in tokens if token in repr(found)] == []


def test_where_nobody_consents_there_is_no_trial():
    world = world_of(Rotation.SINGLE_USE)
    with pytest.raises(ProviderFailed, match="no consent came of it"):
        Trial(world.run, world.provider, make_account()).whole(world.person(Denies), burn=False)


def test_a_code_that_is_refused_is_said_with_its_class():
    world = world_of(Rotation.SINGLE_USE)
    world.server.faults.append(answer(401, {"error": "invalid_client"}))
    with pytest.raises(ProviderFailed, match=r"HTTP 401 invalid_client \(client\)"):
        Trial(world.run, world.provider, make_account()).whole(world.person(), burn=False)


def test_a_server_that_is_away_proves_nothing():
    world = world_of(Rotation.SINGLE_USE)
    world.server.faults.append(Fault.NOT_SENT)
    assert Trial(world.run, world.provider, make_account()).stranger().verdict is Verdict.NOT_TRIED


def test_a_refusal_that_cannot_be_read_contradicts():
    world = world_of(Rotation.SINGLE_USE, response={"error": "fault.code"})
    assert Trial(world.run, world.provider, make_account()).stranger().verdict is Verdict.CONTRADICTED
