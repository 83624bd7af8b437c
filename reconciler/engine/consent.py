"""Leads one person through one consent: request, browser, callback, exchange, identity, commit (DESIGN §§6, 7).

Two halves, which a terminal drives in one go (`consent`) and a web server in two requests (`begin_consent`, then
`finish_consent` with the URL that the browser came back to); what lies between them is a `PendingConsent`.

Rules:
- everything that can be known before is checked before the person is asked;
- a code is exchanged at once, in one attempt: it works once, and the person is still there to consent again;
- until the commit nothing in the store has changed: whatever ends the consent earlier leaves the old grant as it was;
- a pending consent whose account, client or server is another one by now is not taken, and its code goes nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from reconciler.decide.authorization import (
    Callback,
    CallbackRefused,
    Nonces,
    RedirectUri,
    plan_authorization,
    redirect_uri,
)
from reconciler.decide.callback import wrongly_signed
from reconciler.decide.callback_signature import is_signed_by
from reconciler.decide.consent_guidance import MOST_REPEATS, guidance_after
from reconciler.decide.consent_refusals import callback_refused
from reconciler.decide.consent_words import (
    access_removal,
    begun_for_something_else,
    nobody_answered,
    not_for_a_person,
    only_on_a_device,
)
from reconciler.decide.pending_consent import (
    PendingConsent,
    judge_pending,
    provider_fingerprint,
    what_moved,
)
from reconciler.decide.results import Result
from reconciler.decide.scope_rules import only_new_scopes
from reconciler.engine.consent_checks import check_before_asking
from reconciler.engine.consent_exchange import exchange_code, with_callback
from reconciler.engine.consent_grant import standing_grant, store_answer
from reconciler.engine.pushed_authorization import push_request
from reconciler.engine.run import Run
from reconciler.errors import ProviderFailed
from reconciler.model.desired import DesiredAccount
from reconciler.model.grant import TokenSet
from reconciler.model.ready import ReadyProvider
from reconciler.model.secret import Secret
from reconciler.ports_people import Interaction

__all__ = ["begin_consent", "consent", "finish_consent"]

CONSENT_LASTS = timedelta(hours=1)
"""How long a person may take between the link and the callback."""

_STATE_BYTES = 24
_VERIFIER_BYTES = 48


def begin_consent(
    run: Run,
    account: DesiredAccount,
    provider: ReadyProvider,
    *,
    redirect_uri: str,
    despite_incident: bool = False,
    incremental: bool = False,
) -> PendingConsent | Result:
    """The first half: check all that can be known, and make the link (`PendingConsent.url`). Writes nothing; sends
    nothing, but where the request is pushed (RFC 9126): then the link is good for as long as the server says.

    `redirect_uri` is where the browser comes back to, exactly as it is sent; it must be registered at the provider. A
    Result instead: nobody is to be asked here (another grant type, suspended, an incident of the provider unless
    `despite_incident`). ProviderFailed: nothing to consent at; ObjectFailed: foreign keys; PathDenied: the grant could
    not be stored; StoreError. `incremental`: where the base's server adds to what it granted before, only what is new is
    asked for; the caller asks for all where that turns out to be too little (`Reason.SCOPES_NOT_GRANTED`).
    """
    refusal = not_for_a_person(account) or only_on_a_device(account)
    if refusal is not None:
        return refusal
    _check_page(provider)
    refusal = check_before_asking(run, account, provider, despite_incident=despite_incident)
    if refusal is not None:
        return refusal
    only = _only_new(run, account, provider) if incremental else None
    request = plan_authorization(provider, account, redirect=redirect_uri, nonces=_nonces(run), only=only)
    if provider.pushes_authorization:
        request = push_request(run, provider, request)
    now = run.clock.now()
    return PendingConsent(
        account=account.address,
        request=request,
        consent_digest=account.consent_digest,
        provider_digest=provider_fingerprint(provider),
        begun_at=now,
        expires_at=now + CONSENT_LASTS,
    )


def finish_consent(
    run: Run, account: DesiredAccount, provider: ReadyProvider, *, pending: PendingConsent, callback_url: str
) -> Result:
    """The second half: judge the URL that the browser came back to (whole, query included), exchange its code, store the
    grant.

    Call it at most once a pending consent and a final callback: the caller uses `pending` up before (a replayed callback
    finds none), and may leave it in place where `judge_pending` says that the callback is not final. `account` and
    `provider` are read afresh; where they moved since, nothing is sent and the Result says to begin again. Errors as
    `begin_consent`.
    """
    moved = what_moved(pending, account, provider, now=run.clock.now())
    if moved:
        return begun_for_something_else(account, moved)
    return _settle(
        run, account, provider, pending=pending, verdict=judge_pending(callback_url, pending=pending)
    )


def consent(
    run: Run,
    account: DesiredAccount,
    provider: ReadyProvider,
    *,
    ask: Interaction,
    paste: bool = False,
    despite_incident: bool = False,
) -> Result:
    """Ask a person for one account's grant, and store it: both halves, with somebody who waits in between. Where no refresh
    token came, the person is led through what helps at the provider, and asked again.

    `paste`: nobody listens on this machine; the person pastes the URL that the browser ended at. Errors as `begin_consent`.
    """
    manner = _Manner(paste, despite_incident)
    result = _once(run, account, provider, ask=ask, manner=manner)
    for _ in range(MOST_REPEATS):
        guidance = guidance_after(result, provider.desired.behaviour)
        if guidance is None or run.stop.is_set() or not ask.guide(guidance):
            break
        whole = replace(manner, incremental=False)
        result = _once(run, account, provider, ask=ask, manner=whole)
    return result


@dataclass(frozen=True, slots=True)
class _Manner:
    paste: bool
    despite_incident: bool
    incremental: bool = True


def _only_new(run: Run, account: DesiredAccount, provider: ReadyProvider) -> tuple[str, ...] | None:
    """The scopes to ask for beside what a living grant of this account holds; None: all of them."""
    if not provider.desired.behaviour.scopes.incremental:
        return None
    stands = standing_grant(run, account, provider)
    if stands is None or stands.verdict is not None or stands.is_unproved:
        return None
    return only_new_scopes(account.scopes, granted=stands.scopes, behaviour=provider.desired.behaviour)


def _once(
    run: Run,
    account: DesiredAccount,
    provider: ReadyProvider,
    *,
    ask: Interaction,
    manner: _Manner,
) -> Result:
    refusal = not_for_a_person(account) or only_on_a_device(account)
    if refusal is not None:
        return refusal
    redirect = _redirect(provider, paste=manner.paste)
    pending = begin_consent(
        run,
        account,
        provider,
        redirect_uri=ask.prepare(redirect),
        despite_incident=manner.despite_incident,
        incremental=manner.incremental,
    )
    if isinstance(pending, Result):
        return pending
    ask.open_link(pending.url)
    verdict = ask.wait_callback(lambda redirected: judge_pending(redirected, pending=pending))
    if verdict is None:
        return nobody_answered(account)
    return _settle(run, account, provider, pending=pending, verdict=verdict)


def _settle(
    run: Run,
    account: DesiredAccount,
    provider: ReadyProvider,
    *,
    pending: PendingConsent,
    verdict: Callback | CallbackRefused,
) -> Result:
    if isinstance(verdict, Callback) and verdict.signed is not None:
        known = (provider.client, provider.last_good)
        if not is_signed_by(verdict.signed, (client.secret for client in known if client is not None)):
            verdict = wrongly_signed()
    if isinstance(verdict, CallbackRefused):
        removal = access_removal(provider.desired.behaviour)
        return callback_refused(account, verdict, provider=provider, removal=removal)
    run.events.info("consent.received", address=str(account.address))
    with run.in_flight.working(account.address):
        request = pending.request
        tokens = exchange_code(run, provider, request=request, code=verdict.code)
        if isinstance(tokens, TokenSet):
            tokens = with_callback(tokens, verdict, behaviour=provider.desired.behaviour)
        return store_answer(
            run,
            account,
            provider,
            tokens=tokens,
            nonce=request.nonce,
            redirect_uri=request.redirect_uri,
            only=request.only,
        )


def _check_page(provider: ReadyProvider) -> None:
    if provider.endpoints.authorization is None:
        raise ProviderFailed(
            f"{provider.desired.address}: there is no authorization endpoint to send a person to",
            hint="give endpoints.authorization, or an issuer whose metadata has one",
        )


def _redirect(provider: ReadyProvider, *, paste: bool) -> RedirectUri:
    _check_page(provider)
    redirect = redirect_uri(provider.desired, paste=paste)
    if redirect is None:
        raise ProviderFailed(
            f"{provider.desired.address}: there is no redirect URI to consent with",
            hint=f"give spec.redirectUri in {provider.desired.location}, as registered at the provider",
        )
    return redirect


def _nonces(run: Run) -> Nonces:
    return Nonces(
        state=Secret(run.entropy.token(_STATE_BYTES)),
        verifier=Secret(run.entropy.token(_VERIFIER_BYTES)),
        nonce=Secret(run.entropy.token(_STATE_BYTES)),
    )
