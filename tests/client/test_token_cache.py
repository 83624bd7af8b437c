"""The cache below `reconciler.client`: on a clock of its own, so that every moment can be told."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.decide.handing_out import HandedOut, PublishedToken
from reconciler.engine.token_cache import Fetched, TokenCache
from reconciler.errors import NeedsPerson, ObjectFailed, StoreUnreachable
from reconciler.model.endpoint import parse_origin
from reconciler.model.names import account_address
from reconciler.model.secret import Secret

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass
class Shelf:
    """A store with one token, and a clock. `fetches` counts looks."""

    seconds: float = 1000.0
    fetches: int = 0
    version: int = 1
    left: timedelta = HOUR
    life: timedelta = HOUR
    trouble: Exception | None = None
    gate: threading.Event = field(default_factory=threading.Event)
    entered: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def fetch(self) -> Fetched:
        self.fetches += 1
        self.entered.set()
        assert self.gate.wait(20)
        if self.trouble is not None:
            raise self.trouble
        token = PublishedToken(
            Secret(f"token-{self.version}"), "Bearer", NOON + self.left, ("read",), self.version, self.life
        )
        return Fetched(HandedOut(token, NOON), frozenset({parse_origin("https://api.example")}))

    def cache(self, **more: timedelta) -> TokenCache:
        return TokenCache(
            account_address("team", "drive"), self.fetch, monotonic=lambda: self.seconds, **more
        )

    def replace(self) -> None:
        self.version, self.left = self.version + 1, HOUR


def test_a_fresh_token_is_looked_up_once():
    shelf = Shelf()
    cache = shelf.cache()
    assert cache.fresh() is None
    assert {cache.current().token for _ in range(1000)} == {"token-1"}
    assert shelf.fetches == 1
    assert cache.current().header == "Bearer token-1"
    assert cache.current().places == frozenset({("https", "api.example", None)})


def test_it_is_looked_up_again_in_its_last_minutes():
    """By then whoever keeps it alive has published the next one."""
    shelf = Shelf()
    cache = shelf.cache()
    cache.current()
    shelf.seconds += 54 * 60
    cache.current()
    assert shelf.fetches == 1
    shelf.seconds += 61
    shelf.replace()
    assert cache.current().token == "token-2"
    assert shelf.fetches == 2


def test_one_that_is_not_replaced_in_time_is_used_to_its_end_and_looked_for_now_and_then():
    shelf = Shelf()
    cache = shelf.cache()
    cache.current()
    shelf.seconds += 56 * 60
    shelf.left = timedelta(minutes=4)
    for _ in range(100):
        assert cache.current().token == "token-1"
    assert shelf.fetches == 2
    shelf.seconds += 16
    cache.current()
    assert shelf.fetches == 3


def test_a_store_that_is_down_costs_nothing_while_the_token_lives_and_is_not_beset():
    shelf = Shelf()
    cache = shelf.cache()
    cache.current()
    shelf.seconds += 56 * 60
    shelf.trouble = StoreUnreachable("no answer")
    for _ in range(100):
        assert cache.current().token == "token-1"
    assert shelf.fetches == 2
    shelf.seconds += 4 * 60
    for _ in range(100):
        with pytest.raises(StoreUnreachable):
            cache.current()
    assert shelf.fetches == 3
    shelf.seconds += 2
    shelf.trouble = None
    shelf.replace()
    assert cache.current().token == "token-2"


def test_an_error_keeps_its_kind_and_its_hint():
    shelf = Shelf(trouble=NeedsPerson("consent", hint="run: reconciler consent team/drive"))
    cache = shelf.cache()
    for _ in range(2):
        with pytest.raises(NeedsPerson) as told:
            cache.current()
        assert told.value.hint == "run: reconciler consent team/drive"


def test_with_less_left_than_asked_for_it_is_looked_up_again_and_not_given_out():
    shelf = Shelf()
    cache = shelf.cache(min_valid=timedelta(minutes=20))
    cache.current()
    shelf.seconds += 40 * 60 + 1
    shelf.trouble = ObjectFailed("has 19 min left")
    with pytest.raises(ObjectFailed):
        cache.current()
    assert shelf.fetches == 2


def test_of_a_thousand_threads_one_looks_and_the_others_go_on_with_what_lives():
    shelf = Shelf()
    cache = shelf.cache()
    cache.current()
    shelf.seconds += 56 * 60
    shelf.replace()
    shelf.gate.clear()
    shelf.entered.clear()
    with ThreadPoolExecutor(2) as first:
        looking = first.submit(cache.current)
        assert shelf.entered.wait(20)
        with ThreadPoolExecutor(32) as pool:
            tokens = {held.token for held in pool.map(lambda _: cache.current(), range(1000))}
        assert tokens == {"token-1"}, "nobody waited for the look"
        shelf.gate.set()
        assert looking.result(20).token == "token-2"
    assert shelf.fetches == 2


def test_of_a_thousand_threads_without_a_token_one_looks_and_the_others_wait():
    shelf = Shelf()
    cache = shelf.cache()
    shelf.gate.clear()
    with ThreadPoolExecutor(32) as pool:
        asked = [pool.submit(cache.current) for _ in range(1000)]
        assert shelf.entered.wait(20)
        shelf.gate.set()
        assert {future.result(20).token for future in asked} == {"token-1"}
    assert shelf.fetches == 1


def test_a_refused_token_is_looked_up_once_for_all_who_were_refused():
    shelf = Shelf()
    cache = shelf.cache()
    cache.current()
    shelf.replace()
    with ThreadPoolExecutor(32) as pool:
        found = list(pool.map(lambda _: cache.refused("token-1"), range(200)))
    assert {held.token for held in found if held is not None} == {"token-2"}
    assert None not in found
    assert shelf.fetches == 2


def test_the_same_token_again_is_no_answer_and_is_not_asked_for_by_everybody():
    shelf = Shelf()
    cache = shelf.cache()
    cache.current()
    assert [cache.refused("token-1") for _ in range(200)] == [None] * 200
    assert shelf.fetches == 2
    shelf.seconds += 2
    cache.refused("token-1")
    assert shelf.fetches == 3


def test_a_store_that_is_down_leaves_the_refusal_as_it_is():
    shelf = Shelf()
    cache = shelf.cache()
    cache.current()
    shelf.trouble = StoreUnreachable("no answer")
    assert cache.refused("token-1") is None
    shelf.trouble = None
    assert cache.current().token == "token-1"


def test_what_is_held_shows_no_token():
    cache = Shelf().cache()
    assert "token-1" not in repr(cache.current())
    assert cache.refused("token-1") is None
    assert "token-1" not in repr(cache)
    assert "token-1" not in repr(vars(cache))
