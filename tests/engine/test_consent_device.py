"""A consent by a second device (RFC 8628): polling as the server asks, and every way in which it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.decide.results import Outcome
from reconciler.errors import PathDenied, ProviderFailed
from reconciler.model.answer import Loss, NoAnswer
from reconciler.model.state import GrantType
from tests.engine.consent_world import LAYOUT, ConsentWorld, DevicePerson
from tests.simulators.manifests import make_account, make_behaviour
from tests.simulators.token_endpoint import Fault, answer

ACCOUNT = make_account(grant=GrantType.DEVICE_CODE, scopes=("read", "write"))


def polls(world: ConsentWorld) -> list[str]:
    return [seen.outcome for seen in world.server.seen if seen.path == "/token"]


def test_a_person_allows_it_on_another_device_and_the_grant_is_stored():
    world = ConsentWorld()
    person = DevicePerson(world.server, polls=3)
    result = world.consent_by_device(ACCOUNT, person=person)
    grant = world.grant(ACCOUNT)
    assert (result.outcome, result.code, result.warnings) == (Outcome.DONE, 0, ()), result
    assert grant is not None
    assert world.server.is_current(grant.refresh_token)
    assert grant.scopes == ("read", "write")
    assert world.published(ACCOUNT) in world.server.access_tokens
    assert polls(world) == ["authorization_pending"] * 3 + ["ok"]
    assert [request.page for request in person.shown] == ["https://as.example/device"]


def test_what_a_server_says_of_the_pace_is_kept():
    world = ConsentWorld()
    world.server.device_interval = timedelta(seconds=7)
    begun = world.clock.now()
    world.consent_by_device(ACCOUNT, person=DevicePerson(world.server, polls=2))
    assert world.clock.now() - begun == timedelta(seconds=3 * 7)


def test_slow_down_adds_five_seconds_for_good():
    world = ConsentWorld()
    world.server.device_extra = {"interval": ...}
    world.server.faults.extend([answer(200, {"device_code": "d", "user_code": "AB-CD", "expires_in": 600,
                                             "verification_uri": "https://as.example/device"}),
                                answer(400, {"error": "authorization_pending"}),
                                answer(400, {"error": "slow_down"}),
                                answer(428, {"error": "authorization_pending"}),
                                answer(403, {"error": "access_denied"})])  # fmt: skip
    begun = world.clock.now()
    result = world.consent_by_device(ACCOUNT, person=Reader(world.server))
    assert world.clock.now() - begun == timedelta(seconds=5 + 5 + 10 + 10)
    assert (result.outcome, result.code) == (Outcome.REFUSED, 5)


class Reader(DevicePerson):
    """Only reads what is shown."""

    def show_device(self, request):
        self.shown.append(request)


def test_an_answer_that_never_comes_halves_the_pace_and_ends_nothing():
    world = ConsentWorld()

    class Cut(Reader):
        def show_device(self, request):
            super().show_device(request)
            self.server.faults.extend([Fault.LOST_BEFORE, answer(503, b"<html>", {}), Fault.NOT_SENT])
            self.server.decide(request.user_code)

    begun = world.clock.now()
    assert world.consent_by_device(ACCOUNT, person=Cut(world.server)).outcome is Outcome.DONE
    assert world.clock.now() - begun == timedelta(seconds=5 + 10 + 20 + 40)


def test_a_server_that_is_busy_says_when_to_come_again():
    world = ConsentWorld()

    class Busy(Reader):
        def show_device(self, request):
            super().show_device(request)
            self.server.faults.append(answer(429, {}, {"retry-after": "90"}))
            self.server.decide(request.user_code)

    begun = world.clock.now()
    assert world.consent_by_device(ACCOUNT, person=Busy(world.server)).outcome is Outcome.DONE
    assert world.clock.now() - begun == timedelta(seconds=5 + 90)


def test_a_denial_on_the_other_device_changes_nothing():
    world = ConsentWorld()
    result = world.consent_by_device(ACCOUNT, person=DevicePerson(world.server, allows=False))
    assert (result.outcome, result.code) == (Outcome.REFUSED, 5)
    assert "denied" in result.error
    assert world.store.writes() == []


@pytest.mark.parametrize("error", ["expired_token", "code_expired"])
def test_codes_that_run_out_at_the_server_are_nobody_in_time(error: str):
    world = ConsentWorld()

    class Late(Reader):
        def show_device(self, request):
            self.server.faults.append(answer(400, {"error": error}))

    result = world.consent_by_device(ACCOUNT, person=Late(world.server))
    assert (result.outcome, result.code) == (Outcome.FAILED, 5)
    assert "nobody consented in time" in result.error
    assert "reconciler consent team/drive" in result.hint


def test_waiting_ends_with_the_codes_or_with_our_own_patience():
    world = ConsentWorld()
    world.server.device_lifetime = timedelta(seconds=61)
    begun = world.clock.now()
    assert world.consent_by_device(ACCOUNT, person=Reader(world.server)).code == 5
    assert world.clock.now() - begun == timedelta(seconds=65)
    begun = world.clock.now()
    assert (
        world.consent_by_device(ACCOUNT, person=Reader(world.server), lasts=timedelta(seconds=20)).code == 5
    )
    assert world.clock.now() - begun == timedelta(seconds=20)


def test_a_stop_ends_the_waiting_without_another_poll():
    world = ConsentWorld()

    class Interrupts(Reader):
        def show_device(self, request):
            world.run.stop.set()

    result = world.consent_by_device(ACCOUNT, person=Interrupts(world.server))
    assert result.code == 5
    assert polls(world) == []


def test_another_code_of_a_providers_own_beside_the_oauth_error_changes_nothing():
    """Microsoft puts error_codes beside authorization_pending, and says authorization_declined for a denial."""
    behaviour = make_behaviour(
        errors={
            "code_fields": ["error_codes"],
            "code_prefix": "AADSTS",
            "table": [{"code": "AADSTS70016", "class": "needs-consent"}],
        }
    )
    world = ConsentWorld(behaviour=behaviour)

    class Microsoft(Reader):
        def show_device(self, request):
            pending = {"error": "authorization_pending", "error_codes": [70016]}
            self.server.faults.extend(
                [
                    answer(400, pending),
                    answer(400, {"error": "authorization_declined", "error_codes": [70018]}),
                ]
            )

    result = world.consent_by_device(ACCOUNT, person=Microsoft(world.server))
    assert (result.outcome, result.code) == (Outcome.REFUSED, 5)


@pytest.mark.parametrize(
    ("first", "words", "code"),
    [
        (answer(401, {"error": "invalid_client"}), "invalid_client", 4),
        (answer(400, {"error": "invalid_scope"}), "invalid_scope", 4),
        (answer(404, b"<html>", {}), "HTTP 404", 4),
        (NoAnswer(Loss.NOT_SENT, "connection refused"), "connection refused", 4),
        (answer(200, {"device_code": "d", "verification_uri": "https://a.example/", "expires_in": 9}), "user code", 4),
        (answer(200, {"device_code": "d", "user_code": "A", "expires_in": 9}), "page", 4),
        (answer(200, {"device_code": "d", "user_code": "A", "verification_uri": "javascript:1", "expires_in": 9}), "page", 4),
        (
            answer(200, {"device_code": "d", "user_code": "A\x1b[2J", "verification_uri": "https://a.example/"}),
            "user code",
            4,
        ),
        (answer(200, {"device_code": "d", "user_code": "A", "verification_uri": "https://a.example/"}), "how long", 4),
    ],
)  # fmt: skip
def test_a_device_flow_that_cannot_begin_is_said_and_shows_nothing(first, words, code):
    world = ConsentWorld()
    world.server.faults.append(first)
    person = Reader(world.server)
    result = world.consent_by_device(ACCOUNT, person=person)
    assert (result.outcome, result.code) == (Outcome.FAILED, code)
    assert words in result.error
    assert result.hint
    assert person.shown == []
    assert world.store.writes() == []


def test_a_client_that_may_not_use_the_flow_learns_where_that_is_switched_on():
    world = ConsentWorld(behaviour=make_behaviour(console={"url": "https://console.example/apps"}))
    world.server.faults.append(answer(400, {"error": "unauthorized_client"}))
    result = world.consent_by_device(ACCOUNT, person=Reader(world.server))
    assert "allow it at https://console.example/apps" in result.hint
    assert "list device_code under server.grants in manifests/team/sandbox.yaml" in result.hint


def test_another_person_than_the_pinned_one_is_refused_on_a_device_too():
    world = ConsentWorld(behaviour=make_behaviour(identity={"source": "userinfo", "email_claim": "email"}))
    account = replace(ACCOUNT, identity="ana")
    result = world.consent_by_device(account, person=DevicePerson(world.server, subject="bob"))
    assert (result.reason, result.code) == ("IdentityChanged", 5)
    assert world.store.writes() == []


def test_a_missing_refresh_token_leads_through_what_helps_and_asks_again():
    world = ConsentWorld()
    world.server.issues_refresh_token = False

    def removes_access(guidance) -> bool:
        world.server.issues_refresh_token = True
        return True

    person = DevicePerson(world.server, follows=removes_access)
    result = world.consent_by_device(ACCOUNT, person=person)
    assert result.outcome is Outcome.DONE
    assert len(person.guided) == 1
    assert len(person.shown) == 2


def test_nobody_is_shown_a_code_where_the_grant_could_not_be_stored():
    world, person = ConsentWorld(), DevicePerson(ConsentWorld().server)
    world.store.deny(LAYOUT.folder("grants"), "write")
    with pytest.raises(PathDenied):
        world.consent_by_device(ACCOUNT, person=person)
    assert person.shown == []
    assert world.server.seen == []


def test_a_provider_without_a_device_endpoint_is_said():
    world = ConsentWorld()
    without = replace(world.provider, endpoints=replace(world.provider.endpoints, device_authorization=None))
    with pytest.raises(ProviderFailed, match="device authorization endpoint"):
        world.consent_by_device(ACCOUNT, provider=without)


def test_an_account_of_the_device_flow_is_not_asked_for_in_a_browser():
    world = ConsentWorld()
    person = world.person()
    result = world.consent(ACCOUNT, person=person)
    assert (result.outcome, result.code) == (Outcome.REFUSED, 5)
    assert "--device" in result.hint
    assert person.link == ""


def test_no_secret_of_the_flow_is_shown():
    world = ConsentWorld()
    person = DevicePerson(world.server)
    result = world.consent_by_device(ACCOUNT, person=person)
    (request,) = person.shown
    shown = repr(result) + repr(request) + repr(world.run.events)
    assert request.device_code.reveal() not in shown
