"""When refusals are the provider's: circuits that open, let probes through, and close (DESIGN §6)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.decide.incidents import (
    Stage,
    Tally,
    admission,
    after_probes,
    is_mass_refusal,
    is_silence,
    lives_past_next_run,
    opened_by,
    silenced_by,
    standing_incident,
    still_silent,
)
from reconciler.model.limits import REFRESH_LIMITS
from reconciler.model.state import ErrorClass, Reason
from tests.decide.rotation_model import INVALID_CLIENT, INVALID_GRANT, T0, error

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
INVALID_REQUEST = error(ErrorClass.CONFIG, Reason.INVALID_REQUEST, code="invalid_request")


def tally(*refusals, accounts=10, succeeded=0):
    made = Tally(accounts)
    for _ in range(succeeded):
        made = made.after_success()
    for refusal in refusals:
        made = made.after_refusal(refusal)
    return made


def opened(made, *, finished=True):
    return opened_by(made, now=T0, limits=REFRESH_LIMITS, finished=finished)


def test_one_client_refusal_among_others_that_worked_opens_nothing():
    assert opened(tally(INVALID_CLIENT, succeeded=1)) is None
    assert opened(tally(INVALID_CLIENT, INVALID_CLIENT, succeeded=1)) is None


def test_two_client_refusals_open_the_circuit_at_once():
    circuit = opened(tally(INVALID_CLIENT, INVALID_CLIENT), finished=False)
    assert circuit is not None
    assert (circuit.judge, circuit.reason, circuit.code) == (
        ErrorClass.CLIENT,
        Reason.CLIENT_REFUSED,
        "invalid_client",
    )


def test_the_only_one_that_was_tried_opens_it_when_nothing_more_will_be_tried():
    assert opened(tally(INVALID_CLIENT), finished=False) is None
    assert opened(tally(INVALID_CLIENT)) is not None


def test_three_invalid_requests_open_the_circuit_and_two_do_not():
    assert opened(tally(*[INVALID_REQUEST] * 2)) is None
    circuit = opened(tally(*[INVALID_REQUEST] * 3))
    assert circuit is not None
    assert circuit.judge is ErrorClass.CONFIG


@pytest.mark.parametrize(
    ("refused", "accounts", "mass"),
    [(4, 4, False), (5, 25, True), (5, 26, False), (20, 100, True), (19, 100, False)],
)
def test_a_mass_is_five_or_more_and_a_fifth(refused, accounts, mass):
    made = tally(*[INVALID_GRANT] * refused, accounts=accounts)
    assert is_mass_refusal(made, REFRESH_LIMITS) == mass
    assert (opened(made) is not None) == mass


def incident():
    circuit = opened(tally(*[INVALID_GRANT] * 5))
    assert circuit is not None
    assert circuit.reason is Reason.PROVIDER_INCIDENT
    return circuit


def test_an_incident_of_grants_is_probed_by_three_after_an_hour():
    circuit = incident()
    assert admission(circuit, now=T0 + HOUR / 2, limits=REFRESH_LIMITS).stage is Stage.OPEN
    entry = admission(circuit, now=T0 + HOUR, limits=REFRESH_LIMITS)
    assert (entry.stage, entry.probes) == (Stage.PROBE, 3)


def test_an_incident_of_clients_is_probed_by_one_in_every_later_run():
    circuit = opened(tally(INVALID_CLIENT, INVALID_CLIENT))
    entry = admission(circuit, now=T0 + timedelta(minutes=1), limits=REFRESH_LIMITS)
    assert (entry.stage, entry.probes) == (Stage.PROBE, 1)
    assert after_probes(circuit, tally(INVALID_CLIENT), now=T0 + HOUR, limits=REFRESH_LIMITS) == circuit


def test_one_success_closes_any_circuit():
    for circuit in (incident(), opened(tally(INVALID_CLIENT, INVALID_CLIENT))):
        assert circuit is not None
        made = tally(INVALID_GRANT, succeeded=1)
        assert after_probes(circuit, made, now=T0 + HOUR, limits=REFRESH_LIMITS) is None


def test_probes_that_fail_keep_it_open_for_another_hour_and_after_a_day_ask_an_administrator():
    made = tally(INVALID_GRANT)
    later = after_probes(incident(), made, now=T0 + HOUR, limits=REFRESH_LIMITS)
    assert later is not None
    assert (later.judge, later.probe_at) == (ErrorClass.NEEDS_CONSENT, T0 + 2 * HOUR)
    much_later = after_probes(later, made, now=T0 + DAY, limits=REFRESH_LIMITS)
    assert much_later is not None
    assert (much_later.judge, much_later.since) == (ErrorClass.NEEDS_ADMIN, T0)
    assert admission(much_later, now=T0 + 2 * DAY, limits=REFRESH_LIMITS).stage is Stage.PASS


def test_probes_that_were_never_sent_change_nothing():
    assert after_probes(incident(), tally(), now=T0 + HOUR, limits=REFRESH_LIMITS) == incident()


@pytest.mark.parametrize(
    ("left", "due_within", "lives"),
    [
        (timedelta(minutes=20), None, True),
        (timedelta(minutes=10), None, False),
        (timedelta(minutes=20), HOUR, False),
        (timedelta(minutes=40), HOUR, True),
    ],
)
def test_a_failure_is_a_warning_while_the_token_outlives_the_next_run(left, due_within, lives):
    assert lives_past_next_run(T0 + left, now=T0, due_within=due_within) == lives


def test_without_a_published_token_nothing_outlives_the_next_run():
    assert not lives_past_next_run(None, now=T0, due_within=None)


def silent(*, judge=ErrorClass.TRANSIENT, reason=Reason.PROVIDER_UNREACHABLE, **more):
    return error(judge, reason, code="", definite=False, **more)


@pytest.mark.parametrize(
    ("refusal", "silence"),
    [
        (silent(), True),
        (silent(judge=ErrorClass.UNKNOWN, reason=Reason.REFRESH_UNCLEAR), True),
        (error(ErrorClass.TRANSIENT, Reason.RATE_LIMITED, code="slow_down"), True),
        (error(ErrorClass.UNKNOWN, Reason.REFRESH_UNCLEAR, code="odd"), False),
        (INVALID_CLIENT, False),
        (INVALID_GRANT, False),
        (INVALID_REQUEST, False),
    ],
)
def test_a_silence_is_neither_tokens_nor_a_clear_refusal(refusal, silence):
    assert is_silence(refusal) is silence


def test_a_silence_on_record_lets_one_probe_through_and_hides_nothing_of_an_account():
    circuit = silenced_by(silent(), accounts=5, now=T0)
    assert circuit is not None
    assert admission(circuit, now=T0, limits=REFRESH_LIMITS).probes == 1
    assert standing_incident(circuit, now=T0, limits=REFRESH_LIMITS) is None
    assert standing_incident(incident(), now=T0, limits=REFRESH_LIMITS) is not None


def test_a_probe_without_an_answer_leaves_a_silence_as_it_is_or_for_as_long_as_the_provider_asks():
    circuit = silenced_by(silent(), accounts=5, now=T0)
    assert circuit is not None
    assert still_silent(circuit, silent(), now=T0 + HOUR) == circuit
    asked = replace(silent(), retry_after=HOUR)
    assert still_silent(circuit, asked, now=T0 + HOUR).probe_at == T0 + 2 * HOUR
