"""What each ending is called in a report, and which exit code it asks for (DESIGN §9)."""

from datetime import timedelta

import pytest

from reconciler.decide.refresh_effects import Conclusion, Ending
from reconciler.decide.refresh_results import Shown, failed_result, incident_result, refresh_result
from reconciler.decide.results import Outcome
from reconciler.errors import HeldByAnother, PathDenied, StoreUnreachable
from reconciler.model.grant import Verdict
from reconciler.model.names import account_address
from reconciler.model.state import ErrorClass, Reason
from tests.decide.rotation_model import (
    INVALID_CLIENT,
    INVALID_GRANT,
    LOST,
    RATE_LIMITED,
    T0,
    record,
    tokens,
)

ADDRESS = account_address("team", "box")
SUSPECTED = record(verdict=Verdict(ErrorClass.NEEDS_CONSENT, Reason.GRANT_REVOKED, T0, T0, confirmed=False))
DEAD = record(
    verdict=Verdict(
        ErrorClass.NEEDS_CONSENT, Reason.GRANT_REVOKED, T0, T0, confirmed=True, code="invalid_grant"
    )
)


def shown(*, lives_on: bool = True, version: int = 0) -> Shown:
    return Shown(
        address=ADDRESS,
        location=None,
        now=T0,
        access_expires_at=T0 + timedelta(hours=1),
        lives_on=lives_on,
        path="reconciler/tokens/team/box" if version else "",
        version=version,
    )


def told(ending: Ending, *, lives_on: bool = True, version: int = 0, **facts):
    return refresh_result(Conclusion(ending, **facts), shown(lives_on=lives_on, version=version))


@pytest.mark.parametrize(
    ("result", "outcome", "code"),
    [
        (told(Ending.REFRESHED, tokens=tokens("r", at=T0), version=8), Outcome.DONE, 0),
        (told(Ending.FRESH), Outcome.SKIPPED, 0),
        (told(Ending.FRESH, version=8), Outcome.DONE, 0),
        (told(Ending.WAITED), Outcome.DONE, 0),
        (told(Ending.HELD, reason=Reason.REFRESH_RUNNING, trouble=HeldByAnother("x")), Outcome.HELD, 6),
        (told(Ending.HELD, reason=Reason.REFRESH_UNCLEAR), Outcome.HELD, 0),
        (told(Ending.HELD, reason=Reason.REFRESH_UNCLEAR, lives_on=False), Outcome.HELD, 4),
        (told(Ending.WAITING, reason=Reason.GRANT_REVOKED, record=DEAD), Outcome.SKIPPED, 0),
        (told(Ending.REFUSED, error=INVALID_GRANT, record=DEAD), Outcome.REFUSED, 0),
        (told(Ending.REFUSED, error=INVALID_GRANT, record=SUSPECTED), Outcome.REFUSED, 0),
        (told(Ending.REFUSED, error=INVALID_GRANT, record=SUSPECTED, lives_on=False), Outcome.REFUSED, 4),
        (told(Ending.REFUSED, error=INVALID_CLIENT), Outcome.REFUSED, 4),
        (told(Ending.REFUSED, error=RATE_LIMITED), Outcome.HELD, 0),
        (told(Ending.REFUSED, error=RATE_LIMITED, lives_on=False), Outcome.HELD, 4),
        (told(Ending.UNCLEAR, error=LOST), Outcome.FAILED, 0),
        (told(Ending.UNCLEAR, error=LOST, lives_on=False), Outcome.FAILED, 4),
        (told(Ending.KEPT, error=LOST, lives_on=False), Outcome.FAILED, 4),
        (told(Ending.SUPERSEDED), Outcome.DONE, 0),
        (told(Ending.NOT_STORED, trouble=StoreUnreachable("down")), Outcome.FAILED, 8),
        (told(Ending.STORE_FAILED, trouble=PathDenied("denied")), Outcome.FAILED, 4),
        (told(Ending.STORE_FAILED, trouble=StoreUnreachable("down")), Outcome.FAILED, 8),
        (told(Ending.NO_GRANT, reason=Reason.NEVER_CONSENTED), Outcome.SKIPPED, 0),
        (told(Ending.NOT_OURS, reason=Reason.FOREIGN_OWNER), Outcome.REFUSED, 4),
        (told(Ending.MISMATCH, reason=Reason.CLIENT_REPLACED), Outcome.REFUSED, 3),
    ],
    ids=lambda value: f"{value.outcome}-{value.message}"[:60] if hasattr(value, "message") else None,
)
def test_each_ending_has_its_outcome_and_its_exit_code(result, outcome, code):
    assert (result.outcome, result.code) == (outcome, code)
    assert result.message
    assert result.address == ADDRESS


def test_every_ending_has_a_line():
    for ending in Ending:
        assert told(ending).message


def test_a_refreshed_line_says_until_when_and_where_it_was_written():
    result = told(Ending.REFRESHED, tokens=tokens("r", at=T0), version=88)
    assert (
        result.message
        == "refreshed, good until 13:00 (1 h), written to reconciler/tokens/team/box (version 88)"
    )


def test_a_failed_refresh_says_how_long_the_token_stays_good():
    assert told(Ending.UNCLEAR, error=LOST).message.endswith("the token stays good until 13:00")


def test_a_suspicion_is_called_by_its_name_and_not_by_what_it_may_turn_out_to_be():
    result = told(Ending.REFUSED, error=INVALID_GRANT, record=SUSPECTED, reason=Reason.GRANT_REVOKED)
    assert result.reason == Reason.GRANT_SUSPECTED
    assert "a second answer decides" in result.message


def test_a_grant_that_works_again_says_so():
    result = told(Ending.REFRESHED, recovered=True, reason=Reason.RECOVERED, tokens=tokens("r", at=T0))
    assert result.reason == Reason.RECOVERED
    assert result.message.startswith("works again")


def test_held_with_its_provider_is_exit_4_and_an_error_keeps_its_own_code():
    assert incident_result(Reason.CLIENT_REFUSED, ADDRESS, location=None).code == 4
    failed = failed_result(StoreUnreachable("no answer", hint="look"), ADDRESS, location=None)
    assert (failed.code, failed.hint, failed.reason) == (8, "look", "StoreUnreachable")
