"""When a token is due: the table of DESIGN §6 and what must hold for every life and every setting."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.decide.timing import aging, assess, assess_account, hard, idle_limit, jitter_of
from reconciler.model.behaviour import (
    AccessTokenRules,
    LifetimeKind,
    RefreshLifetime,
    RefreshTokenRules,
    Rotation,
)
from reconciler.model.names import account_address

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MIN = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("life", "rotation", "aging_left", "hard_left"),
    [
        (5 * MIN, Rotation.REUSABLE, 2.5 * MIN, 1.25 * MIN),
        (5 * MIN, Rotation.SINGLE_USE, 2.5 * MIN, 1.25 * MIN),
        (20 * MIN, Rotation.REUSABLE, 10 * MIN, 5 * MIN),
        (HOUR, Rotation.REUSABLE, 12 * MIN, 5 * MIN),
        (HOUR, Rotation.OLD_STAYS_VALID, 12 * MIN, 5 * MIN),
        (HOUR, Rotation.SINGLE_USE, 30 * MIN, 5 * MIN),
        (HOUR, Rotation.UNKNOWN, 30 * MIN, 5 * MIN),
        (6 * HOUR, Rotation.SINGLE_USE, 72 * MIN, 5 * MIN),
        (DAY, Rotation.REUSABLE, 288 * MIN, 5 * MIN),
    ],
)
def test_thresholds_follow_from_life_and_rotation(life, rotation, aging_left, hard_left):
    timing = assess(life, T0, T0, rotation=rotation)
    assert timing.expires_at == T0 + life
    assert timing.aging_at == T0 + life - aging_left
    assert timing.due_at == timing.aging_at
    assert timing.hard_at == T0 + life - hard_left


@pytest.mark.parametrize(
    ("window", "due_within", "left"),
    [
        (None, None, 12 * MIN),
        (20 * MIN, None, 20 * MIN),
        (5 * MIN, None, 12 * MIN),
        (None, 25 * MIN, 25 * MIN),
        (20 * MIN, 25 * MIN, 25 * MIN),
        (3 * HOUR, None, 30 * MIN),
        (None, 3 * HOUR, 30 * MIN),
    ],
)
def test_a_window_or_due_within_makes_due_earlier_but_never_in_the_first_half(window, due_within, left):
    timing = assess(HOUR, T0, T0, rotation=Rotation.REUSABLE, window=window, due_within=due_within)
    assert timing.due_at == T0 + HOUR - left


def test_a_token_is_never_due_younger_than_the_provider_allows():
    timing = assess(HOUR, T0, T0 + 31 * MIN, rotation=Rotation.SINGLE_USE, min_age=45 * MIN)
    assert not timing.due
    assert timing.due_at == T0 + 45 * MIN


def test_an_idle_limited_grant_is_used_at_a_quarter_of_its_limit():
    timing = assess(60 * DAY, T0, T0, rotation=Rotation.REUSABLE, refresh_idle=90 * DAY)
    assert timing.keep_alive_at == T0 + 22.5 * DAY
    assert timing.due_at == timing.keep_alive_at
    assert timing.urgency == timing.keep_alive_at


def test_jitter_brings_the_keep_alive_forward_by_at_most_a_tenth():
    late = assess(60 * DAY, T0, T0, refresh_idle=40 * DAY, jitter=0.0).keep_alive_at
    early = assess(60 * DAY, T0, T0, refresh_idle=40 * DAY, jitter=0.999999).keep_alive_at
    assert late == T0 + 10 * DAY
    assert early is not None
    assert T0 + 9 * DAY <= early < T0 + 9.001 * DAY


def test_what_the_base_says_reaches_the_judgement():
    address = account_address("team", "box")
    refresh = RefreshTokenRules(
        rotation=Rotation.REUSABLE, lifetime=RefreshLifetime(kind=LifetimeKind.IDLE, idle=40 * DAY)
    )
    timing = assess_account(
        address,
        lifetime=60 * DAY,
        issued_at=T0,
        now=T0,
        access=AccessTokenRules(),
        refresh=refresh,
    )
    assert timing.keep_alive_at == T0 + 10 * DAY * (1 - 0.1 * jitter_of(address))


@pytest.mark.parametrize(
    ("kind", "limit"),
    [
        (LifetimeKind.NONE, None),
        (LifetimeKind.ABSOLUTE, None),
        (LifetimeKind.IDLE, 7 * DAY),
        (LifetimeKind.IDLE_AND_ABSOLUTE, 7 * DAY),
    ],
)
def test_only_idle_kinds_have_an_idle_limit(kind, limit):
    rules = RefreshTokenRules(lifetime=RefreshLifetime(kind=kind, idle=7 * DAY))
    assert idle_limit(rules) == limit


def test_jitter_is_the_accounts_own_and_always_the_same():
    assert jitter_of(account_address("a", "b")) == jitter_of(account_address("a", "b"))
    spread = [jitter_of(account_address("a", f"n{i}")) for i in range(500)]
    assert 0 <= min(spread) < 0.05
    assert 0.95 < max(spread) < 1


lives = st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=400))
spans = st.none() | st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=800))
rotations = st.sampled_from(Rotation)


@given(life=lives, rotation=rotations, window=spans, due_within=spans, min_age=spans)
def test_thresholds_keep_their_order_for_every_life_and_setting(life, rotation, window, due_within, min_age):
    timing = assess(life, T0, T0, rotation=rotation, window=window, due_within=due_within, min_age=min_age)
    assert T0 <= timing.aging_at <= timing.hard_at <= timing.expires_at
    assert timing.due_at >= T0 + (min_age or timedelta(0))
    # Rounding of a half to microseconds is all that may be missing from the first half.
    assert timing.due_at - T0 >= life / 2 - timedelta(microseconds=1)
    if not min_age:
        assert timing.due_at <= timing.aging_at
    assert not timing.due


@given(life=lives, rotation=rotations)
def test_a_dead_token_is_due_hard_and_expired(life, rotation):
    timing = assess(life, T0, T0 + life, rotation=rotation)
    assert timing.due
    assert timing.hard
    assert timing.expired


@given(life=lives, rotation=rotations)
def test_twice_the_commit_deadline_fits_before_expiry_wherever_half_a_life_allows(life, rotation):
    left = aging(life, needs_intent=rotation.needs_intent, commit_deadline=15 * MIN)
    assert left <= life / 2
    if rotation.needs_intent and life >= HOUR:
        assert left >= 30 * MIN
    assert hard(life) <= 5 * MIN


def test_a_token_that_a_refresh_ends_at_once_is_refreshed_late():
    early = assess(HOUR, T0, T0 + 40 * MIN, rotation=Rotation.SINGLE_USE)
    late = assess(HOUR, T0, T0 + 40 * MIN, rotation=Rotation.SINGLE_USE, dies_at_refresh=True)
    assert (early.due, late.due) == (True, False)
    assert late.due_at == T0 + 55 * MIN
    asked = assess(HOUR, T0, T0, rotation=Rotation.SINGLE_USE, dies_at_refresh=True, due_within=20 * MIN)
    assert asked.due_at == T0 + 40 * MIN


def test_a_provider_that_refreshes_only_in_the_last_part_of_a_life_is_not_asked_before():
    timing = assess(10 * MIN, T0, T0 + 9 * MIN, last_of_life=timedelta(seconds=30), due_within=8 * MIN)
    assert not timing.due
    assert timing.due_at == T0 + timedelta(minutes=9, seconds=30)
