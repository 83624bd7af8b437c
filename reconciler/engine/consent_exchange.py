"""Turns a person's authorization code into tokens, once (RFC 6749 §4.1.3).

Rules: one attempt on a fresh connection, at once, since codes live for half a minute at some providers and work once; an
odd answer that has a refresh token and no access token is made whole by refreshing at once, so that it is not lost.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.decide.authorization import AuthorizationRequest
from reconciler.decide.token_response import TokenError, judge_answer
from reconciler.engine.run import Run
from reconciler.model.answer import Outcome
from reconciler.model.grant import TokenSet
from reconciler.model.ready import ReadyProvider
from reconciler.model.secret import Secret


def exchange_code(
    run: Run, provider: ReadyProvider, *, request: AuthorizationRequest, code: Secret
) -> TokenSet | TokenError:
    """The tokens for `code`. Never raises for what the server does."""
    form: dict[str, str | Secret] = {
        **provider.desired.behaviour.token_parameters,
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": request.redirect_uri,
    }
    if request.verifier is not None:
        form["code_verifier"] = request.verifier
    outcome = run.endpoint.post(
        provider.endpoints.token, form=form, client=provider.client, fresh_connection=True
    )
    run.failpoint("consent.answer-received")
    return judge_tokens(run, provider, outcome)


def judge_tokens(run: Run, provider: ReadyProvider, outcome: Outcome) -> TokenSet | TokenError:
    """The tokens in a first answer, made whole where its access token is missing."""
    tokens = judge_answer(
        outcome, behaviour=provider.desired.behaviour, now=run.clock.now(), limits=run.limits
    )
    if isinstance(tokens, TokenError) and tokens.refresh_token is not None:
        return _made_whole(run, provider, tokens.refresh_token)
    return tokens


def _made_whole(run: Run, provider: ReadyProvider, refresh_token: Secret) -> TokenSet | TokenError:
    form: dict[str, str | Secret] = {
        **provider.desired.behaviour.refresh_parameters,
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
    }
    outcome = run.endpoint.post(
        provider.endpoints.refresh, form=form, client=provider.client, fresh_connection=True
    )
    tokens = judge_answer(
        outcome, behaviour=provider.desired.behaviour, now=run.clock.now(), limits=run.limits
    )
    if isinstance(tokens, TokenError):
        return tokens
    return replace(tokens, refresh_token=tokens.refresh_token or refresh_token)
