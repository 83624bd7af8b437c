"""What every authorization server does, and how we take it: the same on a simulator, our sandbox and a certified server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.adapters.token_endpoint import HttpTokenEndpoint
from reconciler.decide.authorization import Callback, CallbackRefused, Refusal
from reconciler.decide.id_token import TokenAudience, read_id_token, read_keys
from reconciler.decide.identity import (
    IdentityProblem,
    identity_in,
    read_identity_answer,
    same_subject,
)
from reconciler.decide.token_response import TokenError
from reconciler.model.answer import HttpAnswer
from reconciler.model.assertion import SigningAlgorithm
from reconciler.model.behaviour import BasicEncoding, ClientAuth, IdentityRules, IdentitySource
from reconciler.model.endpoint import TrustedUrl, parse_url
from reconciler.model.grant import TokenSet
from reconciler.model.ready import ClientCredentials
from reconciler.model.secret import Document, Secret
from reconciler.model.state import ErrorClass, Reason
from reconciler.sandbox import Sandbox, SandboxConfig
from tests.contract.peers import NONCES, STANDARD_WAYS, Peer, loopback_client


def refused(said: TokenSet | TokenError) -> tuple[ErrorClass, str]:
    assert isinstance(said, TokenError), said
    assert said.definite
    return said.judge, said.code


def test_a_code_brings_tokens_and_the_scopes_that_were_granted(peer: Peer):
    tokens = peer.consented()
    assert tokens.access_token is not None
    assert tokens.refresh_token is not None
    assert tokens.token_type == "Bearer"
    assert set(peer.scopes) <= set(tokens.scope or peer.scopes)
    assert tokens.expires_at > peer.now()
    assert tokens.warnings == ()


@pytest.mark.parametrize("auth", STANDARD_WAYS)
def test_each_way_to_authenticate_is_taken(peer: Peer, auth):
    client = peer.clients[auth]
    tokens = peer.consented(client=client)
    assert isinstance(peer.refresh(tokens.refresh_token, client=client), TokenSet)


def test_a_denial_comes_back_as_one(peer: Peer):
    verdict = peer.callback(peer.request(), allows=False)
    assert isinstance(verdict, CallbackRefused)
    assert verdict.kind is Refusal.DENIED


def test_a_wrong_verifier_gets_nothing(peer: Peer):
    callback = peer.callback(peer.request())
    assert isinstance(callback, Callback)
    said = peer.exchange(callback.code, code_verifier=Secret("w" * 43))
    assert refused(said) == (ErrorClass.NEEDS_CONSENT, "invalid_grant")


def test_a_code_works_once(peer: Peer):
    callback = peer.callback(peer.request())
    assert isinstance(callback, Callback)
    assert isinstance(peer.exchange(callback.code), TokenSet)
    assert refused(peer.exchange(callback.code)) == (ErrorClass.NEEDS_CONSENT, "invalid_grant")


def test_a_code_for_another_redirect_uri_gets_nothing(peer: Peer):
    callback = peer.callback(peer.request())
    assert isinstance(callback, Callback)
    said = peer.exchange(callback.code, redirect_uri="http://127.0.0.1:1/other")
    assert refused(said)[0] in (ErrorClass.NEEDS_CONSENT, ErrorClass.CONFIG)


def test_three_rotations_each_bring_a_new_refresh_token(peer: Peer):
    tokens, seen = peer.consented(), set()
    for _ in range(3):
        assert tokens.refresh_token is not None
        seen.add(tokens.refresh_token.reveal())
        said = peer.refresh(tokens.refresh_token)
        assert isinstance(said, TokenSet), said
        tokens = said
    assert tokens.refresh_token is not None
    assert len(seen | {tokens.refresh_token.reveal()}) == 4


def test_a_spent_token_kills_the_whole_family(peer: Peer):
    first = peer.consented()
    second = peer.refresh(first.refresh_token)
    assert isinstance(second, TokenSet)
    assert refused(peer.refresh(first.refresh_token)) == (ErrorClass.NEEDS_CONSENT, "invalid_grant")
    assert refused(peer.refresh(second.refresh_token)) == (ErrorClass.NEEDS_CONSENT, "invalid_grant")


def test_a_wrong_client_secret_is_our_client_and_spends_nothing(peer: Peer):
    tokens = peer.consented()
    wrong = ClientCredentials(peer.provider.client.client_id, Secret("guess"), ClientAuth.BASIC)
    said = peer.refresh(tokens.refresh_token, client=wrong)
    assert refused(said) == (ErrorClass.CLIENT, "invalid_client")
    assert isinstance(said, TokenError)
    assert said.reason is Reason.CLIENT_REFUSED
    assert isinstance(peer.refresh(tokens.refresh_token), TokenSet)


def test_an_unknown_client_is_our_client(peer: Peer):
    tokens = peer.consented()
    nobody = ClientCredentials("nobody", Secret("guess"), ClientAuth.BASIC)
    assert refused(peer.refresh(tokens.refresh_token, client=nobody)) == (ErrorClass.CLIENT, "invalid_client")


def test_another_clients_token_is_no_grant(peer: Peer):
    tokens = peer.consented()
    said = peer.refresh(tokens.refresh_token, client=peer.clients[ClientAuth.NONE])
    assert refused(said) == (ErrorClass.NEEDS_CONSENT, "invalid_grant")


def test_a_person_who_removed_the_app_is_asked_again(peer: Peer):
    tokens = peer.consented(subject="bob")
    peer.revoke("bob")
    assert refused(peer.refresh(tokens.refresh_token)) == (ErrorClass.NEEDS_CONSENT, "invalid_grant")


def test_a_scope_that_was_not_granted_is_refused_as_one(peer: Peer):
    tokens = peer.consented()
    assert refused(peer.refresh(tokens.refresh_token, scope="admin"))[0] is ErrorClass.SCOPE


def test_a_grant_type_that_nobody_knows_is_our_mistake(peer: Peer):
    assert refused(peer.ask({"grant_type": "urn:nobody:knows"}))[0] is ErrorClass.CONFIG


def test_a_client_gets_a_token_of_its_own_without_a_refresh_token(peer: Peer):
    tokens = peer.ask({"grant_type": "client_credentials", "scope": peer.machine_scope})
    assert isinstance(tokens, TokenSet), tokens
    assert tokens.access_token is not None
    assert tokens.refresh_token is None


def test_a_revoked_refresh_token_is_dead(peer: Peer):
    tokens = peer.consented()
    assert peer.provider.endpoints.revocation is not None
    assert tokens.refresh_token is not None
    said = peer.endpoint.post(
        peer.provider.endpoints.revocation,
        form={"token": tokens.refresh_token, "token_type_hint": "refresh_token"},
        client=peer.provider.client,
    )
    assert isinstance(said, HttpAnswer)
    assert said.status == 200
    assert refused(peer.refresh(tokens.refresh_token)) == (ErrorClass.NEEDS_CONSENT, "invalid_grant")


def test_userinfo_tells_who_consented(peer: Peer):
    tokens = peer.consented()
    assert peer.provider.endpoints.userinfo is not None
    assert tokens.access_token is not None
    said = peer.endpoint.get(peer.provider.endpoints.userinfo, bearer=tokens.access_token)
    claims = read_identity_answer(said, introspection=False)
    assert isinstance(claims, Document), claims
    assert claims["sub"]


def test_the_id_token_is_for_us_and_agrees_with_userinfo(peer: Peer):
    tokens = peer.consented()
    assert (tokens.id_token is not None) is peer.gives_id_tokens
    if tokens.id_token is None:
        return
    assert tokens.access_token is not None
    assert peer.provider.endpoints.userinfo is not None
    audience = TokenAudience(peer.provider.issuer, peer.provider.client.client_id, NONCES.nonce)
    assert peer.provider.endpoints.jwks is not None
    keys = read_keys(peer.endpoint.fetch(peer.provider.endpoints.jwks))
    assert not isinstance(keys, IdentityProblem)
    claims = read_id_token(
        tokens.id_token,
        audience=audience,
        now=peer.now(),
        keys=keys,
        algorithms=peer.provider.signing_algorithms,
    )
    assert peer.provider.signing_algorithms
    assert isinstance(claims, Document), claims
    told = read_identity_answer(
        peer.endpoint.get(peer.provider.endpoints.userinfo, bearer=tokens.access_token), introspection=False
    )
    assert isinstance(told, Document)
    rules = IdentityRules(source=IdentitySource.ID_TOKEN)
    assert same_subject(claims, told)
    assert identity_in(claims, rules) == identity_in(told, rules)


def test_a_code_that_waited_too_long_is_dead(peer: Peer):
    callback = peer.callback(peer.request())
    assert isinstance(callback, Callback)
    peer.let_codes_expire()
    assert refused(peer.exchange(callback.code)) == (ErrorClass.NEEDS_CONSENT, "invalid_grant")


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [
        ("rsa", SigningAlgorithm.RS256),
        ("rsa", SigningAlgorithm.PS256),
        ("rsa", SigningAlgorithm.RS512),
        ("jwk", None),
        ("ec", SigningAlgorithm.ES256),
        ("ed25519", SigningAlgorithm.EDDSA),
    ],
)
def test_every_algorithm_of_a_key_pair_is_verified(peer: Peer, kind, algorithm):
    client = peer.keyed(kind, algorithm)
    tokens = peer.ask({"grant_type": "client_credentials", "scope": peer.machine_scope}, client=client)
    assert isinstance(tokens, TokenSet), tokens


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "rsa-other"},
        {"audience": "https://another.example"},
        {"seconds": -120},
    ],
)
def test_an_assertion_of_another_key_or_audience_or_time_is_refused(peer: Peer, change):
    client = peer.keyed(**{"kind": "rsa", "algorithm": None, **change})
    said = peer.ask({"grant_type": "client_credentials", "scope": peer.machine_scope}, client=client)
    if peer.name == "simulator" and "kind" not in change:
        return  # in memory nothing is signed
    assert refused(said) == (ErrorClass.CLIENT, "invalid_client")


@pytest.mark.parametrize("auth", [ClientAuth.BASIC, ClientAuth.PRIVATE_KEY_JWT, ClientAuth.NONE])
def test_a_pushed_authorization_request_is_consented_to(peer: Peer, auth):
    if peer.provider.endpoints.pushed_authorization_request is None:
        assert peer.name == "simulator"
        return
    client = peer.clients[auth]
    request = peer.pushed(peer.request(client=client), client=client)
    assert "code_challenge" not in request.url
    assert "redirect_uri=" not in request.url
    callback = peer.callback(request)
    assert isinstance(callback, Callback), callback
    assert isinstance(peer.exchange(callback.code, client=client), TokenSet)


ALL_PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F))


@pytest.mark.parametrize(
    "secret", [ALL_PRINTABLE, "ñ€", f"ñ€ {ALL_PRINTABLE} €ñ"], ids=["ascii", "ñ€", "both"]
)
@pytest.mark.parametrize(
    "auth", [ClientAuth.BASIC, ClientAuth.POST, ClientAuth.CLIENT_SECRET_JWT], ids=lambda auth: auth.value
)
def test_a_client_secret_may_hold_any_character(peer: Peer, auth, secret):
    if peer.name == "oidc-provider" and not secret.isascii():
        return  # it takes VSCHAR alone, as RFC 6749 appendix A.2 has it
    client = peer.with_secret(auth, secret)
    tokens = peer.ask({"grant_type": "client_credentials", "scope": peer.machine_scope}, client=client)
    assert isinstance(tokens, TokenSet), tokens
    wrong = peer.ask(
        {"grant_type": "client_credentials"},
        client=replace(client, secret=Secret(secret + "x"), assertions=None),
    )
    assert isinstance(wrong, TokenError)


@pytest.mark.parametrize("secret", [ALL_PRINTABLE, f"ñ€ {ALL_PRINTABLE}"], ids=["ascii", "ñ€"])
def test_raw_basic_credentials_may_hold_any_character_too(secret):
    with loopback_client() as http, Sandbox(SandboxConfig(basic_raw=True)) as sandbox:
        made = sandbox.add_client(client_secret=secret)
        client = ClientCredentials(made["client_id"], Secret(secret), ClientAuth.BASIC, BasicEncoding.RAW)
        url = TrustedUrl(parse_url(f"{sandbox.issuer}/token", allow_loopback_http=True))
        said = HttpTokenEndpoint(http).post(url, form={"grant_type": "client_credentials"}, client=client)
        assert isinstance(said, HttpAnswer)
        assert said.status == 200
        encoded = replace(client, encoding=BasicEncoding.FORM)
        said = HttpTokenEndpoint(http).post(url, form={"grant_type": "client_credentials"}, client=encoded)
        assert isinstance(said, HttpAnswer)
        assert said.status == 401
