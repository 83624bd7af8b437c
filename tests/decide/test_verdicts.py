"""What a refusal means and when it may be tried again: the table of DESIGN §6.9."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.decide.projection import verdict_state
from reconciler.decide.verdicts import may_try_from, next_verdict, speaks_of_grant, standing_verdict
from reconciler.model.grant import Verdict
from reconciler.model.limits import REFRESH_LIMITS
from reconciler.model.state import AccountState, ErrorClass, Reason
from tests.decide.rotation_model import (
    INVALID_CLIENT,
    INVALID_GRANT,
    LOST,
    RATE_LIMITED,
    T0,
    error,
    intent,
    record,
)

MIN = timedelta(minutes=1)
FIRST = Verdict(
    ErrorClass.NEEDS_CONSENT, Reason.GRANT_REVOKED, T0, T0, confirmed=False, refresh_fingerprint="fp"
)


def judged(before=None, answer=INVALID_GRANT, *, at=T0, **more):
    given = {"intent": intent(), "access_dead": False, "incident": False}
    return next_verdict(
        record(verdict=before), answer, fingerprint="fp", now=at, limits=REFRESH_LIMITS, **{**given, **more}
    )


def test_the_first_refusal_is_a_suspicion():
    assert judged() == replace(FIRST, code="invalid_grant")


def test_a_second_refusal_within_ten_minutes_confirms_nothing():
    assert not judged(FIRST, at=T0 + 9 * MIN).confirmed


def test_a_second_refusal_after_ten_minutes_confirms():
    verdict = judged(FIRST, at=T0 + 10 * MIN)
    assert verdict.confirmed
    assert (verdict.first_at, verdict.last_at) == (T0, T0 + 10 * MIN)


def test_a_dead_access_token_confirms_at_once():
    assert judged(access_dead=True).confirmed


@pytest.mark.parametrize("circumstance", [{"access_dead": True}, {"at": T0 + 10 * MIN, "before": FIRST}])
def test_nothing_is_confirmed_during_the_providers_incident(circumstance):
    assert not judged(**circumstance, incident=True).confirmed


def test_after_a_takeover_the_interruption_is_the_cause_and_needs_no_second_answer():
    verdict = judged(intent=intent(interrupted=True, attempts=2))
    assert verdict.confirmed
    assert verdict.reason is Reason.INTERRUPTED_ROTATION


def test_after_an_unclear_answer_the_interruption_is_the_cause_but_is_confirmed_like_any_other():
    verdict = judged(intent=intent(attempts=2))
    assert verdict.reason is Reason.INTERRUPTED_ROTATION
    assert not verdict.confirmed
    again = judged(verdict, at=T0 + 10 * MIN)
    assert again.reason is Reason.INTERRUPTED_ROTATION
    assert again.confirmed


def test_a_verdict_on_another_token_is_void():
    other = replace(FIRST, refresh_fingerprint="another")
    assert standing_verdict(record(verdict=other), fingerprint="fp") is None
    assert judged(other, at=T0 + 60 * MIN).first_at == T0 + 60 * MIN


@pytest.mark.parametrize("answer", [RATE_LIMITED, INVALID_CLIENT, LOST])
def test_what_is_not_about_the_grant_leaves_the_record_as_it_is(answer):
    assert judged(FIRST, answer) == FIRST
    assert judged(None, answer) is None


@pytest.mark.parametrize(
    ("judge", "reason", "state"),
    [
        (ErrorClass.NEEDS_CONSENT, Reason.GRANT_REVOKED, (AccountState.IN_DOUBT, Reason.GRANT_SUSPECTED)),
        (
            ErrorClass.NEEDS_ADMIN,
            Reason.ADMIN_ACTION_REQUIRED,
            (AccountState.NEEDS_ADMIN, Reason.ADMIN_ACTION_REQUIRED),
        ),
        (ErrorClass.SCOPE, Reason.SCOPE_REFUSED, (AccountState.NEEDS_ADMIN, Reason.SCOPE_REFUSED)),
        (ErrorClass.CONFIG, Reason.INVALID_REQUEST, (AccountState.MISCONFIGURED, Reason.INVALID_REQUEST)),
    ],
)
def test_each_class_of_refusal_stands_for_a_state(judge, reason, state):
    verdict = judged(answer=error(judge, reason))
    assert verdict is not None
    assert verdict_state(verdict) == state


@pytest.mark.parametrize("judge", list(ErrorClass))
def test_every_class_is_about_the_grant_or_is_not(judge):
    about = {ErrorClass.NEEDS_CONSENT, ErrorClass.NEEDS_ADMIN, ErrorClass.SCOPE, ErrorClass.CONFIG}
    assert speaks_of_grant(judge) == (judge in about)


@pytest.mark.parametrize(
    ("verdict", "expires", "wait"),
    [
        (FIRST, None, 10 * MIN),
        (FIRST, T0 + 4 * MIN, 4 * MIN),
        (FIRST, T0 - MIN, MIN),
        (replace(FIRST, confirmed=True), None, timedelta(days=1)),
        (replace(FIRST, judge=ErrorClass.NEEDS_ADMIN, confirmed=True), None, timedelta(hours=1)),
        (replace(FIRST, judge=ErrorClass.CONFIG, confirmed=True), None, timedelta(hours=1)),
    ],
)
def test_when_a_refused_grant_may_be_tried_again(verdict, expires, wait):
    assert may_try_from(verdict, access_expires_at=expires, limits=REFRESH_LIMITS) == T0 + wait


def test_without_a_verdict_a_grant_may_be_tried_at_any_time():
    assert may_try_from(None, access_expires_at=None, limits=REFRESH_LIMITS) is None
