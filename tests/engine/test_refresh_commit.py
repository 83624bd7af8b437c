"""The intent beside the token, the release, the commit: what an answer does to the grant (DESIGN §6.3 to §6.8)."""

import pytest

from reconciler.model.behaviour import Rotation
from reconciler.model.grant import Phase
from reconciler.model.state import Reason
from tests.engine.refresh_world import MINUTE, SOON, dies_at, due
from tests.simulators.token_endpoint import Fault, answer


def test_the_intent_stands_beside_the_refresh_token():
    world, drive = due()
    before = world.token_of(drive)
    dies_at(world, "refresh.intent-written")
    grant = world.grant(drive)
    assert grant.refresh_token == before
    assert grant.intent is not None
    assert grant.intent.phase is Phase.SENT
    assert grant.token_set is not None
    assert world.server.seen == []


def test_a_definite_refusal_releases_the_intent():
    world, drive = due()
    world.server.faults.append(answer(429, {"error": "slow_down"}, {"retry-after": "120"}))
    result = world.refresh_one()
    assert result.outcome == "held"
    assert world.grant(drive).intent is None
    assert world.account_status(drive).reason is Reason.RATE_LIMITED
    assert world.refresh_one().outcome == "skipped", "it asked to be left alone for two minutes"
    world.clock.advance(2 * MINUTE)
    assert world.refresh_one().outcome == "done"


def test_retry_after_is_capped():
    world, drive = due()
    world.server.faults.append(answer(429, {}, {"retry-after": "99999999"}))
    world.refresh_one()
    not_before = world.account_status(drive).not_before
    assert not_before is not None
    assert not_before - world.clock.now() <= world.limits.retry_after_cap


def test_an_answer_that_never_left_releases_the_intent_at_once():
    world, drive = due()
    world.server.faults.append(Fault.NOT_SENT)
    world.refresh_one()
    assert world.grant(drive).intent is None
    assert world.refresh_one().outcome == "done"


@pytest.mark.parametrize(
    "broken", [{"token_type": 7}, {"access_token": ...}, {"expires_in": "never"}, {"scope": 1}]
)
def test_an_odd_answer_that_carries_a_new_refresh_token_is_committed(broken):
    world, drive = due()
    world.server.extra = broken
    world.refresh_one()
    assert world.is_intact(drive)
    assert world.grant(drive).intent is None
    world.server.extra = {}
    world.clock.advance(SOON)
    assert world.refresh_one().outcome == "done"
    assert world.is_served(drive)


def test_scopes_without_end_cost_neither_the_refresh_token_nor_the_metadata():
    """Together they would be more than a record may hold, and more than metadata holds of one thing."""
    world, drive = due()
    world.server.extra = {"scope": " ".join(f"scope-{n}" for n in range(11_000))}
    result = world.refresh_one()
    assert (result.outcome, result.code) == ("done", 0)
    assert "the answer's scope is too long" in result.warnings[0]
    assert world.is_intact(drive)
    assert world.grant(drive).scopes == drive.scopes


def test_a_token_set_that_is_too_large_for_a_record_is_stored_without_its_access_token():
    world, drive = due()
    form = {"content-type": "application/x-www-form-urlencoded"}
    access, refresh = '"' * 50_000, "\x07" * 30_000  # twice and six times as long in JSON
    body = f"access_token={access}&refresh_token={refresh}"
    world.server.faults.append(answer(200, body.encode(), form))
    result = world.refresh_one()
    assert result.outcome == "done"
    assert world.token_of(drive).reveal() == refresh
    assert world.published(drive) == access


def test_what_no_record_can_hold_is_told_at_once_and_holds_no_thread():
    world, drive = due()
    form = {"content-type": "application/x-www-form-urlencoded"}
    large = "\x07" * 120_000  # six times as long in JSON
    world.server.faults.append(answer(200, f"access_token=a&refresh_token={large}".encode(), form))
    before = world.clock.monotonic()
    result = world.refresh_one()
    assert result.outcome == "failed"
    assert "the record has" in result.message
    assert world.clock.monotonic() - before < 60
    assert world.token_of(drive) is not None


def test_an_error_answer_that_carries_a_new_refresh_token_is_committed():
    world, drive = due()
    rotated = world.server.family(world.token_of(drive))

    def rotate(form):
        rotated.current = "r-odd"
        world.server.families["r-odd"] = rotated

    world.server.on_request = rotate
    world.server.faults.append(answer(500, {"error": "server_error", "refresh_token": "r-odd"}))
    result = world.refresh_one()
    assert result.outcome == "failed"
    assert world.is_intact(drive)


def test_a_single_use_token_goes_out_on_a_fresh_connection():
    world, _ = due()
    world.refresh_one()
    assert world.server.seen[-1].fresh_connection
    world, _ = due(Rotation.REUSABLE)
    world.refresh_one()
    assert not world.server.seen[-1].fresh_connection


def test_a_response_without_a_refresh_token_keeps_the_old_one():
    for missing in (..., None, ""):
        world, drive = due(Rotation.REUSABLE)
        before = world.token_of(drive)
        world.server.extra = {"refresh_token": missing}
        assert world.refresh_one().outcome == "done"
        assert world.token_of(drive) == before
