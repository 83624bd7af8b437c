"""A grant record survives its stored form; any document gives a record or RecordInvalid, and no error quotes a secret."""

import contextlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import RecordInvalid
from reconciler.model.grant import (
    Doubt,
    GrantRecord,
    Holder,
    Imported,
    Intent,
    Op,
    Phase,
    Removal,
    TokenSet,
    Verdict,
)
from reconciler.model.secret import Document, Secret
from reconciler.model.state import DeletionPolicy, ErrorClass, GrantType, Reason

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

FULL = GrantRecord(
    grant=GrantType.AUTHORIZATION_CODE,
    refresh_token=Secret("refresh-1"),
    origin="https://as.example.com",
    client_id="client",
    scopes=("a", "b"),
    requested_scopes=("a", "b", "c"),
    subject="ana",
    consent_digest="abc",
    consented_at=T0,
    refresh_expires_at=T0 + timedelta(days=90),
    refresh_idle=timedelta(days=30),
    kept={"realmId": "4620", "instance_url": "https://na1.example.com"},
    redirect_uri="http://127.0.0.1:49152/callback",
    token_set=TokenSet(
        access_token=Secret("access-1"),
        token_type="Bearer",
        expires_at=T0 + timedelta(hours=1),
        refresh_token=None,
        scope=("a",),
        lifetime=timedelta(hours=1),
    ),
    op=Op("op-1", Phase.SENT),
    intent=Intent(
        op_id="op-1",
        phase=Phase.SENT,
        refresh_fingerprint="fp",
        holder=Holder("host", "boot", "ns", 7, "99"),
        deadline=timedelta(minutes=15),
        tool="0.1",
        commit="c0ffee",
        attempts=3,
        since=T0,
        interrupted=True,
    ),
    doubt=Doubt(since=T0, attempts=2, interrupted=True),
    verdict=Verdict(ErrorClass.NEEDS_CONSENT, Reason.GRANT_REVOKED, T0, T0, confirmed=True, code="x"),
    last_try=T0,
    removal=Removal(DeletionPolicy.REVOKE, True, "client", "provider/a/b", "https://as.example.com/revoke"),
    forgotten=True,
    owner="reconciler/default",
    email="ana@example.com",
    tenant="acme",
    imported=Imported(T0, "ana@laptop", "c0ffee1", proved=True, replaced=3, subject="ana"),
)


def test_a_record_survives_its_stored_form():
    again = GrantRecord.from_document(Document(FULL.to_document().plain()))
    assert again == FULL


def test_absent_things_are_left_out():
    bare = GrantRecord(GrantType.AUTHORIZATION_CODE, Secret("r"), "https://as.example.com", "client")
    assert set(bare.to_document()) == {"format", "grant", "refresh_token", "origin", "client_id", "removal"}
    assert GrantRecord.from_document(Document(bare.to_document().plain())) == bare


def test_an_intent_is_added_beside_what_is_there():
    assert FULL.intent is not None
    with_intent = replace(FULL, intent=None).with_intent(FULL.intent)
    assert with_intent == FULL
    assert "refresh_token" in with_intent.to_document()


def test_neither_id_token_nor_raw_answer_is_stored():
    tokens = TokenSet(
        access_token=Secret("a"),
        token_type="Bearer",
        expires_at=T0,
        refresh_token=Secret("never here"),
        scope=None,
        id_token=Secret("id"),
        extra={"id_token": "id"},
    )
    stored = GrantRecord(
        GrantType.AUTHORIZATION_CODE, Secret("r"), "https://as.example.com", "client", token_set=tokens
    ).to_document()
    assert b"never here" not in stored.to_json()
    assert b'"id' not in stored.to_json()


@pytest.mark.parametrize("key", sorted(FULL.to_document().plain()))
@pytest.mark.parametrize("value", [7, "canary-secret", [1], {"canary-secret": 1}, [["x"]], True])
def test_a_wrong_value_anywhere_is_a_record_invalid_that_quotes_nothing(key, value):
    document = {**FULL.to_document().plain(), key: value}
    said: RecordInvalid | None = None
    try:
        GrantRecord.from_document(Document(document))
    except RecordInvalid as error:
        said = error
    assert "canary-secret" not in str(said)
    assert said is None or said.__cause__ is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(sorted(FULL.to_document().plain())), json_values))
def test_any_document_gives_a_record_or_record_invalid(changes):
    with contextlib.suppress(RecordInvalid):
        GrantRecord.from_document(Document({**FULL.to_document().plain(), **changes}))


def test_a_document_is_encoded_as_its_plain_values_are():
    nested = {
        "b": [Secret("in a list"), {"deep": Secret("é\u2028")}],
        "a": (1, 2.5, None, True),
        "c": Document({"d": Secret("x")}),
    }
    document = Document(nested)
    canonical = json.dumps(document.plain(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert document.to_json() == canonical.encode()
    assert document.having("e", Secret("y")).plain() == {**document.plain(), "e": "y"}


@pytest.mark.parametrize("strange", [object(), {1, 2}, float("nan"), b"bytes"])
def test_what_json_cannot_carry_is_refused_without_a_word_of_it(strange):
    with pytest.raises((TypeError, ValueError)) as refused:
        Document({"key": [strange]}).to_json()
    assert "0x" not in str(refused.value)
