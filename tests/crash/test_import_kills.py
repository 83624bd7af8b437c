"""An import is killed at each step: what was brought is proved by the next run, or is told lost, and nothing else is lost."""

import pytest

from reconciler.engine.failpoints import IMPORT_FAILPOINTS
from reconciler.model.state import AccountState, Reason
from tests.crash.kills import SIGKILLED, Scene
from tests.crash.wire_world import look, refresh_once

pytestmark = [pytest.mark.crash, pytest.mark.xdist_group("crash"), pytest.mark.timeout(300)]

PROVING = [
    "refresh.grant-read",
    "refresh.intent-written",
    "refresh.answer-received",
    "refresh.committed",
    "refresh.published",
    "refresh.status-written",
]
"""The ordinary refresh that proves it."""
NOT_STORED = {"import.announced"}
LOST = {"refresh.answer-received"}
"""The server has replaced the token, and the new one died with the process: physics (DESIGN §6)."""
PUBLISHED = {"refresh.published", "refresh.status-written"}


def kill_first_import(scene: Scene, failpoint: str) -> None:
    name, brought = f"team/brought-{failpoint.replace('.', '-')}", scene.given()
    child = scene.child(name, job="import", token=brought, failpoint=failpoint)
    assert child["status"] == SIGKILLED, f"{failpoint} was never reached: {child}"
    seen = look(scene.run, name)
    assert (seen.access_token != "") == (failpoint in PUBLISHED), (
        f"{failpoint}: nothing unproved is published"
    )
    refresh_once(scene.place, scene.run, name)
    if failpoint in NOT_STORED:
        seen = look(scene.run, name)
        assert seen.grant is None
        assert seen.status is None or seen.status.state is AccountState.PENDING_CONSENT
        assert seen.status is None or not seen.status.unsettled
        assert scene.state_of_token(brought) == "current", "it was not presented, and can be brought again"
        assert scene.child(name, job="import", token=brought)["said"]["outcome"] == "done"
    if failpoint in LOST:
        seen = look(scene.run, name)
        assert seen.refresh_token == brought, "old material is kept"
        assert seen.status is not None
        said = (seen.status.state, seen.status.reason)
        assert said == (AccountState.NEEDS_CONSENT, Reason.INTERRUPTED_ROTATION), failpoint
        assert seen.access_token == ""
        return
    is_settled(scene, name, failpoint)


def kill_second_import(scene: Scene, failpoint: str) -> None:
    """One that replaces a grant: at every moment one of the two works, and in the end exactly one is in use."""
    name, brought = scene.consented(), scene.given()
    old = look(scene.run, name)
    child = scene.child(name, job="import", token=brought, replaces=True, failpoint=failpoint)
    assert child["status"] == SIGKILLED, f"{failpoint} was never reached: {child}"
    assert scene.state_of(old) == "current", f"{failpoint}: what is replaced is not spent"
    if failpoint not in PUBLISHED:
        assert look(scene.run, name).access_token == old.access_token, (
            f"{failpoint}: the old one serves still"
        )
    refresh_once(scene.place, scene.run, name)
    refresh_once(scene.place, scene.run, name)
    is_settled(scene, name, failpoint)
    used = scene.sandbox.refresh_token_state(look(scene.run, name).refresh_token)["grant"]
    mine = scene.sandbox.refresh_token_state(old.refresh_token)["grant"]
    assert (used == mine) == (failpoint in NOT_STORED | LOST), failpoint


def is_settled(scene: Scene, name: str, where: str) -> None:
    seen = look(scene.run, name)
    assert scene.state_of(seen) == "current", where
    assert seen.grant is not None, where
    assert seen.grant.intent is None, where
    assert not seen.grant.is_unproved, where
    assert seen.grant.token_set is not None, where
    assert seen.grant.token_set.access_token is not None, where
    assert seen.access_token == seen.grant.token_set.access_token.reveal(), where
    assert seen.status is not None, where
    assert (seen.status.state, seen.status.unsettled) == (AccountState.READY, False), where


def test_a_kill_at_any_step_of_an_import(embedded):
    for failpoint in IMPORT_FAILPOINTS:
        kill_first_import(embedded, failpoint)


@pytest.mark.slow
def test_a_kill_at_any_step_of_an_import_and_of_its_proof_on_real_vault(scene):
    for failpoint in (*IMPORT_FAILPOINTS, *PROVING):
        kill_first_import(scene, failpoint)


@pytest.mark.slow
def test_a_kill_at_any_step_of_an_import_that_replaces_a_grant_on_real_vault(scene):
    for failpoint in (*IMPORT_FAILPOINTS, *PROVING):
        kill_second_import(scene, failpoint)
