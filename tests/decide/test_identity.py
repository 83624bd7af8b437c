"""Whose grant it is: userinfo, introspection, and who may take whose place."""

from __future__ import annotations

import json

import pytest

from reconciler.decide.identity import (
    Identity,
    IdentityProblem,
    Mismatch,
    identity_in,
    is_email,
    is_expected,
    mismatch,
    read_identity_answer,
    same_subject,
)
from reconciler.model.answer import HttpAnswer, Loss, NoAnswer
from reconciler.model.behaviour import IdentityRules, IdentitySource
from reconciler.model.secret import Document, SecretBytes

RULES = IdentityRules(source=IdentitySource.ID_TOKEN, email_claim="email", tenant_claim="hd")


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
        ({"sub": "ana", "email": "a@x", "email_verified": True}, Identity("ana", "a@x", verified=True)),
        ({"sub": "ana", "email": "a@x", "email_verified": "true"}, Identity("ana", "a@x", verified=True)),
        ({"sub": "ana", "email": "a@x", "email_verified": 1}, Identity("ana", "a@x")),
        ({"sub": "ana", "email_verified": True}, Identity("ana")),
        ({"sub": "ana", "hd": "acme.example"}, Identity("ana", tenant="acme.example")),
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


ANA = Identity("7", "ana@example.com", verified=True)


@pytest.mark.parametrize(
    ("identity", "owner", "pinned", "stored", "wrong"),
    [
        (ANA, "Ana@Example.com", None, None, None),
        (ANA, "bob@example.com", None, None, Mismatch.OWNER),
        (ANA, "bob@example.com", None, "7", Mismatch.OWNER),
        (ANA, "bob@example.com", "ana@example.com", "8", None),
        (ANA, "bob@example.com", "7", None, None),
        (ANA, "ana@example.com", "bob@example.com", None, Mismatch.PINNED),
        (ANA, "ana@example.com", None, "8", Mismatch.STORED),
        (ANA, "the sales team", None, None, None),
        (ANA, None, None, None, None),
        (Identity("7", "ana@example.com"), "bob@example.com", None, None, None),
        (Identity("7"), "bob@example.com", None, None, None),
    ],
)
def test_the_owner_counts_where_the_provider_vouches_for_an_address(identity, owner, pinned, stored, wrong):
    assert mismatch(identity, pinned=pinned, stored=stored, owner=owner) is wrong


def test_a_name_that_is_no_address_vouches_for_nobody():
    """Microsoft's preferred_username may be anything that its person likes; `email_verified` does not speak of it."""
    rules = RULES.model_copy(update={"email_claim": "preferred_username"})
    claims = {
        "sub": "7",
        "preferred_username": "bob@example.com",
        "email": "ana@example.com",
        "email_verified": True,
    }
    assert identity_in(claims, rules) == Identity("7", "bob@example.com")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("a@b.c", True),
        ("the team", False),
        ("a@b", False),
        ("@b.c", False),
        ("a@b@c.d", False),
        ("a b@c.d", False),
    ],
)
def test_what_an_address_is(text, is_one):
    assert is_email(text) is is_one


def test_userinfo_of_another_subject_is_noticed():
    assert not same_subject({"sub": "ana"}, {"sub": "bob"})
    assert same_subject({"sub": "ana"}, {"sub": "ana"})
    assert same_subject({"id": 1}, {"sub": "ana"})


@pytest.mark.parametrize(
    ("source", "claims", "email"),
    [
        (IdentitySource.ID_TOKEN, {"email": "a@b.example", "email_verified": True}, "a@b.example"),
        (IdentitySource.USERINFO, {"email": "a@b.example", "email_verified": "true"}, "a@b.example"),
        (IdentitySource.USERINFO, {"email": "a@b.example"}, None),
        (IdentitySource.ID_TOKEN, {"email": "a@b.example", "email_verified": False}, None),
        (IdentitySource.TOKEN_RESPONSE, {"email": "a@b.example", "email_verified": True}, None),
        (IdentitySource.INTROSPECTION, {"email": "a@b.example", "email_verified": True}, None),
    ],
)
def test_a_base_that_names_no_claim_gets_the_standard_one_where_the_server_vouches(source, claims, email):
    """Else the rule that the owner must be the one who consents would hold for few bases."""
    found = identity_in(Document({"sub": "1", **claims}), IdentityRules(source=source))
    assert isinstance(found, Identity)
    assert (found.email, found.verified) == (email, email is not None)


@pytest.mark.parametrize(
    "lookalike", ["\N{KELVIN SIGN}im@example.com", "kim@example\N{FULLWIDTH FULL STOP}com"]
)
def test_letters_that_unicode_folds_into_asciis_are_another_persons(lookalike):
    """`K` of the Kelvin sign is folded to `k`, and so one mailbox to another's."""
    stranger = Identity("7", lookalike, verified=True)
    assert mismatch(stranger, pinned="kim@example.com", stored=None) is Mismatch.PINNED
    assert mismatch(stranger, pinned=None, stored=None, owner="kim@example.com") is Mismatch.OWNER
    assert is_expected(Identity("7", "KIM@Example.com", verified=True), pinned="kim@example.COM", stored=None)
