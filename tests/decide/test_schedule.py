"""When the controller has to do something next."""

from datetime import timedelta

import pytest

from reconciler.decide.plan import make_plan
from reconciler.decide.plan_options import PlanOptions
from reconciler.decide.schedule import due_by, due_times, next_moment, pause_after
from reconciler.model.names import account_address
from tests.decide.health_world import HOUR, MINUTE, NOW
from tests.decide.plan_world import applied_account, applied_provider, stored
from tests.simulators.manifests import ACCOUNT, make_account, make_desired, make_provider

A, B = account_address("team", "a"), account_address("team", "b")
EVERY = timedelta(minutes=5)


def times_of(desired, *parts):
    seen = stored(*parts, desired=desired)
    plan = make_plan(desired, seen, PlanOptions())
    return due_times(plan.views, plan.healths)


def test_an_account_is_due_when_its_token_is():
    account = make_account()
    desired = make_desired(make_provider(), account)
    (due,) = times_of(desired, applied_provider(make_provider()), applied_account(account)).items()
    assert due[0] == ACCOUNT
    assert NOW < due[1] < NOW + HOUR


@pytest.mark.parametrize("more", [{"suspend": True}], ids=str)
def test_who_is_not_refreshed_is_never_due(more):
    account = make_account(**more)
    desired = make_desired(make_provider(), account)
    assert times_of(desired, applied_provider(make_provider()), applied_account(account)) == {}


def test_what_may_not_be_tried_yet_is_due_when_it_may():
    account = make_account()
    desired = make_desired(make_provider(), account)
    later = NOW + 3 * HOUR
    seen = applied_account(account, not_before=later)
    assert times_of(desired, applied_provider(make_provider()), seen) == {ACCOUNT: later}


def test_all_who_are_due_by_now_are_one_piece_of_work():
    times = {A: NOW, B: NOW - timedelta(seconds=4), ACCOUNT: NOW + MINUTE}
    assert due_by(times, NOW) == {A, B}


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({}, NOW + EVERY - MINUTE),
        ({A: NOW + 2 * MINUTE}, NOW + 2 * MINUTE),
        ({A: NOW - HOUR}, NOW),
        ({A: NOW + HOUR}, NOW + EVERY - MINUTE),
    ],
)
def test_the_next_thing_is_the_earliest_due_or_the_next_look(times, expected):
    assert next_moment(times, now=NOW, looked_at=NOW - MINUTE, every=EVERY) == expected


def test_after_failures_the_pause_grows_and_never_passes_the_interval():
    pauses = [pause_after(n, every=EVERY) for n in range(1, 12)]
    assert pauses[:3] == [timedelta(seconds=5), timedelta(seconds=10), timedelta(seconds=20)]
    assert pauses == sorted(pauses)
    assert max(pauses) == EVERY
