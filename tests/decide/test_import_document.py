"""What may come on the stdin of `import`: any bytes give a token or an error, and no error quotes a value."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.decide.import_document import LONGEST, ImportedToken, read_import
from reconciler.errors import UsageError
from reconciler.model.secret import Secret

NOW = datetime(2027, 1, 31, 12, 0, tzinfo=UTC)
CANARY = "canary-Zr4wq0Lk8"


def read(**document: object) -> ImportedToken:
    return read_import(json.dumps(document).encode(), now=NOW)


def refused(document: object) -> UsageError:
    with pytest.raises(UsageError) as caught:
        read_import(json.dumps(document).encode(), now=NOW)
    return caught.value


def test_a_refresh_token_alone_is_enough():
    assert read(refresh_token="r-1") == ImportedToken(Secret("r-1"))


def test_a_whole_token_answer_can_be_piped_in():
    said = read(
        refresh_token="r-1",
        access_token="a-1",
        token_type="Bearer",
        expires_in=3600,
        scope="b a",
        refresh_token_expires_in="604800",
        id_token="x.y.z",
        unheard_of={"deep": [1]},
    )
    assert said.scopes == ("a", "b")
    assert said.refresh_expires_at == NOW + timedelta(days=7)


def test_what_only_its_owner_knows_is_understood():
    said = read(
        refresh_token="r-1",
        subject="ana",
        client_id="the-client",
        scope=["b", "a", "b"],
        consented_at="2026-12-01T00:00:00Z",
        refresh_token_expires_at="2027-02-28T00:00:00+01:00",
    )
    assert (said.subject, said.client_id, said.scopes) == ("ana", "the-client", ("a", "b"))
    assert said.consented_at == datetime(2026, 12, 1, tzinfo=UTC)
    assert said.refresh_expires_at == datetime(2027, 2, 27, 23, tzinfo=UTC)


def test_times_may_be_seconds_since_1970():
    assert read(refresh_token="r", consented_at=1_796_000_000).consented_at == datetime(
        2026, 11, 30, 0, 53, 20, tzinfo=UTC
    )


def test_an_expiring_access_token_alone_is_refused_with_when_it_dies():
    said = refused({"access_token": CANARY, "expires_in": 3600})
    assert "without a refresh token is not taken over: it dies in 1 h" in said.message
    assert "reconciler consent" in (said.hint or "")


def test_an_access_token_that_is_dead_already_is_said_to_be():
    assert "it is dead already" in refused({"access_token": "a", "expires_at": 1_500_000_000}).message


def test_an_access_token_that_never_expires_is_refused_too():
    assert "nothing could renew it" in refused({"access_token": CANARY}).message


def test_where_a_provider_has_no_refresh_tokens_the_access_token_is_what_is_kept():
    raw = json.dumps({"access_token": "a-1", "expires_in": 5_184_000}).encode()
    assert read_import(raw, now=NOW, by_access_token=True) == ImportedToken(Secret("a-1"))
    with pytest.raises(UsageError, match="has no refresh_token"):
        read_import(b"{}", now=NOW, by_access_token=True)


def test_what_the_base_keeps_of_an_answer_is_kept():
    raw = json.dumps(
        {"refresh_token": "r", "instance": {"url": "https://na1.example"}, "other": "x"}
    ).encode()
    assert read_import(raw, now=NOW, keep=("instance.url",)).kept == {"url": "https://na1.example"}


@pytest.mark.parametrize("key", ["refreshToken", "refresh-token"])
def test_a_key_of_another_spelling_is_pointed_at(key: str):
    assert refused({key: CANARY}).hint == f"the key is called refresh_token, not {key}"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"refresh_token": 7}, "refresh_token is no token"),
        ({"refresh_token": f"{CANARY}\n"}, "refresh_token is no token"),
        ({"refresh_token": f"{CANARY}é"}, "refresh_token is no token"),
        ({"refresh_token": CANARY, "access_token": CANARY}, "are the same text"),
        ({"refresh_token": "r", "scope": {"a": CANARY}}, "scope is neither"),
        ({"refresh_token": "r", "scope": f"read TG-{'0a' * 12}-7"}, "looks like a secret"),
        ({"refresh_token": "r", "subject": [CANARY]}, "subject is no identifier"),
        ({"refresh_token": "r", "client_id": "ya29.canary-Zr4wq0Lk8"}, "client_id looks like a secret"),
        ({"refresh_token": "r", "consented_at": CANARY}, "consented_at is no time"),
        ({"refresh_token": "r", "consented_at": "2028-01-01T00:00:00Z"}, "lies in the future"),
        ({"refresh_token": "r", "consented_at": 1e300}, "consented_at is no time"),
        ({"refresh_token": "r", "refresh_token_expires_in": CANARY}, "is no number of seconds"),
        ({"refresh_token": "r", "refresh_token_expires_at": 1_500_000_000}, "has expired already"),
        ({}, "has no refresh_token"),
        ([{"refresh_token": "r"}], "no JSON object"),
        (CANARY, "no JSON object"),
    ],
)
def test_wrong_input_is_named_by_its_key_and_never_quoted(document: object, words: str):
    said = refused(document)
    assert words in said.message
    assert said.exit_code == 64
    assert CANARY not in f"{said.message} {said.hint}"


def test_what_is_too_long_is_not_read():
    with pytest.raises(UsageError, match="longer than 128 KiB"):
        read_import(b" " * (LONGEST + 1), now=NOW)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = [
    "refresh_token",
    "access_token",
    "expires_in",
    "expires_at",
    "scope",
    "scopes",
    "subject",
    "sub",
    "client_id",
    "consented_at",
    "refresh_token_expires_in",
    "refresh_token_expires_at",
]


@given(
    st.binary(max_size=60)
    | st.dictionaries(st.sampled_from(KEYS), json_values).map(lambda d: json.dumps(d).encode())
)
def test_any_bytes_give_a_token_or_a_usage_error(raw: bytes):
    try:
        said = read_import(raw, now=NOW)
    except UsageError:
        return
    assert isinstance(said.refresh_token, Secret)
