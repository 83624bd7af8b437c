"""What a registration endpoint's answer means: any bytes give a client or an error, never an exception."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.decide.client_metadata import client_auth, client_metadata, metadata_digest
from reconciler.decide.registration_answer import (
    RegistrationError,
    judge_created,
    judge_current,
    judge_deleted,
    missing_of,
)
from reconciler.errors import RecordInvalid
from reconciler.model.answer import HttpAnswer, Loss, NoAnswer
from reconciler.model.behaviour import ClientAuth
from reconciler.model.grant import Holder
from reconciler.model.registration import (
    ClientRegistration,
    IntentKind,
    RegistrationIntent,
    RegistrationRecord,
)
from reconciler.model.secret import Document, Secret, SecretBytes
from tests.simulators.clocks import ManualClock
from tests.simulators.manifests import make_behaviour, make_provider

KNOWN = ClientRegistration(
    "c1",
    Secret("s1"),
    auth=ClientAuth.BASIC,
    issuer="https://as.example",
    registration_client_uri="https://as.example/register/c1",
    registration_access_token=Secret("t1"),
    metadata_digest="d1",
)
GOOD = {
    "client_id": "c1",
    "client_secret": "s2",
    "client_secret_expires_at": 0,
    "registration_access_token": "t2",
    "registration_client_uri": "https://as.example/register/c1",
}


def answered(document: object, status: int = 201) -> HttpAnswer:
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return HttpAnswer(status, {}, SecretBytes(raw))


def created(document: object, status: int = 201) -> ClientRegistration | RegistrationError:
    return judge_created(
        answered(document, status), asked=ClientAuth.BASIC, issuer="https://as.example", digest="d"
    )


def test_a_client_is_a_2xx_object_with_an_id():
    client = created(GOOD)
    assert isinstance(client, ClientRegistration)
    assert (client.client_id, client.client_secret, client.auth) == ("c1", Secret("s2"), ClientAuth.BASIC)
    assert client.can_be_managed
    assert client.client_secret_expires_at is None


def test_a_client_that_lacks_something_is_kept_all_the_same():
    client = created({"client_id": "c1"})
    assert isinstance(client, ClientRegistration)
    assert "no client secret" in missing_of(client, asked=ClientAuth.BASIC)
    assert not client.can_be_managed


@pytest.mark.parametrize(
    ("status", "definite"),
    [
        *((status, True) for status in (400, 401, 404, 429, 307)),
        *((status, False) for status in (408, 302, 500, 503, 200, 201)),
    ],
)
def test_only_a_refusal_is_definite(status: int, definite: bool):
    problem = created({"error": "invalid_client_metadata"}, status)
    assert isinstance(problem, RegistrationError)
    assert problem.definite is definite


def test_what_was_never_sent_did_not_happen():
    for loss, definite in ((Loss.NOT_SENT, True), (Loss.UNCLEAR, False)):
        problem = judge_created(NoAnswer(loss, "cut"), asked=ClientAuth.NONE, issuer="i", digest="d")
        assert isinstance(problem, RegistrationError)
        assert (problem.definite, problem.retryable) == (definite, True)


def test_what_an_update_leaves_out_stays():
    client = judge_current(answered({"client_id": "c1"}, 200), known=KNOWN, digest="d2")
    assert isinstance(client, ClientRegistration)
    assert (client.client_secret, client.registration_access_token) == (Secret("s1"), Secret("t1"))
    assert client.metadata_digest == "d2"


@pytest.mark.parametrize("empty", ["", None, 7, [], {}])
def test_an_empty_secret_or_token_never_takes_a_good_ones_place(empty: object):
    document = {"client_id": "c1", "client_secret": empty, "registration_access_token": empty}
    client = judge_current(answered(document, 200), known=KNOWN, digest="d")
    assert isinstance(client, ClientRegistration)
    assert (client.client_secret, client.registration_access_token) == (Secret("s1"), Secret("t1"))


@pytest.mark.parametrize("seconds", [-1, 10**30, "soon", True, None])
def test_an_absurd_expiry_is_none(seconds: object):
    client = created({**GOOD, "client_secret_expires_at": seconds})
    assert isinstance(client, ClientRegistration)
    assert client.client_secret_expires_at is None


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_deleted_client_is_gone(status: int):
    assert judge_deleted(answered(b"", status)) is None
    assert judge_deleted(answered({}, 403)) is not None


@given(st.binary(max_size=300), st.integers(100, 599))
def test_any_bytes_give_a_client_or_an_error(body: bytes, status: int):
    for judged in (created(body, status), judge_current(answered(body, status), known=KNOWN, digest="d")):
        assert isinstance(judged, ClientRegistration | RegistrationError)
    judge_deleted(answered(body, status))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*GOOD, "token_endpoint_auth_method", "error"]), _JSON))
def test_any_object_gives_a_client_that_can_be_stored_or_an_error(document: dict[str, object]):
    judged = created(json.dumps(document).encode())
    if isinstance(judged, ClientRegistration):
        record = RegistrationRecord(owner="reconciler/default", op="op", client=judged)
        raw = record.to_document().to_json()
        assert RegistrationRecord.from_document(Document(json.loads(raw))) == record
    else:
        assert judged.message.isprintable()


# ------------------------------------------------------------------------------------------------- the record


def test_a_record_comes_back_as_it_was_stored():
    now = ManualClock().now()
    holder = Holder("host", "boot", "ns", 1, "2")
    intent = RegistrationIntent("op", IntentKind.UPDATE, now, "https://as.example", holder, "tool", "c0ffee")
    record = RegistrationRecord("reconciler/default", "op", KNOWN, intent)
    stored = Document(json.loads(record.to_document().to_json()))
    assert RegistrationRecord.from_document(stored) == record


def test_a_record_shows_no_secret():
    record = RegistrationRecord("reconciler/default", "op", KNOWN)
    assert "s1" not in repr(record)
    assert "t1" not in repr(record)


@given(st.dictionaries(st.sampled_from(["format", "owner", "op", "client", "intent"]), _JSON))
def test_any_document_is_a_record_or_invalid(document: dict[str, object]):
    try:
        RegistrationRecord.from_document(Document(document))
    except RecordInvalid:
        return


# ------------------------------------------------------------------------------------------------- what is asked


def test_the_same_declaration_asks_for_the_same():
    one, two = client_metadata(make_provider()), client_metadata(make_provider(digest="9" * 16))
    assert metadata_digest(one) == metadata_digest(two)


def test_a_public_client_asks_for_no_client_credentials():
    asked = client_metadata(make_provider(behaviour=make_behaviour(client_auth=ClientAuth.NONE)))
    assert asked["grant_types"] == ["authorization_code", "refresh_token"]
    assert asked["token_endpoint_auth_method"] == "none"


def test_a_machine_without_redirect_asks_for_client_credentials_alone():
    asked = client_metadata(make_provider(redirect_uris=[]))
    assert (asked["grant_types"], asked["response_types"]) == (["client_credentials"], [])


@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        ("http://127.0.0.1/cb", "native"),
        ("http://localhost:8080/cb", "native"),
        ("com.example.app:/cb", "native"),
        ("https://app.example/cb", "web"),
    ],
)
def test_a_loopback_redirect_makes_it_native(uri: str, kind: str):
    assert client_metadata(make_provider(redirect_uris=[uri]))["application_type"] == kind


def test_names_of_authentication_methods_go_both_ways():
    assert client_auth("tls_client_auth") is None
    assert client_auth("client_secret_post") is ClientAuth.POST
