"""Whose grant it is: ID tokens, userinfo, introspection, and who may take whose place."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from reconciler.decide.identity import (
    Identity,
    IdentityProblem,
    TokenAudience,
    identity_in,
    is_expected,
    read_id_token,
    read_identity_answer,
    same_subject,
)
from reconciler.model.answer import HttpAnswer, Loss, NoAnswer
from reconciler.model.behaviour import IdentityRules, IdentitySource
from reconciler.model.secret import Document, Secret, SecretBytes

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AUDIENCE = TokenAudience("https://as.example", "client-1", Secret("the-nonce"))
CLAIMS = {
    "iss": "https://as.example",
    "aud": "client-1",
    "exp": int(NOW.timestamp()) + 60,
    "nonce": "the-nonce",
    "sub": "ana",
}
RULES = IdentityRules(source=IdentitySource.ID_TOKEN, email_claim="email")


def read(**change: object) -> Document | IdentityProblem:
    claims = {name: value for name, value in {**CLAIMS, **change}.items() if value is not ...}
    signed = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key("k" * 32))
    return read_id_token(Secret(signed), audience=AUDIENCE, now=NOW)


def test_a_token_for_us_gives_its_claims():
    claims = read()
    assert isinstance(claims, Document)
    assert identity_in(claims, RULES) == Identity("ana")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": ...}, "another issuer"),
        ({"aud": "another"}, "another client"),
        ({"aud": ...}, "another client"),
        ({"aud": ["client-1", "x"], "azp": "x"}, "another client"),
        ({"exp": int(NOW.timestamp()) - 600}, "expired"),
        ({"exp": ...}, "expired"),
        ({"exp": "soon"}, "expired"),
        ({"nonce": "another"}, "another request"),
        ({"nonce": ...}, "another request"),
    ],
)
def test_a_token_that_is_not_for_us_is_refused(change, why):
    problem = read(**change)
    assert isinstance(problem, IdentityProblem)
    assert why in problem.message


def test_several_audiences_are_fine_where_we_are_the_party():
    assert isinstance(read(aud=["x", "client-1"], azp="client-1"), Document)


def test_a_clock_that_is_four_minutes_off_is_forgiven():
    assert isinstance(read(exp=int(NOW.timestamp()) - 240), Document)


@pytest.mark.parametrize("text", ["x", "a.b.c", "a.b.c.d.e", "..", "e30.W10.", "e30.e30=.x"])
def test_what_is_no_token_is_refused(text):
    assert isinstance(read_id_token(Secret(text), audience=AUDIENCE, now=NOW), IdentityProblem)


@given(st.text(min_size=1, max_size=80) | st.binary(max_size=80).map(lambda b: f"a.{b.hex()}.c"))
def test_any_text_is_judged(text):
    assert isinstance(read_id_token(Secret(text), audience=AUDIENCE, now=NOW), IdentityProblem)


@pytest.mark.parametrize(
    ("outcome", "introspection", "transient"),
    [
        (NoAnswer(Loss.UNCLEAR, "cut"), False, True),
        (HttpAnswer(503, {}, SecretBytes(b"")), False, True),
        (HttpAnswer(401, {}, SecretBytes(b"{}")), False, False),
        (HttpAnswer(200, {}, SecretBytes(b"[]")), False, False),
        (HttpAnswer(200, {}, SecretBytes(b'{"active": false, "sub": "ana"}')), True, False),
        (HttpAnswer(200, {}, SecretBytes(b'{"active": "true", "sub": "ana"}')), True, False),
    ],
)
def test_an_answer_that_tells_nobody_is_a_problem(outcome, introspection, transient):
    problem = read_identity_answer(outcome, introspection=introspection)
    assert isinstance(problem, IdentityProblem)
    assert problem.transient is transient


def test_an_active_introspection_tells():
    body = SecretBytes(json.dumps({"active": True, "sub": "ana"}).encode())
    claims = read_identity_answer(HttpAnswer(200, {}, body), introspection=True)
    assert isinstance(claims, Document)


@pytest.mark.parametrize(
    ("claims", "found"),
    [
        ({"sub": "ana", "email": "a@x"}, Identity("ana", "a@x")),
        ({"sub": "ana", "email": "a@x", "email_verified": False}, Identity("ana")),
        ({"sub": 7}, Identity("7")),
        ({"sub": True}, None),
        ({"sub": ""}, None),
        ({"sub": "a\nb"}, None),
        ({"sub": "x" * 300}, None),
        ({"sub": ["ana"]}, None),
        ({}, None),
    ],
)
def test_the_claim_that_the_base_names_is_the_subject(claims, found):
    identity = identity_in(claims, RULES)
    assert isinstance(identity, IdentityProblem) if found is None else identity == found


@pytest.mark.parametrize(
    ("identity", "pinned", "stored", "expected"),
    [
        (Identity("ana"), None, None, True),
        (Identity("ana"), None, "ana", True),
        (Identity("bob"), None, "ana", False),
        (Identity("ana"), "ana", "bob", True),
        (Identity("7", "Ana@Example.com"), "ana@example.com", None, True),
        (Identity("7", None), "ana@example.com", None, False),
        (Identity("bob"), "ana", "bob", False),
    ],
)
def test_another_person_takes_a_grant_over_only_where_that_is_declared(identity, pinned, stored, expected):
    assert is_expected(identity, pinned=pinned, stored=stored) is expected


def test_userinfo_of_another_subject_is_noticed():
    assert not same_subject({"sub": "ana"}, {"sub": "bob"})
    assert same_subject({"sub": "ana"}, {"sub": "ana"})
    assert same_subject({"id": 1}, {"sub": "ana"})
