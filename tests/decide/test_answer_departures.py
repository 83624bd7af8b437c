"""Answers of providers that depart from RFC 6749: other names, nested tokens, instants, renewed access tokens, probes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.decide.answer_document import instant_of, read_answer, value_at
from reconciler.decide.token_response import TokenError, judge_answer, judge_probe
from reconciler.model.answer import HttpAnswer, Loss, NoAnswer
from reconciler.model.behaviour import Behaviour
from reconciler.model.grant import TokenSet
from reconciler.model.secret import Secret, SecretBytes
from reconciler.model.state import ErrorClass, Reason

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def answered(body: Any, status: int = 200, **headers: str) -> HttpAnswer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpAnswer(status, {k.replace("_", "-"): v for k, v in headers.items()}, SecretBytes(raw))


def judged(body: Any, behaviour: dict[str, Any], status: int = 200, **headers: str) -> TokenSet | TokenError:
    return judge_answer(
        answered(body, status, **headers), behaviour=Behaviour.model_validate(behaviour), now=NOW
    )


def tokens(body: Any, **behaviour: Any) -> TokenSet:
    said = judged(body, behaviour)
    assert isinstance(said, TokenSet)
    return said


@pytest.mark.parametrize(
    "said",
    [
        "2026-01-01T06:00:00Z",
        "2026-01-01T03:00:00-03:00",
        "2026-01-01T06:00:00",
        1767247200,
        "1767247200",
        1767247200000,
        "1767247200000",
    ],
)
def test_an_end_is_read_as_text_as_unix_seconds_and_as_milliseconds(said: Any):
    found = tokens({"access_token": "at", "expires_at": said}, response={"expiresAt": "expires_at"})
    assert (found.lifetime, found.warnings) == (timedelta(hours=6), ())


@pytest.mark.parametrize("said", ["soon", "", -1, 0, True, {}, "2019-01-01T00:00:00Z", "9" * 30, 1e300])
def test_an_end_that_is_none_falls_back_and_never_raises(said: Any):
    found = tokens(
        {"access_token": "at", "expires_at": said, "expires_in": 60}, response={"expiresAt": ["expires_at"]}
    )
    assert found.lifetime == timedelta(seconds=60)
    assert instant_of("9" * 41) is None


def test_a_span_may_be_counted_in_milliseconds():
    found = tokens(
        {"access_token": "at", "expires_in": 3_600_000}, response={"expiresInUnit": "milliseconds"}
    )
    assert found.lifetime == timedelta(hours=1)


def test_of_several_paths_the_first_that_holds_anything_counts():
    fields = {
        "accessToken": ["authed_user.access_token", "access_token"],
        "expiresIn": ["expires_in", "expires"],
    }
    found = tokens(
        {"access_token": "bot", "authed_user": {"access_token": "user"}, "expires": 5}, response=fields
    )
    assert found.access_token == Secret("user")
    assert found.lifetime == timedelta(seconds=5)
    assert tokens({"access_token": "bot"}, response=fields).access_token == Secret("bot")


def test_a_number_in_a_path_counts_in_a_list():
    document = {"errors": [{"type": "a"}, {"type": "b"}]}
    assert value_at(document, "errors.1.type") == "b"
    assert value_at(document, "errors.2.type") is None
    assert value_at(document, "errors.x.type") is None


def test_a_word_that_means_bearer_here_is_no_warning():
    body = {"access_token": "at", "token_type": "User Access Token", "expires_in": 5}
    found = tokens(body, response={"bearerTypes": ["User Access Token"]})
    assert (found.token_type, found.warnings) == ("Bearer", ())


def test_plain_text_that_is_a_form_is_read_and_a_page_is_not():
    read = read_answer(b"access_token=at&expires=5", "text/plain; charset=utf-8")
    assert read is not None
    assert dict(read) == {"access_token": "at", "expires": "5"}
    assert read_answer(b"<html>access_token=at</html>", "text/plain") is None
    assert read_answer(b"access_token=at", "text/html") is None


def test_identifiers_are_kept_under_the_last_part_of_their_path_and_odd_ones_are_not():
    body = {
        "access_token": "at",
        "expires_in": 5,
        "instance_url": "https://na1.example.com",
        "team": {"id": 17},
        "bad": "a\nb",
        "long": "x" * 600,
        "list": ["a"],
    }
    kept = tokens(body, response={"keep": ["instance_url", "team.id", "bad", "long", "list", "none"]}).kept
    assert kept == {"instance_url": "https://na1.example.com", "id": "17"}


def test_a_living_access_token_stands_for_the_refresh_token_where_it_is_what_is_renewed():
    found = tokens({"access_token": "at", "refresh_token": "odd"}, refreshToken={"renewal": "access-token"})
    assert found.refresh_token == found.access_token == Secret("at")


def test_a_refusal_brings_no_refresh_token_where_there_are_none():
    said = judged({"error": "x", "refresh_token": "odd"}, {"refreshToken": {"renewal": "access-token"}}, 400)
    assert isinstance(said, TokenError)
    assert said.refresh_token is None


def test_a_token_without_an_end_lives_until_the_next_check_whatever_the_answer_says():
    rules = {"refreshToken": {"renewal": "probe", "rotation": "reusable"}, "accessToken": {"lifetime": "7d"}}
    found = tokens({"access_token": "at", "expires_in": 0}, **rules)
    assert (found.lifetime, found.warnings, found.refresh_token) == (timedelta(days=7), (), Secret("at"))


@pytest.mark.parametrize(
    ("status", "body", "judge"),
    [
        (401, {"message": "Bad credentials"}, ErrorClass.NEEDS_CONSENT),
        (403, {"message": "Bad credentials"}, ErrorClass.UNKNOWN),
        (500, {"message": "Bad credentials"}, ErrorClass.TRANSIENT),
        (429, b"slow down", ErrorClass.TRANSIENT),
        (302, b"", ErrorClass.UNKNOWN),
    ],
)
def test_a_check_is_judged_by_the_bases_table_and_never_by_its_status_alone(
    status: int, body: Any, judge: ErrorClass
):
    rules = Behaviour.model_validate(
        {"errors": {"table": [{"status": 401, "class": "needs-consent", "reason": "GrantRevoked"}]}}
    )
    said = judge_probe(answered(body, status), token=Secret("at"), behaviour=rules, now=NOW)
    assert isinstance(said, TokenError)
    assert said.judge is judge


def test_a_check_that_works_says_nothing_but_that():
    rules = Behaviour.model_validate({"accessToken": {"lifetime": "7d"}})
    said = judge_probe(answered({"access_token": "other"}), token=Secret("at"), behaviour=rules, now=NOW)
    assert isinstance(said, TokenSet)
    assert (said.access_token, said.expires_at) == (Secret("at"), NOW + timedelta(days=7))
    lost = judge_probe(NoAnswer(Loss.UNCLEAR, "cut"), token=Secret("at"), behaviour=rules, now=NOW)
    assert isinstance(lost, TokenError)


FACEBOOK = {
    "response": {"error": "error.type", "errorDescription": "error.message"},
    "errors": {
        "codeFields": ["error.code", "error.error_subcode"],
        "table": [
            {"code": "190/460", "class": "needs-consent", "reason": "RefreshTokenExpired"},
            {"code": "190", "class": "needs-consent", "reason": "GrantRevoked"},
            {"code": "200-299", "class": "needs-admin", "reason": "AdminActionRequired"},
            {"code": "4", "class": "transient", "reason": "RateLimited"},
        ],
    },
}


@pytest.mark.parametrize(
    ("code", "subcode", "judge", "reason"),
    [
        (190, 460, ErrorClass.NEEDS_CONSENT, Reason.REFRESH_TOKEN_EXPIRED),
        (190, 458, ErrorClass.NEEDS_CONSENT, Reason.GRANT_REVOKED),
        (190, None, ErrorClass.NEEDS_CONSENT, Reason.GRANT_REVOKED),
        (200, None, ErrorClass.NEEDS_ADMIN, Reason.ADMIN_ACTION_REQUIRED),
        (299, None, ErrorClass.NEEDS_ADMIN, Reason.ADMIN_ACTION_REQUIRED),
        (300, None, ErrorClass.UNKNOWN, Reason.REFRESH_UNCLEAR),
        (4, None, ErrorClass.TRANSIENT, Reason.RATE_LIMITED),
    ],
)
def test_codes_of_two_fields_are_read_together_and_spans_of_numbers_as_spans(
    code: int, subcode: int | None, judge: ErrorClass, reason: Reason
):
    error = {"type": "OAuthException", "code": code, "error_subcode": subcode, "message": "m"}
    said = judged({"error": error}, FACEBOOK, 400)
    assert isinstance(said, TokenError)
    assert (said.judge, said.reason) == (judge, reason)


def test_descriptions_in_several_places_are_all_read():
    rules = {
        "response": {"errorDescription": ["message", "error_description"]},
        "errors": {"table": [{"match": "already used", "class": "needs-consent"}]},
    }
    for field in ("message", "error_description"):
        said = judged({"error": "x", field: "it was ALREADY used"}, rules, 400)
        assert isinstance(said, TokenError)
        assert said.judge is ErrorClass.NEEDS_CONSENT


@pytest.mark.parametrize(
    ("end", "left"),
    [("2026-03-02T00:00:00Z", 60), (1772409600, 60), (0, None), ("never", None), (True, None)],
)
def test_the_end_of_a_refresh_token_may_be_an_instant(end: Any, left: int | None):
    body = {"access_token": "at", "expires_in": 5, "refresh_token": "rt", "ends": end}
    found = tokens(body, refreshToken={"endField": "ends"})
    assert found.refresh_expires_at == (None if left is None else NOW + timedelta(days=left))
