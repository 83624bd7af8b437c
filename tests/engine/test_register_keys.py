"""Clients that sign: their key is read, looked at, bound by trust, noticed when it is rotated, and told to a server."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.adapters.assertions import JoseSigner
from reconciler.decide.provider_change import ProviderReason
from reconciler.decide.results import Outcome
from reconciler.decide.trust_origins import credentials_of
from reconciler.engine.provider_record import write_status
from reconciler.model.assertion import SigningAlgorithm
from reconciler.model.behaviour import ClientAuth
from reconciler.model.desired import DesiredClient, DesiredProvider, Registration
from reconciler.model.secret import Secret
from reconciler.model.trust import TrustMode
from tests.engine.registering_world import ISSUER, NO_OTHERS, RegisteringWorld, server_behaviour
from tests.engine.test_register_static import but
from tests.servers.keys import key_pair
from tests.simulators.manifests import PROVIDER, make_endpoints, make_provider, secret_ref

PATH = "clients/team/sandbox"


def keyed(*, auth: str = "private_key_jwt", key_id: str | None = None, **server: Any) -> DesiredProvider:
    client = DesiredClient(id="client-1", key_ref=secret_ref(PATH, "private_key"), key_id=key_id)
    return make_provider(behaviour=server_behaviour(client_auth=auth, **server), client=client)


@pytest.fixture
def world() -> RegisteringWorld:
    world = RegisteringWorld()
    world.signer = JoseSigner(world.clock, world.entropy)
    world.put_secret(PATH, private_key=key_pair("rsa").private)
    return world


def test_a_client_signs_with_the_key_that_its_manifest_names(world: RegisteringWorld):
    result, ready = world.apply(keyed(key_id="k-1", issuer=ISSUER))
    assert result is not None
    assert (result.outcome, result.error) == (Outcome.DONE, "")
    assert ready is not None
    client = ready.client
    assert (client.auth, client.secret) == (ClientAuth.PRIVATE_KEY_JWT, None)
    assert client.assertions is not None
    assert client.assertions.audience == ISSUER
    assert client.assertions.key.text == Secret(key_pair("rsa").private)
    assert (client.assertions.key.key_id, ready.secret_version) == ("k-1", 1)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (None, f"{ISSUER}/token"),
        ("token-endpoint", f"{ISSUER}/token"),
        ("https://login.example", "https://login.example"),
    ],
)
def test_the_audience_is_what_the_base_says(world: RegisteringWorld, said, meant):
    _, ready = world.apply(keyed(assertion={} if said is None else {"audience": said}))
    assert ready is not None
    assert ready.client.assertions is not None
    assert ready.client.assertions.audience == meant


def test_a_rotated_key_is_seen_by_its_version_and_taken_up(world: RegisteringWorld):
    world.apply(keyed())
    write_status(world.run(), PROVIDER, change=but(good_secret_version=1))
    world.put_secret(PATH, private_key=key_pair("rsa-other").private)
    change = world.change(keyed())
    assert change is not None
    assert change.reason is ProviderReason.SECRET_ROTATED
    assert change.message == "private key version 1 → 2"
    _, ready = world.apply(keyed())
    assert ready is not None
    assert ready.client.assertions is not None
    assert ready.client.assertions.key.text == Secret(key_pair("rsa-other").private)
    assert ready.last_good is not None
    assert ready.last_good.assertions is not None
    assert ready.last_good.assertions.key.text == Secret(key_pair("rsa").private)
    assert world.change(keyed()) is None


@pytest.mark.parametrize(
    "text", ["canary-of-a-secret", "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----"]
)
def test_what_is_no_key_is_the_references_fault_and_not_the_providers(world: RegisteringWorld, text):
    world.put_secret(PATH, private_key=text)
    result, ready = world.apply(keyed())
    assert result is not None
    assert (result.outcome, result.reason, ready) == (Outcome.FAILED, "SecretMissing", None)
    assert f"{PATH}#private_key" in result.error
    assert "canary" not in result.error + result.hint


def test_a_key_that_does_not_fit_the_algorithm_is_told_before_anything_is_sent(world: RegisteringWorld):
    result, _ = world.apply(keyed(assertion={"algorithm": "ES256"}))
    assert result is not None
    assert "this key signs with RS256" in result.error


def test_a_missing_key_blocks(world: RegisteringWorld):
    client = DesiredClient(id="a", key_ref=secret_ref("clients/team/none", "private_key"))
    change = world.change(
        make_provider(behaviour=server_behaviour(client_auth="private_key_jwt"), client=client)
    )
    assert change is not None
    assert change.blocked == "there is no secret at clients/team/none#private_key"


def test_the_key_is_bound_like_a_client_secret():
    assert credentials_of(keyed()) == {PATH: None}
    world = RegisteringWorld(mode=TrustMode.STRICT)
    world.put_secret(PATH, private_key=key_pair("rsa").private)
    result, ready = world.apply(keyed())
    assert result is not None
    assert (result.outcome, result.reason, ready) == (Outcome.REFUSED, "NotTrusted", None)
    assert PATH in result.error


def test_ids_beside_the_key_are_read_with_it(world: RegisteringWorld):
    """As a Google service account's JSON file holds them."""
    world.put_secret(
        PATH,
        client_email="robot@project.iam.example",
        private_key=key_pair("rsa").private,
        private_key_id="abc123",
    )
    client = DesiredClient(
        id_ref=secret_ref(PATH, "client_email"),
        key_ref=secret_ref(PATH, "private_key"),
        key_id_ref=secret_ref(PATH, "private_key_id"),
    )
    behaviour = server_behaviour(client_auth="post", grants=["jwt_bearer"])
    world.store.forget_requests()
    _, ready = world.apply(make_provider(behaviour=behaviour, client=client))
    assert ready is not None
    assert (ready.client.client_id, ready.client.auth) == ("robot@project.iam.example", ClientAuth.NONE)
    assert ready.client.assertions is not None
    assert ready.client.assertions.key.key_id == "abc123"
    reads = [r for r in world.store.requests if r.operation == "read" and str(r.path) == PATH]
    assert len(reads) == 1


