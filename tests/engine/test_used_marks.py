"""What works once: claimed by one of many, given back where it came to nothing, swept away when its day is over."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.engine.used_marks import Claim, Taken, claim, is_used, settle, sweep
from reconciler.engine.web_key import web_key
from reconciler.errors import PathDenied, RecordInvalid
from reconciler.model.secret import Document
from tests.engine.consent_world import ConsentWorld

MARK = "ab" * 16


@pytest.fixture
def world() -> ConsentWorld:
    return ConsentWorld()


def until(world: ConsentWorld):
    return world.run.clock.now() + timedelta(days=7)


def test_of_many_who_claim_at_once_one_has_it(world: ConsentWorld):
    run, end = world.run, until(world)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: claim(run, MARK, until=end), range(8)))
    assert sum(isinstance(one, Claim) for one in found) == 1


def test_what_was_used_stays_used(world: ConsentWorld):
    run, end = world.run, until(world)
    held = claim(run, MARK, until=end)
    assert isinstance(held, Claim)
    assert is_used(run, MARK, until=end) is None
    settle(run, held, used=True)
    assert is_used(run, MARK, until=end) is not None
    again = claim(run, MARK, until=end)
    assert isinstance(again, Taken)
    assert again.used


def test_what_came_to_nothing_can_be_claimed_again(world: ConsentWorld):
    run, end = world.run, until(world)
    held = claim(run, MARK, until=end)
    assert isinstance(held, Claim)
    settle(run, held, used=False)
    assert isinstance(claim(run, MARK, until=end), Claim)


def test_what_is_used_for_good_at_once_is_never_claimed_again(world: ConsentWorld):
    run, end = world.run, until(world)
    assert isinstance(claim(run, MARK, until=end, for_good=True), Claim)
    world.clock.advance(timedelta(seconds=3600))
    again = claim(run, MARK, until=end, for_good=True)
    assert isinstance(again, Taken)


def test_whoever_claimed_and_died_is_taken_over(world: ConsentWorld):
    run, end = world.run, until(world)
    dead = claim(run, MARK, until=end)
    assert isinstance(dead, Claim)
    world.clock.advance(timedelta(seconds=60))
    assert isinstance(claim(run, MARK, until=end), Taken)
    world.clock.advance(timedelta(seconds=300))
    held = claim(run, MARK, until=end)
    assert isinstance(held, Claim)
    settle(run, dead, used=False)  # and what the dead one says afterwards no longer counts
    settle(run, held, used=True)
    assert is_used(run, MARK, until=end) is not None


def test_a_record_that_cannot_be_read_counts_as_used(world: ConsentWorld):
    run, end = world.run, until(world)
    held = claim(run, MARK, until=end)
    assert isinstance(held, Claim)
    run.store.write(held.path, Document({"state": "what"}), cas=held.version)
    assert isinstance(claim(run, MARK, until=end), Taken)


def test_marks_are_swept_away_after_their_day_and_not_before(world: ConsentWorld):
    run = world.run
    for days in (0, 1, 7):
        claim(run, MARK, until=run.clock.now() + timedelta(days=days), for_good=True)
    assert sweep(run) == 0
    world.clock.advance(timedelta(seconds=3 * 86_400))
    assert sweep(run) == 2
    assert len(run.store.list_keys(run.layout.used_marks)) == 1


def test_the_pages_key_is_made_once_whoever_asks_first(world: ConsentWorld):
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: web_key(world.run), range(8)))) == 1
    assert len(web_key(world.run)) == 32


def test_a_key_that_is_none_is_said_and_not_replaced(world: ConsentWorld):
    world.run.store.write(world.run.layout.web_key, Document({"key": "short"}), cas=0)
    with pytest.raises(RecordInvalid, match="it holds no key"):
        web_key(world.run)


def test_a_login_that_may_not_read_the_key_is_told_what_it_lacks(world: ConsentWorld, monkeypatch):
    def denied(*_: object, **__: object) -> None:
        raise PathDenied("no")

    monkeypatch.setattr(world.store, "read", denied)
    with pytest.raises(PathDenied, match="may not make or read") as refused:
        web_key(replace(world.run))
    assert "meta/web-key" in str(refused.value.hint)
