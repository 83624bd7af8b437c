"""What lies between the two halves of a consent: it survives being stored, and is bound to what it was begun for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.decide.authorization import Callback, CallbackRefused, Refusal
from reconciler.decide.pending_consent import (
    PendingConsent,
    decode_pending,
    encode_pending,
    judge_pending,
    what_moved,
)
from reconciler.engine.consent import begin_consent
from reconciler.errors import RecordInvalid
from reconciler.model.behaviour import ClientAuth
from reconciler.model.names import account_address
from reconciler.model.ready import ClientCredentials
from reconciler.model.secret import Document, Secret
from tests.engine.consent_world import ConsentWorld
from tests.simulators.manifests import make_account, make_behaviour
from tests.simulators.token_endpoint import trusted

BACK = "https://accounts.acme.example/callback"


def begun(world: ConsentWorld, **declared) -> PendingConsent:
    pending = begin_consent(world.run, make_account(**declared), world.provider, redirect_uri=BACK)
    assert isinstance(pending, PendingConsent)
    return pending


DEPARTS = {
    "callback": {"code": "spapi_oauth_code", "keep": ["realmId"], "server": "shop", "scope": "scope"},
    "redirect": {"sent_as": "Acme-app-PRD-1"},
}


@pytest.mark.parametrize(
    "behaviour", [{}, {"pkce": "unsupported"}, {"identity": {"source": "id-token"}}, DEPARTS]
)
def test_it_comes_back_from_its_stored_form_but_for_the_link(behaviour):
    pending = begun(
        ConsentWorld(behaviour=make_behaviour(**behaviour), issuer="https://as.example"),
        scopes=("openid", "read"),
    )
    stored = Document(encode_pending(pending).plain())
    assert decode_pending(stored) == replace(pending, request=replace(pending.request, url=""))
    assert pending.url.startswith("http://127.0.0.1:9400/authorize?")


def test_what_it_keeps_is_not_shown():
    pending = begun(ConsentWorld())
    assert pending.request.verifier is not None
    for secret in (pending.state, pending.request.verifier):
        assert secret.reveal() not in repr(encode_pending(pending))


def test_a_callback_is_judged_after_a_restart_as_before_it():
    pending = begun(ConsentWorld())
    again = decode_pending(Document(encode_pending(pending).plain()))
    right = judge_pending(f"{BACK}?code=c&state={pending.state.reveal()}", pending=again)
    wrong = judge_pending(f"{BACK}?code=c&state=guessed", pending=again)
    assert isinstance(right, Callback)
    assert isinstance(wrong, CallbackRefused)
    assert wrong.kind is Refusal.STATE_WRONG


def test_what_it_was_begun_for_is_what_it_may_be_finished_for():
    world, account = ConsentWorld(), make_account()
    pending, provider, now = begun(world), world.provider, world.clock.now()
    other_client = replace(
        provider, client=ClientCredentials("client-2", Secret("client-secret"), ClientAuth.POST)
    )
    other_server = replace(
        provider, endpoints=replace(provider.endpoints, token=trusted("https://other.example/token"))
    )
    assert what_moved(pending, account, provider, now=now) == ""
    for moved in (
        what_moved(pending, replace(account, address=account_address("team", "other")), provider, now=now),
        what_moved(pending, make_account(consent_digest="4444444444444444"), provider, now=now),
        what_moved(pending, account, other_client, now=now),
        what_moved(pending, account, other_server, now=now),
        what_moved(pending, account, provider, now=pending.expires_at),
    ):
        assert moved


def test_a_new_version_of_the_client_secret_ends_no_consent():
    world = ConsentWorld()
    pending = begun(world)
    rotated = replace(
        world.provider,
        client=ClientCredentials("client", Secret("another"), ClientAuth.POST),
        secret_version=9,
    )
    assert what_moved(pending, make_account(), rotated, now=world.clock.now()) == ""


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_KEYS = (
    "format", "account", "redirect_uri", "state", "verifier", "nonce", "issuer", "issuer_in_response",
    "consent_digest", "provider_digest", "begun_at", "expires_at",
)  # fmt: skip
_WHOLE = encode_pending(begun(ConsentWorld(), scopes=("openid",))).plain()


@given(
    st.dictionaries(st.sampled_from(_KEYS), _JSON, max_size=3), st.sets(st.sampled_from(_KEYS), max_size=2)
)
def test_any_document_gives_a_pending_consent_or_record_invalid(changed, lost):
    document = Document({k: v for k, v in {**_WHOLE, **changed}.items() if k not in lost})
    try:
        pending = decode_pending(document)
    except RecordInvalid:
        return
    assert pending.expires_at > datetime(1, 1, 1, tzinfo=UTC) + timedelta(0)
