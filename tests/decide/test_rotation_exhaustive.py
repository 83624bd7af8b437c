"""Every outcome at every yield of the refresh protocol, up to three surprises on one path, against what must hold.

On all of them: the protocol ends; every record that it writes carries a refresh token, the newest that it knows; a
token is never presented again unless the first answer surely did not count it; and what the provider gave is stored,
or the conclusion says that it is not.
"""

from datetime import timedelta

import pytest

from reconciler.decide.refresh_effects import Conclusion, Ending, Published, Step
from reconciler.model.behaviour import Rotation
from reconciler.model.grant import GrantRecord, Op, Phase, Verdict
from reconciler.model.state import ErrorClass, Reason
from tests.decide.rotation_model import ME, T0, World, explore, intent, record, task, tokens

LONG_AGO = T0 - timedelta(hours=3)


def never_refreshed() -> list:
    return [(record(), LONG_AGO)]


def due() -> list:
    return [(record(token_set=tokens(None, at=LONG_AGO), op=Op("old", Phase.DONE)), LONG_AGO)]


def dead_holder() -> list:
    return [*due(), (due()[0][0].with_intent(intent()), LONG_AGO)]


def running_elsewhere() -> list:
    return [*due(), (due()[0][0].with_intent(intent()), T0 - timedelta(seconds=1))]


def unclear_before() -> list:
    return [*due(), (due()[0][0].with_intent(intent(Phase.UNCLEAR)), T0 - timedelta(minutes=2))]


def suspected() -> list:
    at = T0 - timedelta(minutes=30)
    verdict = Verdict(ErrorClass.NEEDS_CONSENT, Reason.GRANT_REVOKED, at, at, confirmed=False)
    return [(record(verdict=verdict, op=Op("old", Phase.RELEASED)), at)]


WORLDS = [never_refreshed, due, dead_holder, running_elsewhere, unclear_before, suspected]


@pytest.mark.parametrize("rotation", [Rotation.SINGLE_USE, Rotation.UNKNOWN, Rotation.SINGLE_USE_WITH_GRACE])
@pytest.mark.parametrize("start", WORLDS)
def test_guarded_refresh_holds_its_promises_on_every_path_with_two_surprises(start, rotation):
    paths = 0
    for world, conclusion in explore(
        lambda choices: World(task(rotation, sends_scope=True), start(), list(choices)), surprises=2
    ):
        check(world, conclusion)
        paths += 1
    assert paths > 200


@pytest.mark.parametrize("start", [due, dead_holder])
def test_guarded_refresh_holds_its_promises_on_every_path_with_three_surprises(start):
    for world, conclusion in explore(
        lambda choices: World(task(sends_scope=True, may_use_last_good=True), start(), list(choices)),
        surprises=3,
    ):
        check(world, conclusion)


@pytest.mark.parametrize("rotation", [Rotation.REUSABLE, Rotation.OLD_STAYS_VALID])
@pytest.mark.parametrize("start", [never_refreshed, suspected])
def test_plain_refresh_holds_its_promises_on_every_path_with_three_surprises(start, rotation):
    published = Published(timedelta(hours=1), LONG_AGO)
    paths = 0
    for world, conclusion in explore(
        lambda choices: World(task(rotation, published=published), start(), list(choices)), surprises=3
    ):
        check(world, conclusion)
        assert Step.INTENT not in world.writes
        paths += 1
    assert paths > 200


def check(world: World, conclusion: Conclusion) -> None:
    where = f"choices {world.choices} asked {world.asked} -> {conclusion.ending}"
    known = {"r0"}
    for written in world.written:
        assert written.refresh_token is not None, where
    assert world.newest is not None
    known |= set(world.delivered) | set(world.consented)
    assert all(token_of(r) in known for r, _ in world.versions if r is not None), where
    check_presented_once(world, where)
    check_nothing_lost(world, conclusion, where)
    check_claims(world, conclusion, where)


def token_of(grant: GrantRecord) -> str:
    assert grant.refresh_token is not None
    return grant.refresh_token.reveal()


def check_presented_once(world: World, where: str) -> None:
    assert len(world.presented) <= 2, where
    for token, unspent in world.presented[:-1]:
        assert unspent, where
        assert token == world.presented[-1][0], where


def check_nothing_lost(world: World, conclusion: Conclusion, where: str) -> None:
    assert world.newest is not None
    stored = token_of(world.newest)
    if world.delivered and conclusion.ending is not Ending.NOT_STORED:
        # What reached us last is there, or a consent that came later is.
        assert stored == world.delivered[-1] or stored in world.consented, where
    if world.consented and not world.delivered:
        assert stored in world.consented, where
    if conclusion.ending is Ending.SUPERSEDED and world.delivered:
        assert stored in world.consented, where


def check_claims(world: World, conclusion: Conclusion, where: str) -> None:
    match conclusion.ending:
        case Ending.REFRESHED:
            assert conclusion.tokens is not None, where
            assert conclusion.tokens.access_token is not None, where
            assert conclusion.record is not None, where
            # Only somebody's next refresh may stand on top of ours already.
            assert conclusion.record.intent is None or conclusion.record.intent.holder != ME, where
            assert conclusion.record.verdict is None, where
        case Ending.STORE_FAILED:
            assert conclusion.trouble is not None, where
            assert not world.presented, where
        case Ending.NOT_STORED:
            assert world.delivered or world.presented, where
            assert conclusion.trouble is not None, where
        case Ending.REFUSED:
            assert conclusion.error is not None, where
            assert conclusion.error.definite, where
        case Ending.HELD | Ending.WAITING | Ending.FRESH | Ending.WAITED | Ending.NO_GRANT:
            unspent = all(unspent for _, unspent in world.presented)
            assert unspent or not world.delivered, where
        case Ending.UNCLEAR:
            assert conclusion.error is not None, where
            assert not conclusion.error.definite, where
        case Ending.SUPERSEDED | Ending.KEPT:
            assert world.presented, where
        case _:
            raise AssertionError(where)
