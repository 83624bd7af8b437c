"""When an account will need a person: one story for each kind of limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.decide.forecast import LimitKind, Need, account_needs, provider_need
from reconciler.decide.forecast_report import LONGEST_MONTHS, Forecast, make_forecast
from reconciler.decide.health import judge_account
from reconciler.decide.plan import PlanOptions
from reconciler.model.behaviour import LifetimeKind, RefreshLifetime, RefreshTokenRules, Rotation
from reconciler.model.observed import Observed, ObservedAccount
from reconciler.model.state import AccountState, Reason
from reconciler.model.status import AccountStatus
from reconciler.model.trust import TrustMode, TrustSettings, TrustView
from tests.decide.health_world import CONSENTED, DAY, HOUR, MACHINE, NEVER, NOW, key, registered, view
from tests.simulators.manifests import (
    ACCOUNT,
    PROVIDER,
    make_account,
    make_behaviour,
    make_desired,
    make_provider,
)

UNKNOWN = RefreshLifetime(kind=LifetimeKind.UNKNOWN)


def rules(lifetime: RefreshLifetime = UNKNOWN, **more: Any) -> Any:
    """A provider whose refresh tokens live like this."""
    made = RefreshTokenRules(rotation=Rotation.REUSABLE, lifetime=lifetime, **more)
    return make_provider(behaviour=make_behaviour().model_copy(update={"refresh_token": made}))


def lives(kind: LifetimeKind, **spans: Any) -> RefreshLifetime:
    return RefreshLifetime(kind=kind, **spans)


def needs(seen: Any, *, every: timedelta | None = HOUR) -> tuple[Need, ...]:
    return account_needs(seen, judge_account(seen), refresh_every=every)[0]


def one(seen: Any, **more: Any) -> tuple[LimitKind, datetime, timedelta | None]:
    (need,) = needs(seen, **more)
    return need.kind, need.at, need.every


NINETY = lives(LifetimeKind.ABSOLUTE, absolute=90 * DAY)
WEEK_IDLE = lives(LifetimeKind.IDLE, idle=7 * DAY)
BOTH = lives(LifetimeKind.IDLE_AND_ABSOLUTE, idle=7 * DAY, absolute=90 * DAY)


def test_an_end_that_is_counted_from_the_consent_comes_again_after_each():
    end = NOW + 60 * DAY
    assert one(view(provider=rules(NINETY))) == (LimitKind.ABSOLUTE, end, 90 * DAY)


def test_an_end_on_record_counts_more_than_the_bases_rule():
    said = replace(CONSENTED, refresh_expires_at=NOW + 20 * DAY)
    assert one(view(status=said, provider=rules(NINETY))) == (LimitKind.ABSOLUTE, NOW + 20 * DAY, 90 * DAY)


def test_an_end_that_only_an_answer_told_comes_again_after_as_long():
    said = replace(CONSENTED, refresh_expires_at=NOW + 20 * DAY)
    assert one(view(status=said)) == (LimitKind.ABSOLUTE, NOW + 20 * DAY, 50 * DAY)


def test_an_app_in_testing_is_called_by_its_name():
    week = replace(CONSENTED, consented_at=NOW - DAY, refresh_expires_at=NOW + 6 * DAY)
    (need,) = needs(view(status=week, provider=rules(testing=7 * DAY)))
    assert (need.kind, need.at, need.every) == (LimitKind.TESTING, NOW + 6 * DAY, 7 * DAY)
    assert need.message == "the app is in testing at the provider: grants end after 7 days"
    longer = replace(CONSENTED, refresh_expires_at=NOW + 60 * DAY)
    assert needs(view(status=longer, provider=rules(testing=7 * DAY)))[0].kind is LimitKind.ABSOLUTE


@pytest.mark.parametrize("lifetime", [WEEK_IDLE, BOTH])
def test_disuse_is_no_limit_where_refreshes_come_in_time(lifetime: RefreshLifetime):
    kinds = {need.kind for need in needs(view(provider=rules(lifetime)))}
    assert LimitKind.IDLE not in kinds


def test_disuse_is_one_where_the_schedule_is_too_slow():
    seen = view(provider=rules(WEEK_IDLE), token_age=DAY)
    (need,) = needs(seen, every=10 * DAY)
    assert (need.kind, need.at, need.every) == (LimitKind.IDLE, NOW + 6 * DAY, 7 * DAY)
    assert need.message == "dies after 7 days without a refresh, and one every 10 days comes too late"


def test_without_a_known_schedule_refreshes_are_taken_to_come_in_time():
    assert needs(view(provider=rules(WEEK_IDLE)), every=None) == ()


def test_disuse_and_an_absolute_end_are_told_apart_and_the_sooner_comes_first():
    found = needs(view(provider=rules(BOTH), token_age=DAY), every=10 * DAY)
    assert [need.kind for need in found] == [LimitKind.IDLE, LimitKind.ABSOLUTE]


def test_an_end_that_each_refresh_moves_is_sliding():
    sliding = replace(CONSENTED, refresh_idle=3 * DAY)
    seen = view(status=sliding, token_age=DAY)
    assert one(seen, every=5 * DAY) == (LimitKind.SLIDING, NOW + 2 * DAY, 3 * DAY)
    assert needs(seen, every=HOUR) == ()


def test_the_manifests_own_date_comes_once():
    account = make_account(expires=NOW + 40 * DAY)
    assert one(view(account=account)) == (LimitKind.MANUAL, NOW + 40 * DAY, None)


def test_a_date_that_is_near_is_a_date_and_not_a_complaint():
    account = make_account(expires=NOW + DAY)
    seen = view(account=account)
    assert judge_account(seen).state is AccountState.EXPIRING
    assert one(seen) == (LimitKind.MANUAL, NOW + DAY, None)


def test_who_is_needed_already_is_needed_now_with_the_reason_and_the_remedy():
    (need,) = needs(view(status=NEVER, token_age=None))
    assert (need.kind, need.at, need.command) == (LimitKind.NOW, NOW, "reconciler consent team/drive")
    assert need.message == "never consented"


def test_and_once_they_have_acted_what_is_counted_from_a_consent_begins_anew():
    found = needs(view(status=NEVER, token_age=None, provider=rules(NINETY)))
    assert [(need.kind, need.at) for need in found] == [
        (LimitKind.NOW, NOW),
        (LimitKind.ABSOLUTE, NOW + 90 * DAY),
    ]


@pytest.mark.parametrize("account", [None, make_account(suspend=True)])
def test_what_nobody_refreshes_ends_and_nobody_is_asked(account: Any):
    said = replace(CONSENTED, refresh_expires_at=NOW + 20 * DAY)
    (need,) = needs(view(account=account, status=said))
    assert (need.kind, need.at, need.asks, need.command) == (LimitKind.LAPSE, NOW + 20 * DAY, False, "")


def test_a_service_needs_nobody():
    assert needs(view(account=MACHINE)) == ()


def test_a_grant_of_which_nobody_knows_how_long_it_lives_is_said_to_be_so():
    seen = view(provider=rules(UNKNOWN))
    assert account_needs(seen, judge_account(seen), refresh_every=HOUR) == (
        (),
        "nobody says how long its grant lives",
    )
    forever = view(provider=rules(lives(LifetimeKind.NONE)))
    assert account_needs(forever, judge_account(forever), refresh_every=HOUR) == ((), "")


def test_an_account_that_the_store_will_not_tell_of_is_said_to_be_so():
    seen = view(unreadable="denied")
    assert account_needs(seen, judge_account(seen), refresh_every=HOUR) == ((), "the store would not tell")


def test_a_client_secret_that_ends_needs_an_administrator():
    need = provider_need(make_provider(), registered(client_secret_expires_at=NOW + 9 * DAY))
    assert need is not None
    assert (need.kind, need.at, str(need.address)) == (LimitKind.CLIENT_SECRET, NOW + 9 * DAY, str(PROVIDER))
    assert provider_need(make_provider(), registered()) is None


# ----------------------------------------------------------------------------------------------------------- by months


def forecast(
    *, status: AccountStatus = CONSENTED, lifetime: RefreshLifetime = NINETY, **how: Any
) -> Forecast:
    declared = make_desired(rules(lifetime), make_account())
    observed = Observed(
        store="a store",
        now=NOW,
        providers={PROVIDER: registered()},
        trust=TrustView(TrustSettings(mode=TrustMode.TOFU), {}),
        accounts={
            ACCOUNT: ObservedAccount(ACCOUNT, key(HOUR / 6, custom=status.to_metadata()), None, status)
        },
    )
    how = {"months": 12, **how}
    return make_forecast(declared, observed, PlanOptions(), **how)


def test_a_need_that_comes_again_is_counted_each_time():
    made = forecast()
    assert [need.at for need in made.needs] == [datetime(2030, 7, 31, 12, tzinfo=NOW.tzinfo)]
    assert {month.name: month.people for month in made.months if month.people} == {
        "2030-07": 1,
        "2030-10": 1,
        "2031-01": 1,
        "2031-04": 1,
    }
    assert (len(made.months), made.months[0].name, made.months[-1].name) == (13, "2030-06", "2031-06")


def test_seen_from_a_later_day_what_came_due_before_it_is_in_its_first_month():
    made = forecast(at=datetime(2030, 9, 10, tzinfo=NOW.tzinfo), months=3)
    assert [(month.name, month.people) for month in made.months] == [
        ("2030-09", 1),
        ("2030-10", 1),
        ("2030-11", 0),
        ("2030-12", 0),
    ]


def test_what_lies_behind_the_horizon_is_not_listed():
    assert forecast(months=1).needs == ()
    assert forecast(months=2).people == 1


@given(
    st.integers(1, LONGEST_MONTHS),
    st.integers(0, 4000),
    st.timedeltas(timedelta(seconds=1), timedelta(days=4000)),
    st.timedeltas(timedelta(seconds=1), timedelta(days=4000)) | st.none(),
)
def test_any_limits_give_a_whole_calendar(
    months: int, ago: int, absolute: timedelta, every: timedelta | None
):
    status = replace(CONSENTED, consented_at=NOW - timedelta(days=ago))
    lifetime = lives(LifetimeKind.IDLE_AND_ABSOLUTE, idle=absolute, absolute=absolute)
    made = forecast(status=status, lifetime=lifetime, months=months, refresh_every=every)
    names = [month.name for month in made.months]
    assert names == sorted(set(names))
    assert len(names) == months + 1
    assert all(need.at <= made.end for need in made.needs)
    assert sum(month.people for month in made.months) >= len({need.kind for need in made.asked})


def test_nobody_is_asked_for_what_somebody_was_asked_already():
    dead = replace(CONSENTED, state=AccountState.NEEDS_CONSENT, reason=Reason.GRANT_REVOKED)
    made = forecast(status=dead, lifetime=UNKNOWN)
    assert [need.kind for need in made.needs] == [LimitKind.NOW]
