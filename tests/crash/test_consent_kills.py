"""A consent is killed at each of its failpoints: the new grant is stored and settled, or the old state stands as it was."""

from dataclasses import asdict

import pytest

from reconciler.engine.failpoints import CONSENT_FAILPOINTS
from reconciler.model.state import AccountState
from tests.crash.kills import SIGKILLED, Scene
from tests.crash.wire_world import look, refresh_once

pytestmark = [pytest.mark.crash, pytest.mark.xdist_group("crash"), pytest.mark.timeout(300)]

BEFORE_COMMIT = {"consent.answer-received", "consent.announced"}


def consent(scene: Scene, name: str, *, job: str = "consent", **order) -> dict:
    (child,) = scene.zygote.run(job, place=asdict(scene.place), account=name, **order)
    return child


def kill_first_consent(scene: Scene, failpoint: str, *, job: str = "consent") -> None:
    name = f"team/first-{failpoint.replace('.', '-')}"
    assert consent(scene, name, job=job, failpoint=failpoint)["status"] == SIGKILLED
    refresh_once(scene.place, scene.run, name)
    seen = look(scene.run, name)
    if failpoint in BEFORE_COMMIT:
        assert seen.grant is None
        assert seen.access_token == ""
        assert seen.status is None or seen.status.state is AccountState.PENDING_CONSENT
        assert seen.status is None or not seen.status.unsettled
        assert consent(scene, name)["said"]["outcome"] == "done"
    is_settled(scene, name)


def kill_second_consent(scene: Scene, failpoint: str) -> None:
    name = scene.consented()
    old = look(scene.run, name)
    assert consent(scene, name, failpoint=failpoint)["status"] == SIGKILLED
    after = look(scene.run, name)
    assert (after.refresh_token == old.refresh_token) == (failpoint in BEFORE_COMMIT)
    refresh_once(scene.place, scene.run, name)
    is_settled(scene, name)


def is_settled(scene: Scene, name: str) -> None:
    seen = look(scene.run, name)
    assert scene.state_of(seen) == "current"
    assert seen.grant is not None
    assert seen.grant.token_set is not None
    assert seen.grant.token_set.access_token is not None
    assert seen.access_token == seen.grant.token_set.access_token.reveal()
    assert seen.status is not None
    assert seen.status.state is AccountState.READY
    assert not seen.status.unsettled


def test_a_kill_at_any_step_of_a_first_consent(sqlite_place, zygote, strict_sandbox):
    with Scene.at(sqlite_place, sandbox=strict_sandbox, zygote=zygote) as scene:
        for failpoint in CONSENT_FAILPOINTS:
            kill_first_consent(scene, failpoint)


@pytest.mark.slow
def test_a_kill_at_any_step_of_a_consent_on_another_device(sqlite_place, zygote, strict_sandbox):
    with Scene.at(sqlite_place, sandbox=strict_sandbox, zygote=zygote) as scene:
        for failpoint in CONSENT_FAILPOINTS:
            kill_first_consent(scene, failpoint, job="consent_on_device")


def test_a_kill_at_any_step_of_a_first_consent_on_real_vault(vault_place, zygote, strict_sandbox):
    with Scene.at(vault_place, sandbox=strict_sandbox, zygote=zygote) as scene:
        for failpoint in CONSENT_FAILPOINTS:
            kill_first_consent(scene, failpoint)


def test_a_kill_at_any_step_of_a_second_consent_on_real_vault(vault_place, zygote, strict_sandbox):
    with Scene.at(vault_place, sandbox=strict_sandbox, zygote=zygote) as scene:
        for failpoint in CONSENT_FAILPOINTS:
            kill_second_consent(scene, failpoint)
