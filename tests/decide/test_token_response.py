"""Answers of token endpoints: the vectors in tests/vectors/token-answers.yaml, and any bytes at all."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.decide.token_response import TokenError, granted_scopes, judge_answer
from reconciler.model.answer import HttpAnswer, Loss, NoAnswer
from reconciler.model.behaviour import Behaviour, ScopeRules
from reconciler.model.grant import TokenSet
from reconciler.model.secret import SecretBytes
from reconciler.model.state import ErrorClass, Reason

NOW = datetime(2026, 1, 1, tzinfo=UTC)
VECTORS = yaml.safe_load((Path(__file__).parent.parent / "vectors" / "token-answers.yaml").read_text("utf-8"))


def answered(when: dict[str, Any]) -> HttpAnswer:
    body = when["body"]
    text = body.replace("{digits}", "9" * 5000) if isinstance(body, str) else json.dumps(body)
    return HttpAnswer(when["status"], when.get("headers", {}), SecretBytes(text.encode()))


def seen(judged: TokenSet | TokenError) -> dict[str, Any]:
    refresh = judged.refresh_token.reveal() if judged.refresh_token else None
    if isinstance(judged, TokenError):
        wait = judged.retry_after
        return {
            "judge": judged.judge.value,
            "reason": judged.reason.value,
            "code": judged.code,
            "definite": judged.definite,
            "refresh": refresh,
            "retry_after": None if wait is None else int(wait.total_seconds()),
        }
    end = judged.refresh_expires_at
    assert judged.access_token is not None
    return {
        "tokens": True,
        "access": judged.access_token.reveal(),
        "type": judged.token_type,
        "lifetime": int(judged.lifetime.total_seconds()),
        "refresh": refresh,
        "scope": None if judged.scope is None else list(judged.scope),
        "refresh_lifetime": None if end is None else int((end - NOW).total_seconds()),
        "warnings": len(judged.warnings),
    }


@pytest.mark.parametrize("vector", VECTORS, ids=[v["name"] for v in VECTORS])
def test_an_answer_means_what_the_vector_says(vector):
    behaviour = Behaviour.model_validate(vector.get("behaviour", {}))
    judged = judge_answer(answered(vector["when"]), behaviour=behaviour, now=NOW)
    said = seen(judged)
    assert {key: said.get(key) for key in vector["expect"]} == vector["expect"]


def test_a_request_that_never_left_spent_nothing():
    judged = judge_answer(NoAnswer(Loss.NOT_SENT, "connection refused"), behaviour=Behaviour(), now=NOW)
    assert isinstance(judged, TokenError)
    assert (judged.judge, judged.definite) == (ErrorClass.TRANSIENT, True)
    assert judged.message == "connection refused"


def test_a_lost_answer_is_unclear():
    judged = judge_answer(NoAnswer(Loss.UNCLEAR, "cut"), behaviour=Behaviour(), now=NOW)
    assert isinstance(judged, TokenError)
    assert (judged.definite, judged.reason) == (False, Reason.REFRESH_UNCLEAR)


def test_bad_utf8_costs_neither_the_token_nor_the_verdict():
    body = b'{"access_token":"at","refresh_token":"rt","note":"caf\xe9","expires_in":60}'
    judged = judge_answer(HttpAnswer(200, {}, SecretBytes(body)), behaviour=Behaviour(), now=NOW)
    assert isinstance(judged, TokenSet)
    assert judged.refresh_token is not None


def test_a_refresh_token_that_cannot_be_stored_is_not_taken():
    body = b'{"access_token":"at","refresh_token":"\\ud800","expires_in":60}'
    judged = judge_answer(HttpAnswer(200, {}, SecretBytes(body)), behaviour=Behaviour(), now=NOW)
    assert judged.refresh_token is None


def test_neither_tokens_nor_the_providers_words_are_shown():
    body = {"access_token": "canary-a", "refresh_token": "canary-r", "id_token": "canary-i", "x": "canary-x"}
    kept = judge_answer(answered({"status": 200, "body": body}), behaviour=Behaviour(), now=NOW)
    words = {"error": "canary r4nd0m", "error_description": "canary", "refresh_token": "canary"}
    refused = judge_answer(answered({"status": 400, "body": words}), behaviour=Behaviour(), now=NOW)
    assert "canary" not in repr(kept) + repr(refused) + str(refused)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    [
        "access_token",
        "refresh_token",
        "token_type",
        "expires_in",
        "scope",
        "error",
        "error_description",
        "error_codes",
        "ttl",
        "a.b",
    ]
)
BEHAVIOURS = st.sampled_from(
    [
        Behaviour(),
        Behaviour.model_validate(
            {
                "scopes": {"separator": ","},
                "refreshToken": {"lifetimeField": "ttl"},
                "response": {"accessToken": "a.b"},
                "errors": {
                    "codeFields": ["error_codes", "error.code"],
                    "codePrefix": "E",
                    "table": [{"code": "E1", "class": "client"}, {"status": 500, "class": "config"}],
                },
            }
        ),
    ]
)
HEADERS = st.dictionaries(st.sampled_from(["content-type", "retry-after"]), st.text(max_size=40))


def check_is_judged(status: int, headers: dict[str, str], body: bytes, behaviour: Behaviour) -> None:
    judged = judge_answer(HttpAnswer(status, headers, SecretBytes(body)), behaviour=behaviour, now=NOW)
    match judged:
        case TokenSet():
            assert judged.access_token is not None
            assert judged.expires_at > NOW
        case TokenError():
            assert judged.message.isprintable()
            assert judged.retry_after is None or timedelta(0) <= judged.retry_after <= timedelta(hours=1)


@given(st.integers(100, 599), HEADERS, st.binary(max_size=400), BEHAVIOURS)
def test_any_bytes_give_a_token_set_or_a_token_error(status, headers, body, behaviour):
    check_is_judged(status, headers, body, behaviour)


@given(
    st.sampled_from([200, 201, 302, 400, 401, 403, 429, 500, 503]),
    HEADERS,
    st.dictionaries(FIELDS | st.text(max_size=5), JSON_VALUES, max_size=8),
    BEHAVIOURS,
)
def test_any_json_gives_a_token_set_or_a_token_error(status, headers, body, behaviour):
    check_is_judged(status, headers, json.dumps(body).encode(), behaviour)


@pytest.mark.parametrize("body", [b"[" * 120_000, b'{"a":' * 20_000, b"\xff\xfe", b"\x00" * 100, b"{" * 100])
def test_deep_and_broken_bodies_are_unclear(body):
    judged = judge_answer(HttpAnswer(200, {}, SecretBytes(body)), behaviour=Behaviour(), now=NOW)
    assert isinstance(judged, TokenError)
    assert not judged.definite


@pytest.mark.parametrize(
    ("requested", "answered_scope", "rules", "granted"),
    [
        (("a", "b"), None, {}, ("a", "b")),
        (("a", "b"), ("b",), {}, ("b",)),
        (("a",), ("a", "c"), {}, ("a", "c")),
        (("a", "b"), (), {}, ()),
        (("a", "b"), ("c",), {"echoed": False}, ("a", "b")),
        (("a", "offline_access"), ("a",), {"notEchoed": ["offline_access"]}, ("a", "offline_access")),
        (("email",), ("https://x/email",), {"aliases": {"email": "https://x/email"}}, ("email",)),
        (("email",), ("email",), {"aliases": {"email": "https://x/email"}}, ("email",)),
    ],
)
def test_granted_scopes_are_told_in_the_manifests_words(requested, answered_scope, rules, granted):
    assert granted_scopes(requested, answered_scope, ScopeRules.model_validate(rules)) == granted
