"""Asks whose grant a fresh token answer is, where the base says that can be known (DESIGN §7, `IdentityChanged`).

Rules: the access token goes to trusted endpoints only; asking is repeated a few times, since it changes nothing and the
person who consented is still there; userinfo must agree with an ID token that came along.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, assert_never

from reconciler.decide.identity import (
    Identity,
    IdentityProblem,
    TokenAudience,
    identity_in,
    read_id_token,
    read_identity_answer,
    same_subject,
)
from reconciler.engine.run import Run
from reconciler.model.answer import Outcome
from reconciler.model.behaviour import IdentitySource
from reconciler.model.grant import TokenSet
from reconciler.model.ready import ReadyProvider
from reconciler.model.secret import Secret

_TRIES = 3
_PAUSE = 1.0


def establish_identity(
    run: Run, provider: ReadyProvider, *, nonce: Secret | None, tokens: TokenSet, now: datetime
) -> Identity | IdentityProblem | None:
    """Who consented; None where the base knows no way to tell."""
    rules = provider.desired.behaviour.identity
    match rules.source:
        case IdentitySource.NONE:
            return None
        case IdentitySource.ID_TOKEN:
            claims = _id_token_claims(provider, nonce=nonce, tokens=tokens, now=now)
        case IdentitySource.TOKEN_RESPONSE:
            claims = tokens.extra if tokens.extra is not None else {}
        case IdentitySource.CALLBACK:
            claims = tokens.kept
        case IdentitySource.USERINFO | IdentitySource.INTROSPECTION:
            claims = _asked(run, provider, tokens=tokens)
        case _:
            assert_never(rules.source)
    if isinstance(claims, IdentityProblem):
        return claims
    if rules.source is IdentitySource.USERINFO and tokens.id_token is not None:
        signed = _id_token_claims(provider, nonce=nonce, tokens=tokens, now=now)
        if isinstance(signed, IdentityProblem):
            return signed
        if not same_subject(signed, claims):
            return IdentityProblem("userinfo speaks of another person than the ID token")
    return identity_in(claims, rules)


def _id_token_claims(
    provider: ReadyProvider, *, nonce: Secret | None, tokens: TokenSet, now: datetime
) -> Mapping[str, Any] | IdentityProblem:
    if tokens.id_token is None:
        return IdentityProblem("the answer has no ID token: is `openid` among the scopes?")
    audience = TokenAudience(provider.issuer, provider.client.client_id, nonce)
    return read_id_token(tokens.id_token, audience=audience, now=now)


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
