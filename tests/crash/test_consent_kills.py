"""A consent is killed at each of its failpoints, the first one and a later one: what a person gave is there, or was
never taken, and the grant from before stands until a newer one is stored."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from reconciler.decide.results import Outcome
from reconciler.engine.failpoints import CONSENT_FAILPOINTS
from reconciler.model.state import AccountState, Reason
from tests.crash.consent_job import consent_once
from tests.crash.kills import SIGKILLED, Scene
from tests.crash.wire_world import look, refresh_once

pytestmark = [pytest.mark.crash, pytest.mark.xdist_group("crash"), pytest.mark.timeout(600)]

BEFORE = ["consent.answer-received", "consent.announced"]
AFTER = ["consent.committed", "consent.published", "consent.status-written"]


def test_every_failpoint_of_a_consent_is_killed_somewhere():
    assert {*BEFORE, *AFTER} == set(CONSENT_FAILPOINTS)


@pytest.fixture
def embedded(sqlite_place, zygote, strict_sandbox):
    with Scene.at(sqlite_place, sandbox=strict_sandbox, zygote=zygote) as scene:
        yield scene


@pytest.fixture
def scene(vault_place, zygote, strict_sandbox):
    with Scene.at(vault_place, sandbox=strict_sandbox, zygote=zygote) as scene:
        yield scene


def kill(scene: Scene, name: str, failpoint: str) -> None:
    (child,) = scene.zygote.run("consent", place=asdict(scene.place), account=name, failpoint=failpoint)
    assert child["status"] == SIGKILLED, f"{failpoint} was never reached: {child}"
    scene.kills += 1


def first_consents(scene: Scene) -> None:
    for failpoint in BEFORE:
        name = f"team/first-{failpoint.replace('.', '-')}"
        kill(scene, name, failpoint)
        assert look(scene.run, name).grant is None
        missing = refresh_once(scene.place, scene.run, name)
        assert missing.reason == Reason.NEVER_CONSENTED.value, f"{failpoint}: {missing}"
        again = consent_once(scene.place, scene.run, name)
        assert again.outcome is Outcome.DONE, f"{failpoint}: {again}"
        is_whole(scene, name, failpoint)
    for failpoint in AFTER:
        name = f"team/first-{failpoint.replace('.', '-')}"
        kill(scene, name, failpoint)
        is_whole(scene, name, failpoint)


def later_consents(scene: Scene) -> None:
    for failpoint in (*BEFORE, *AFTER):
        name = scene.consented()
        old = look(scene.run, name).refresh_token
        kill(scene, name, failpoint)
        kept = look(scene.run, name).refresh_token == old
        assert kept is (failpoint in BEFORE), failpoint
        is_whole(scene, name, failpoint)


def is_whole(scene: Scene, name: str, where: str) -> None:
    """After the next run the store holds the newest token of a living grant, and says that all is well."""
    refresh_once(scene.place, scene.run, name)
    seen = look(scene.run, name)
    assert scene.state_of(seen) == "current", where
    assert scene.sandbox.refresh_token_state(seen.refresh_token)["family_alive"], where
    assert seen.status is not None, where
    assert (seen.status.state, seen.status.unsettled) == (AccountState.READY, False), (
        f"{where}: {seen.status}"
    )
    assert seen.grant is not None, where
    assert seen.grant.token_set is not None, where
    assert seen.grant.token_set.access_token is not None, where
    assert seen.access_token == seen.grant.token_set.access_token.reveal(), where


def test_a_kill_at_any_step_of_a_first_consent_loses_nothing_in_silence(embedded):
    first_consents(embedded)


def test_a_kill_at_any_step_of_a_first_consent_loses_nothing_in_silence_on_real_vault(scene):
    first_consents(scene)


def test_a_kill_at_any_step_of_a_later_consent_leaves_one_whole_grant(embedded):
    later_consents(embedded)


def test_a_kill_at_any_step_of_a_later_consent_leaves_one_whole_grant_on_real_vault(scene):
    later_consents(scene)
