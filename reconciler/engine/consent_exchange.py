"""Turns a person's authorization code into tokens, once (RFC 6749 §4.1.3).

Rules: one attempt on a fresh connection, at once, since codes live for half a minute at some providers and work once; an
odd answer that has a refresh token and no access token is made whole by refreshing at once, so that it is not lost. Where
the code's token lives briefly it is exchanged for the one that the grant is, before anything is stored.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.decide.authorization import AuthorizationRequest, Callback
from reconciler.decide.token_response import TokenError, judge_answer
from reconciler.engine.run import Run
from reconciler.model.behaviour import Behaviour
from reconciler.model.grant import TokenSet
from reconciler.model.ready import ReadyProvider
from reconciler.model.secret import Secret


def exchange_code(
    run: Run, provider: ReadyProvider, *, request: AuthorizationRequest, code: Secret
) -> TokenSet | TokenError:
    """The tokens for `code`. Never raises for what the server does."""
    behaviour = provider.desired.behaviour
    form: dict[str, str | Secret] = {
        **behaviour.token_parameters,
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": request.redirect_uri,
    }
    if request.verifier is not None:
        form["code_verifier"] = request.verifier
    outcome = run.endpoint.post(
        provider.endpoints.token,
        form=form,
        client=provider.client,
        fresh_connection=True,
        shape=behaviour.request,
    )
    run.failpoint("consent.answer-received")
    judged = judge_answer(outcome, behaviour=behaviour, now=run.clock.now(), limits=run.limits)
    tokens = make_whole(run, provider, judged)
    if isinstance(tokens, TokenSet) and behaviour.exchange_request is not None:
        return _made_lasting(run, provider, tokens)
    return tokens


def with_callback(tokens: TokenSet, callback: Callback, *, behaviour: Behaviour) -> TokenSet:
    """`tokens` and what only the browser brought: identifiers, and at some providers the granted scopes."""
    scope = tokens.scope
    if callback.scope is not None:
        scope = tuple(dict.fromkeys(callback.scope.replace(behaviour.scopes.separator, " ").split()))
    return replace(tokens, kept={**callback.kept, **tokens.kept}, scope=scope)


def _made_lasting(run: Run, provider: ReadyProvider, tokens: TokenSet) -> TokenSet | TokenError:
    behaviour, url = provider.desired.behaviour, provider.endpoints.exchange
    if url is None or behaviour.exchange_request is None or tokens.access_token is None:
        return tokens
    outcome = run.endpoint.post(
        url,
        form={"grant_type": "refresh_token", "refresh_token": tokens.access_token},
        client=provider.client,
        fresh_connection=True,
        shape=behaviour.exchange_request,
    )
    lasting = judge_answer(outcome, behaviour=behaviour, now=run.clock.now(), limits=run.limits)
    if isinstance(lasting, TokenError):
        return lasting
    return replace(
        lasting,
        scope=tokens.scope if lasting.scope is None else lasting.scope,
        kept={**tokens.kept, **lasting.kept},
        extra={**(tokens.extra or {}), **(lasting.extra or {})},
    )


def make_whole(run: Run, provider: ReadyProvider, tokens: TokenSet | TokenError) -> TokenSet | TokenError:
    """A first answer, refreshed at once where it has a refresh token and no access token."""
    if isinstance(tokens, TokenError) and tokens.refresh_token is not None:
        return _refreshed(run, provider, tokens.refresh_token)
    return tokens


def _refreshed(run: Run, provider: ReadyProvider, refresh_token: Secret) -> TokenSet | TokenError:
    form: dict[str, str | Secret] = {
        **provider.desired.behaviour.refresh_parameters,
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
    }
    outcome = run.endpoint.post(
        provider.endpoints.refresh,
        form=form,
        client=provider.client,
        fresh_connection=True,
        shape=provider.desired.behaviour.refresh_request or provider.desired.behaviour.request,
    )
    tokens = judge_answer(
        outcome, behaviour=provider.desired.behaviour, now=run.clock.now(), limits=run.limits
    )
    if isinstance(tokens, TokenError):
        return tokens
    return replace(tokens, refresh_token=tokens.refresh_token or refresh_token)
