"""A revocation is killed at each step: the same command ends it, and no run in between brings the grant to life again."""

import pytest

from reconciler.engine.failpoints import REVOKE_FAILPOINTS
from reconciler.model.state import AccountState, Reason
from tests.crash.kills import SIGKILLED, Scene
from tests.crash.wire_world import look, refresh_once

pytestmark = [pytest.mark.crash, pytest.mark.xdist_group("crash"), pytest.mark.timeout(300)]


def kill_revoke(scene: Scene, failpoint: str, *, then_refreshes: bool) -> None:
    name = scene.consented()
    before = look(scene.run, name)
    child = scene.child(name, job="revoke", failpoint=failpoint)
    assert child["status"] == SIGKILLED, f"{failpoint} was never reached: {child}"
    assert not is_alive(scene, before.refresh_token), "the provider comes first"
    assert look(scene.run, name).refresh_token == before.refresh_token, "a tombstone carries it too"
    if then_refreshes:
        result = refresh_once(scene.place, scene.run, name)
        assert result.outcome != "done", f"{failpoint}: {result}"
        assert look(scene.run, name).refresh_token == before.refresh_token
    said = scene.child(name, job="revoke")["said"]
    assert said["outcome"] in ("done", "skipped"), said
    seen = look(scene.run, name)
    assert seen.grant is not None
    assert seen.grant.forgotten
    assert seen.refresh_token == before.refresh_token, "old material is kept"
    assert seen.access_token == "", f"{failpoint}: workloads read nothing"
    assert seen.status is not None
    assert (seen.status.state, seen.status.reason) == (AccountState.NEEDS_CONSENT, Reason.REVOKED_HERE)
    assert not seen.status.unsettled
    assert refresh_once(scene.place, scene.run, name).outcome == "skipped"


def is_alive(scene: Scene, refresh_token: str) -> bool:
    alive: bool = scene.sandbox.refresh_token_state(refresh_token)["family_alive"]
    return alive


@pytest.mark.parametrize("then_refreshes", [False, True])
def test_a_kill_at_any_step_of_a_revocation(sqlite_place, zygote, strict_sandbox, then_refreshes):
    with Scene.at(sqlite_place, sandbox=strict_sandbox, zygote=zygote) as scene:
        for failpoint in REVOKE_FAILPOINTS:
            kill_revoke(scene, failpoint, then_refreshes=then_refreshes)


@pytest.mark.slow
@pytest.mark.parametrize("then_refreshes", [False, True])
def test_a_kill_at_any_step_of_a_revocation_on_real_vault(
    vault_place, zygote, strict_sandbox, then_refreshes
):
    with Scene.at(vault_place, sandbox=strict_sandbox, zygote=zygote) as scene:
        for failpoint in REVOKE_FAILPOINTS:
            kill_revoke(scene, failpoint, then_refreshes=then_refreshes)
