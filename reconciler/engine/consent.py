"""Leads one person through one consent: request, browser, callback, exchange, identity, commit (DESIGN §§6, 7).

Rules:
- everything that can be known before is checked before the person is asked;
- a code is exchanged at once, in one attempt: it works once, and the person is still there to consent again;
- until the commit nothing in the store has changed: whatever ends the consent earlier leaves the old grant as it was;
- an answer without a refresh token, or a grant of another person, is refused with that provider's remedy;
- an odd answer that has a refresh token and no access token is made whole by refreshing at once, so that it is not lost;
- scopes are recorded as they were granted, and missing ones are named.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from reconciler.decide.authorization import (
    AuthorizationRequest,
    Callback,
    CallbackRefused,
    Nonces,
    RedirectUri,
    judge_callback,
    plan_authorization,
    redirect_uri,
)
from reconciler.decide.consent_words import (
    access_removal,
    callback_refused,
    exchange_failed,
    identity_refused,
    identity_unknown,
    nobody_answered,
    not_for_a_person,
    refresh_token_missing,
)
from reconciler.decide.grant_end import absolute_end
from reconciler.decide.identity import Identity, IdentityProblem, is_expected
from reconciler.decide.results import Result
from reconciler.decide.token_response import TokenError, granted_scopes, judge_answer
from reconciler.decide.trust import may_send_refresh_token
from reconciler.engine.consent_identity import establish_identity
from reconciler.engine.preflight import check_may_store
from reconciler.engine.publish import check_ownership, commit_consented_grant
from reconciler.engine.run import Run
from reconciler.errors import ProviderFailed, ReconcilerError, RecordInvalid
from reconciler.model.behaviour import IdentitySource
from reconciler.model.desired import DesiredAccount
from reconciler.model.grant import GrantRecord, TokenSet
from reconciler.model.ready import ReadyProvider
from reconciler.model.secret import Secret
from reconciler.model.status import ProviderStatus
from reconciler.ports import Interaction

__all__ = ["access_removal", "consent"]

_STATE_BYTES = 24
_VERIFIER_BYTES = 48


def consent(
    run: Run, account: DesiredAccount, provider: ReadyProvider, *, ask: Interaction, paste: bool = False
) -> Result:
    """Ask a person for one account's grant, and store it.

    `paste`: nobody listens on this machine; the person pastes the URL that the browser ended at. ProviderFailed where
    the provider has no page or redirect URI to consent with; ObjectFailed, StoreError as `commit_consented_grant`.
    """
    refusal = not_for_a_person(account)
    if refusal is not None:
        return refusal
    redirect = _redirect(provider, paste=paste)
    _check_identity_can_be_told(account, provider)
    check_ownership(run, account, now=run.clock.now())
    check_may_store(run, account.address)
    request = plan_authorization(provider, account, redirect=ask.prepare(redirect), nonces=_nonces(run))
    ask.open_link(request.url)
    callback = ask.wait_callback(lambda redirected: judge_callback(redirected, request=request))
    if callback is None:
        return nobody_answered(account)
    if isinstance(callback, CallbackRefused):
        return callback_refused(account, callback, removal=access_removal(provider.desired.behaviour))
    run.events.info("consent.received", address=str(account.address))
    with run.in_flight.working(account.address):
        return _exchange(run, account, provider, request=request, callback=callback)


def _exchange(
    run: Run,
    account: DesiredAccount,
    provider: ReadyProvider,
    *,
    request: AuthorizationRequest,
    callback: Callback,
) -> Result:
    behaviour = provider.desired.behaviour
    form: dict[str, str | Secret] = {
        **behaviour.token_parameters,
        "grant_type": "authorization_code",
        "code": callback.code,
        "redirect_uri": request.redirect_uri,
    }
    if request.verifier is not None:
        form["code_verifier"] = request.verifier
    outcome = run.endpoint.post(
        provider.endpoints.token, form=form, client=provider.client, fresh_connection=True
    )
    run.failpoint("consent.answer-received")
    now = run.clock.now()
    tokens = judge_answer(outcome, behaviour=behaviour, now=now, limits=run.limits)
    if isinstance(tokens, TokenError) and tokens.refresh_token is not None:
        tokens = _made_whole(run, provider, tokens.refresh_token)
    if isinstance(tokens, TokenError):
        return exchange_failed(account, tokens, provider=provider.desired)
    if tokens.refresh_token is None:
        return refresh_token_missing(account, behaviour)
    return _identify(run, account, provider, request=request, tokens=tokens, now=now)


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


def _identify(
    run: Run,
    account: DesiredAccount,
    provider: ReadyProvider,
    *,
    request: AuthorizationRequest,
    tokens: TokenSet,
    now: datetime,
) -> Result:
    stored = _stored_subject(run, account, provider)
    found = establish_identity(run, provider, request=request, tokens=tokens, now=now)
    warnings: tuple[str, ...] = ()
    subject: str | None = None
    match found:
        case Identity():
            if not is_expected(found, pinned=account.identity, stored=stored):
                return identity_refused(account, found)
            subject = found.subject
        case IdentityProblem():
            if account.identity is not None or stored is not None:
                return identity_unknown(account, found)
            warnings = (f"who consented is not known: {found.message}",)
        case None:
            subject = None
    result = commit_consented_grant(
        run,
        account,
        provider,
        record=_record(account, provider, tokens=tokens, subject=subject, now=now),
        tokens=tokens,
    )
    _note_working_secret(run, provider)
    granted = granted_scopes(account.scopes, tokens.scope, provider.desired.behaviour.scopes)
    missing = sorted(set(account.scopes) - set(granted))
    if missing:
        warnings += (f"not granted: {' '.join(missing)}",)
    return replace(result, warnings=tuple(dict.fromkeys((*result.warnings, *warnings))))


def _record(
    account: DesiredAccount, provider: ReadyProvider, *, tokens: TokenSet, subject: str | None, now: datetime
) -> GrantRecord:
    behaviour = provider.desired.behaviour
    record = GrantRecord(
        grant=account.grant,
        refresh_token=tokens.refresh_token,
        origin=str(provider.endpoints.refresh.url.origin),
        client_id=provider.client.client_id,
        scopes=granted_scopes(account.scopes, tokens.scope, behaviour.scopes),
        requested_scopes=tuple(sorted(account.scopes)),
        subject=subject,
        consent_digest=account.consent_digest,
        consented_at=now,
    )
    ends_at = tokens.refresh_expires_at or absolute_end(record, behaviour.refresh_token)
    return replace(record, refresh_expires_at=ends_at)


def _note_working_secret(run: Run, provider: ReadyProvider) -> None:
    """This version of the client secret just worked: the last good one, should a later one be refused."""
    if provider.secret_version is None:
        return
    path = run.layout.provider(provider.desired.address)
    try:
        stands = run.store.read_metadata(path)
        status = None if stands is None else ProviderStatus.from_metadata(stands.custom)
        if status is not None and status.good_secret_version != provider.secret_version:
            good = replace(status, good_secret_version=provider.secret_version)
            run.store.write_metadata(path, good.to_metadata())
    except ReconcilerError as error:
        # The grant is stored; the next refresh that succeeds notes the same.
        run.events.warning("consent.secret-not-noted", error=type(error).__name__)


def _stored_subject(run: Run, account: DesiredAccount, provider: ReadyProvider) -> str | None:
    """Who consented before; None where nobody did, where it was forgotten or given to another client or at another
    server (a subject may differ by client), or what stands there is no record (a fresh consent replaces it)."""
    document = run.store.read(run.layout.grant(account.address)).document
    if document is None:
        return None
    try:
        record = GrantRecord.from_document(document)
    except RecordInvalid:
        return None
    same_client = record.client_id == provider.client.client_id
    same_server = may_send_refresh_token(
        record.origin, provider.endpoints.refresh.url, provider=provider.desired
    )
    return record.subject if same_client and same_server and not record.forgotten else None


def _redirect(provider: ReadyProvider, *, paste: bool) -> RedirectUri:
    if provider.endpoints.authorization is None:
        raise ProviderFailed(
            f"{provider.desired.address}: there is no authorization endpoint to send a person to",
            hint="give endpoints.authorization, or an issuer whose metadata has one",
        )
    redirect = redirect_uri(provider.desired, paste=paste)
    if redirect is None:
        raise ProviderFailed(
            f"{provider.desired.address}: there is no redirect URI to consent with",
            hint=f"give spec.redirectUri in {provider.desired.location}, as registered at the provider",
        )
    return redirect


def _check_identity_can_be_told(account: DesiredAccount, provider: ReadyProvider) -> None:
    if account.identity is not None and provider.desired.behaviour.identity.source is IdentitySource.NONE:
        raise ProviderFailed(
            f"{account.address}: its `identity` cannot be checked: its provider does not tell who consents",
            hint=f"take `identity` out of {account.location}, or give the base an `identity` source",
        )


def _nonces(run: Run) -> Nonces:
    return Nonces(
        state=Secret(run.entropy.token(_STATE_BYTES)),
        verifier=Secret(run.entropy.token(_VERIFIER_BYTES)),
        nonce=Secret(run.entropy.token(_STATE_BYTES)),
    )
