"""What a token answer of a consent becomes: whose it is, what was granted, and the stored grant (DESIGN §§5, 7).

Every way to consent ends here: browser, paste, device, web.

Rules:
- an answer without a refresh token, or a grant of another person, is refused with that provider's remedy;
- who consented is compared with the pinned identity, or else with the owner and with who consented before; an ID token
  that does not hold is refused whoever is expected;
- scopes are recorded as they were granted, and missing ones are named;
- the client secret that just worked is noted as the last good one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from reconciler.decide.consent_refusals import exchange_failed
from reconciler.decide.consent_words import (
    identity_refused,
    identity_unknown,
    refresh_token_missing,
    scopes_not_added,
)
from reconciler.decide.grant_end import absolute_end
from reconciler.decide.identity import Identity, IdentityProblem, mismatch
from reconciler.decide.results import Result
from reconciler.decide.token_response import TokenError, granted_scopes
from reconciler.decide.trust import may_send_refresh_token
from reconciler.engine.consent_identity import establish_identity
from reconciler.engine.publish import commit_consented_grant
from reconciler.engine.run import Run
from reconciler.errors import ReconcilerError, RecordInvalid, clean
from reconciler.model.desired import DesiredAccount
from reconciler.model.grant import GrantRecord, TokenSet
from reconciler.model.ready import ReadyProvider
from reconciler.model.secret import Secret
from reconciler.model.status import ProviderStatus


def store_answer(
    run: Run,
    account: DesiredAccount,
    provider: ReadyProvider,
    *,
    tokens: TokenSet | TokenError,
    nonce: Secret | None,
    redirect_uri: str = "",
    only: tuple[str, ...] | None = None,
) -> Result:
    """Judge and store what the token endpoint answered. `nonce`: what the ID token must repeat; None where none was sent.
    `redirect_uri`: as it was sent, for providers that want it again on refresh. `only`: what was asked for, where the
    server was to add it to what it granted before; an answer that lacks the rest is not stored.

    ObjectFailed, StoreError as `commit_consented_grant`; in every other case the Result says what became of it.
    """
    if isinstance(tokens, TokenError):
        return exchange_failed(account, tokens, provider=provider)
    if tokens.refresh_token is None:
        return refresh_token_missing(account, provider.desired.behaviour)
    granted = granted_scopes(account.scopes, tokens.scope, provider.desired.behaviour.scopes)
    if only is not None and not set(account.scopes) - set(only) <= set(granted):
        return scopes_not_added(account)
    repeated = redirect_uri if provider.desired.behaviour.refresh_token.sends_redirect_uri else ""
    return _identify(
        run, account, provider, nonce=nonce, tokens=tokens, redirect_uri=repeated, now=run.clock.now()
    )


def _identify(
    run: Run,
    account: DesiredAccount,
    provider: ReadyProvider,
    *,
    nonce: Secret | None,
    tokens: TokenSet,
    redirect_uri: str,
    now: datetime,
) -> Result:
    stored = stored_subject(run, account, provider)
    established = establish_identity(run, provider, nonce=nonce, tokens=tokens, now=now)
    warnings, identity = established.notes, established.identity
    who: Identity | None = None
    match identity:
        case Identity():
            wrong = mismatch(identity, pinned=account.identity, stored=stored, owner=account.owner)
            if wrong is not None:
                return identity_refused(account, identity, wrong)
            who = identity
        case IdentityProblem():
            if identity.forged or account.identity is not None or stored is not None:
                return identity_unknown(account, identity)
            warnings += (f"who consented is not known: {identity.message}",)
        case None:
            pass
    record = _record(account, provider, tokens=tokens, who=who, now=now)
    result = commit_consented_grant(
        run, account, provider, record=replace(record, redirect_uri=redirect_uri), tokens=tokens
    )
    _note_success(run, provider)
    granted = granted_scopes(account.scopes, tokens.scope, provider.desired.behaviour.scopes)
    missing, besides = (
        sorted(set(a) - set(b)) for a, b in ((account.scopes, granted), (granted, account.scopes))
    )
    if missing:
        warnings += (f"not granted: {clean(' '.join(missing), cap=300)}",)
    if besides:
        warnings += (f"granted besides, though not asked for: {clean(' '.join(besides), cap=300)}",)
    return replace(result, warnings=tuple(dict.fromkeys((*result.warnings, *warnings))))


def _record(
    account: DesiredAccount, provider: ReadyProvider, *, tokens: TokenSet, who: Identity | None, now: datetime
) -> GrantRecord:
    behaviour = provider.desired.behaviour
    record = GrantRecord(
        grant=account.grant,
        refresh_token=tokens.refresh_token,
        origin=str(provider.endpoints.refresh.url.origin),
        client_id=provider.client.client_id,
        scopes=granted_scopes(account.scopes, tokens.scope, behaviour.scopes),
        requested_scopes=tuple(sorted(account.scopes)),
        subject=None if who is None else who.subject,
        email="" if who is None else who.email or "",
        tenant="" if who is None else who.tenant or "",
        consent_digest=account.consent_digest,
        consented_at=now,
        kept=tokens.kept,
    )
    ends_at = tokens.refresh_expires_at or absolute_end(record, behaviour.refresh_token)
    return replace(record, refresh_expires_at=ends_at)


def _note_success(run: Run, provider: ReadyProvider) -> None:
    """This version of the client secret just worked: the last good one, should a later one be refused. And one success
    closes any incident (`decide/incidents`)."""
    path = run.layout.provider(provider.desired.address)
    try:
        stands = run.store.read_metadata(path)
        status = None if stands is None else ProviderStatus.from_metadata(stands.custom)
        if status is None:
            return
        version = provider.secret_version or status.good_secret_version
        good = replace(status, good_secret_version=version, circuit=None)
        if good != status:
            run.store.write_metadata(path, good.to_metadata())
    except ReconcilerError as error:
        # The grant is stored; the next refresh that succeeds notes the same.
        run.events.warning("consent.secret-not-noted", error=type(error).__name__)


def stored_subject(run: Run, account: DesiredAccount, provider: ReadyProvider) -> str | None:
    """Who consented before, by `standing_grant`; None where that is not known."""
    stands = standing_grant(run, account, provider)
    return None if stands is None else stands.subject


def standing_grant(run: Run, account: DesiredAccount, provider: ReadyProvider) -> GrantRecord | None:
    """The grant that a consent would replace; None where there is none, where it was forgotten or given to another client or
    at another server (a subject may differ by client), or what stands there is no record (a fresh consent replaces it)."""
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
    return record if same_client and same_server and not record.forgotten else None