def test_a_client_secret_and_a_key_go_side_by_side(world: RegisteringWorld):
    world.put_secret(PATH, client_secret="s", private_key=key_pair("rsa").private)
    client = DesiredClient(id="a", secret_ref=secret_ref(PATH), key_ref=secret_ref(PATH, "private_key"))
    behaviour = server_behaviour(client_auth="post", grants=["jwt_bearer", "client_credentials"])
    _, ready = world.apply(make_provider(behaviour=behaviour, client=client))
    assert ready is not None
    assert (ready.client.auth, ready.client.secret) == (ClientAuth.POST, Secret("s"))
    assert ready.client.assertions is not None


def test_a_client_secret_signs_where_the_base_says_so(world: RegisteringWorld):
    world.put_secret(PATH, client_secret="a shared secret")
    _, ready = world.apply(make_provider(behaviour=server_behaviour(client_auth="client_secret_jwt")))
    assert ready is not None
    assert ready.client.assertions is not None
    assert ready.client.assertions.key.algorithm is SigningAlgorithm.HS256
    assert ready.client.assertions.key.text == Secret("a shared secret")


def dynamic(**other: Any) -> DesiredProvider:
    endpoints = make_endpoints(ISSUER, registration=f"{ISSUER}/register", **NO_OTHERS)
    behaviour = server_behaviour(endpoints=endpoints, issuer=ISSUER, client_auth="private_key_jwt")
    client = DesiredClient(key_ref=secret_ref(PATH, "private_key"), **other)
    return make_provider(registration=Registration.DYNAMIC, client=client, behaviour=behaviour)


def test_a_server_is_told_the_public_half_and_never_the_private_one(world: RegisteringWorld):
    result, ready = world.apply(dynamic(key_id="k-1"))
    assert result is not None
    assert (result.outcome, result.error) == (Outcome.DONE, "")
    sent = world.server.seen[-1].body
    assert sent is not None
    assert sent["token_endpoint_auth_method"] == "private_key_jwt"
    assert sent["token_endpoint_auth_signing_alg"] == "RS256"
    (key,) = sent["jwks"]["keys"]
    assert (key["kid"], key["alg"], key["use"]) == ("k-1", "RS256", "sig")
    assert not {"d", "p", "q", "dp", "dq", "qi"} & key.keys()
    assert ready is not None
    assert ready.client.assertions is not None
    assert ready.client.auth is ClientAuth.PRIVATE_KEY_JWT
    assert world.change(dynamic(key_id="k-1")) is None


def test_a_rotated_key_is_told_to_the_server(world: RegisteringWorld):
    world.apply(dynamic())
    world.put_secret(PATH, private_key=key_pair("ec").private)
    change = world.change(dynamic())
    assert change is not None
    assert change.reason is ProviderReason.SECRET_ROTATED
    result, ready = world.apply(dynamic())
    assert result is not None
    assert result.outcome is Outcome.DONE
    assert world.server.seen[-1].method == "PUT"
    assert world.server.seen[-1].body is not None
    assert world.server.seen[-1].body["jwks"]["keys"][0]["kty"] == "EC"
    assert ready is not None
    assert world.change(dynamic()) is None


def test_a_dynamic_clients_key_is_bound_besides_its_own_credential():
    assert credentials_of(dynamic()) == {"providers/team/sandbox": None, PATH: None}


def test_a_client_that_only_signs_has_no_redirect_uri_to_allow(world: RegisteringWorld):
    client = DesiredClient(id="a", key_ref=secret_ref(PATH, "private_key"))
    behaviour = server_behaviour(client_auth="post", grants=["jwt_bearer"])
    change = world.change(make_provider(behaviour=behaviour, client=client))
    assert change is not None
    assert not any("redirect URI" in note for note in change.notes)
    assert change.message == f"static client, private key {PATH} version 1"
