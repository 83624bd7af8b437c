"""Asks whose grant a fresh token answer is, where the base says that can be known (DESIGN §7, `IdentityChanged`).

Rules: an ID token that came along is checked first, by the keys that its server publishes; the access token goes to
trusted endpoints only; asking is repeated a few times, since it changes nothing and the person who consented is still
there; userinfo must agree with the ID token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from reconciler.decide.id_token import TokenAudience, read_id_token, read_keys
from reconciler.decide.identity import (
    Identity,
    IdentityProblem,
    identity_in,
    read_identity_answer,
    same_subject,
)
from reconciler.engine.run import Run
from reconciler.model.answer import Outcome
from reconciler.model.behaviour import IdentitySource
from reconciler.model.endpoint import Url
from reconciler.model.grant import TokenSet
from reconciler.model.ready import ReadyProvider
from reconciler.model.secret import Secret

_UNSIGNED = "the ID token's signature was not checked: no jwks endpoint of its provider is known"
_TRIES = 3
_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class Established:
    """`identity` None: the base knows no way to tell. `notes`: what could not be checked, for people."""

    identity: Identity | IdentityProblem | None
    notes: tuple[str, ...] = ()


def establish_identity(
    run: Run, provider: ReadyProvider, *, nonce: Secret | None, tokens: TokenSet, now: datetime
) -> Established:
    """Who consented. `nonce`: what an ID token must repeat; None where none was sent."""
    rules = provider.desired.behaviour.identity
    signed = _id_token_claims(run, provider, nonce=nonce, tokens=tokens, now=now)
    if isinstance(signed, IdentityProblem) and signed.forged:
        return Established(signed)
    match rules.source:
        case IdentitySource.NONE:
            return Established(None)
        case IdentitySource.ID_TOKEN:
            claims = signed or IdentityProblem("the answer has no ID token: is `openid` among the scopes?")
        case IdentitySource.TOKEN_RESPONSE:
            claims = tokens.extra if tokens.extra is not None else {}
        case IdentitySource.CALLBACK:
            claims = tokens.kept
        case IdentitySource.USERINFO | IdentitySource.INTROSPECTION:
            claims = _asked(run, provider, tokens=tokens)
        case _:
            assert_never(rules.source)
    if isinstance(claims, IdentityProblem):
        return Established(claims)
    if rules.source is IdentitySource.USERINFO and signed is not None:
        if isinstance(signed, IdentityProblem):
            return Established(signed)
        if not same_subject(signed, claims):
            return Established(
                IdentityProblem("userinfo speaks of another person than the ID token", forged=True)
            )
    unsigned = rules.source is IdentitySource.ID_TOKEN and provider.endpoints.jwks is None
    return Established(identity_in(claims, rules), (_UNSIGNED,) if unsigned else ())


def _id_token_claims(
    run: Run, provider: ReadyProvider, *, nonce: Secret | None, tokens: TokenSet, now: datetime
) -> Mapping[str, Any] | IdentityProblem | None:
    """What the ID token says, where one came along; None where none did. One that came is checked whatever the base reads
    the identity from: its `nonce` shows whether the code was the answer to our request (RFC 9700 §2.1.1)."""
    if tokens.id_token is None:
        return None
    rules = provider.desired.behaviour.identity
    reads = rules.source in (IdentitySource.ID_TOKEN, IdentitySource.USERINFO)
    if not reads and nonce is None:
        return None
    url = provider.endpoints.jwks if reads else None
    keys = None if url is None else _keys(run, url)
    if isinstance(keys, IdentityProblem):
        return keys
    issuer = (rules.issuer or provider.issuer) if reads else None
    return read_id_token(
        tokens.id_token,
        audience=TokenAudience(issuer, provider.client.client_id, nonce),
        now=now,
        keys=keys,
        algorithms=provider.signing_algorithms,
    )


def _keys(run: Run, url: Url) -> Mapping[str, Any] | IdentityProblem:
    keys: Mapping[str, Any] | IdentityProblem = IdentityProblem("the server's keys: nobody was asked")
    for tried in range(_TRIES):
        if tried:
            run.clock.sleep(_PAUSE * tried)
        keys = read_keys(run.endpoint.fetch(url))
        if not (isinstance(keys, IdentityProblem) and keys.transient):
            break
    return keys


def _asked(run: Run, provider: ReadyProvider, *, tokens: TokenSet) -> Mapping[str, Any] | IdentityProblem:
    claims: Mapping[str, Any] | IdentityProblem = IdentityProblem("nobody was asked")
    for tried in range(_TRIES):
        if tried:
            run.clock.sleep(_PAUSE * tried)
        introspection = provider.desired.behaviour.identity.source is IdentitySource.INTROSPECTION
        outcome = _ask(run, provider, tokens=tokens, introspection=introspection)
        if outcome is None:
            return IdentityProblem("the provider has no endpoint that tells who consented")
        claims = read_identity_answer(outcome, introspection=introspection)
        if not (isinstance(claims, IdentityProblem) and claims.transient):
            break
    return claims


def _ask(run: Run, provider: ReadyProvider, *, tokens: TokenSet, introspection: bool) -> Outcome | None:
    token, endpoints = tokens.access_token, provider.endpoints
    if token is None:
        return None
    if introspection:
        if endpoints.introspection is None:
            return None
        return run.endpoint.post(endpoints.introspection, form={"token": token}, client=provider.client)
    if endpoints.userinfo is None:
        return None
    return run.endpoint.get(endpoints.userinfo, bearer=token)
