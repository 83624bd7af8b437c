"""Dynamic registration and its management (RFC 7591, RFC 7592), the same on our sandbox and on a certified server."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.adapters.assertions import JoseSigner
from reconciler.adapters.system import SystemClock, SystemEntropy
from reconciler.adapters.token_endpoint import HttpTokenEndpoint
from reconciler.decide.client_metadata import client_metadata, metadata_digest
from reconciler.decide.registration_answer import (
    RegistrationError,
    judge_created,
    judge_current,
    judge_deleted,
    missing_of,
)
from reconciler.decide.token_response import judge_answer
from reconciler.model.assertion import AssertionTerms, SigningKey
from reconciler.model.behaviour import ClientAuth
from reconciler.model.endpoint import TrustedUrl, parse_url
from reconciler.model.grant import TokenSet
from reconciler.model.ready import ClientCredentials
from reconciler.model.registration import ClientRegistration
from reconciler.model.secret import Secret
from tests.contract.peers import find_metadata
from tests.contract.registration.conftest import RegistrationPeer
from tests.servers.keys import key_pair
from tests.simulators.manifests import make_behaviour, make_provider

AUTH = ClientAuth.BASIC
METADATA = client_metadata(make_provider(behaviour=make_behaviour(client_auth=AUTH)))


def create(peer: RegistrationPeer, *, bearer: Secret | None) -> ClientRegistration | RegistrationError:
    outcome = peer.endpoint.send("POST", peer.url, body=METADATA, bearer=bearer)
    return judge_created(outcome, asked=AUTH, issuer=peer.issuer, digest=metadata_digest(METADATA))


def registered(peer: RegistrationPeer) -> ClientRegistration:
    client = create(peer, bearer=peer.initial_access_token)
    assert isinstance(client, ClientRegistration), client
    return client


def manage(
    peer: RegistrationPeer,
    client: ClientRegistration,
    method: str = "GET",
    *,
    body: dict[str, object] | None = None,
) -> ClientRegistration | RegistrationError:
    url = TrustedUrl(parse_url(client.registration_client_uri, allow_loopback_http=True))
    outcome = peer.endpoint.send(method, url, body=body, bearer=client.registration_access_token)
    return judge_current(outcome, known=client, digest=metadata_digest(METADATA))


def update(peer: RegistrationPeer, client: ClientRegistration, **change: object):
    body = {**METADATA, "client_id": client.client_id, "client_secret": client.client_secret, **change}
    return manage(peer, client, "PUT", body=body)


def delete(peer: RegistrationPeer, client: ClientRegistration) -> RegistrationError | None:
    url = TrustedUrl(parse_url(client.registration_client_uri, allow_loopback_http=True))
    return judge_deleted(
        peer.endpoint.send("DELETE", url, body=None, bearer=client.registration_access_token)
    )


def works(peer: RegistrationPeer, client: ClientRegistration) -> bool:
    token = find_metadata(peer.http, peer.issuer).endpoints["token"]
    outcome = HttpTokenEndpoint(peer.http).post(
        TrustedUrl(parse_url(token, allow_loopback_http=True)),
        form={"grant_type": "client_credentials"},
        client=ClientCredentials(client.client_id, client.client_secret, client.auth),
    )
    return isinstance(judge_answer(outcome, behaviour=make_behaviour(), now=datetime.now(UTC)), TokenSet)


def test_a_client_is_registered_and_can_be_managed(peer: RegistrationPeer):
    client = registered(peer)
    assert peer.count() == 1
    assert client.client_secret is not None
    assert client.registration_access_token is not None
    assert missing_of(client, asked=AUTH) == ""
    assert works(peer, client)


def test_without_the_initial_access_token_nothing_is_made(peer: RegistrationPeer):
    for bearer in (None, Secret("guess")):
        refused = create(peer, bearer=bearer)
        assert isinstance(refused, RegistrationError)
        assert refused.definite
        assert refused.status in (400, 401, 403)
    assert peer.count() == 0


def test_a_read_tells_of_the_same_client(peer: RegistrationPeer):
    client = registered(peer)
    current = manage(peer, client)
    assert isinstance(current, ClientRegistration)
    assert (current.client_id, current.client_secret) == (client.client_id, client.client_secret)


def test_an_update_changes_it_and_its_token_rotates(peer: RegistrationPeer):
    client = registered(peer)
    updated = update(peer, client, client_name="another name")
    assert isinstance(updated, ClientRegistration), updated
    assert updated.client_id == client.client_id
    assert updated.registration_access_token != client.registration_access_token
    old = manage(peer, client)
    assert isinstance(old, RegistrationError)
    assert old.status == 401
    assert isinstance(manage(peer, updated), ClientRegistration)
    assert works(peer, updated)


def test_several_updates_in_a_row_work_as_long_as_the_newest_token_is_kept(peer: RegistrationPeer):
    client = registered(peer)
    for number in range(3):
        said = update(peer, client, client_name=f"name {number}")
        assert isinstance(said, ClientRegistration), said
        client = said
    assert peer.count() == 1


def test_an_update_that_breaks_the_rules_is_refused_and_changes_nothing(peer: RegistrationPeer):
    client = registered(peer)
    refused = update(peer, client, redirect_uris="not a list")
    assert isinstance(refused, RegistrationError)
    assert refused.definite
    assert isinstance(manage(peer, client), ClientRegistration)


def test_a_deleted_client_is_gone(peer: RegistrationPeer):
    client = registered(peer)
    assert delete(peer, client) is None
    assert peer.count() == 0
    assert not works(peer, client)
    again = delete(peer, client)
    assert isinstance(again, RegistrationError)
    assert again.definite


def test_a_client_is_not_managed_with_another_clients_token(peer: RegistrationPeer):
    mine, theirs = registered(peer), registered(peer)
    url = TrustedUrl(parse_url(theirs.registration_client_uri, allow_loopback_http=True))
    outcome = peer.endpoint.send("DELETE", url, body=None, bearer=mine.registration_access_token)
    assert isinstance(judge_deleted(outcome), RegistrationError)
    assert peer.count() == 2


@pytest.mark.parametrize("kind", ["rsa", "ec", "ed25519"])
def test_a_client_that_signs_is_registered_by_its_public_key_and_works(peer: RegistrationPeer, kind: str):
    signer = JoseSigner(SystemClock(threading.Event()), SystemEntropy())
    key = SigningKey(Secret(key_pair(kind).private), None, f"key-{kind}")
    behaviour = make_behaviour(client_auth=ClientAuth.PRIVATE_KEY_JWT)
    metadata = client_metadata(make_provider(behaviour=behaviour), key=signer.public_jwk(key))
    outcome = peer.endpoint.send("POST", peer.url, body=metadata, bearer=peer.initial_access_token)
    client = judge_created(
        outcome,
        asked=ClientAuth.PRIVATE_KEY_JWT,
        issuer=peer.issuer,
        digest=metadata_digest(metadata),
    )
    assert isinstance(client, ClientRegistration), client
    assert missing_of(client, asked=ClientAuth.PRIVATE_KEY_JWT) == ""
    token = find_metadata(peer.http, peer.issuer).endpoints["token"]
    said = HttpTokenEndpoint(peer.http, signer=signer).post(
        TrustedUrl(parse_url(token, allow_loopback_http=True)),
        form={"grant_type": "client_credentials"},
        client=ClientCredentials(
            client.client_id,
            None,
            client.auth,
            assertions=AssertionTerms(key, peer.issuer, timedelta(minutes=2)),
        ),
    )
    assert isinstance(judge_answer(said, behaviour=behaviour, now=datetime.now(UTC)), TokenSet)
