"""Takes over a refresh token that somebody brings: stored first, proved by one refresh, then published (DESIGN §6).

Rules:
- it is stored before it is presented, and presented by the ordinary refresh protocol with its intent: what a provider makes
  of a single-use token is committed like any other refresh, whatever is cut off;
- trust, client, ownership and the right to write are checked before anything is stored, as before a consent;
- a grant that stands there is not replaced unless that was asked for, and stays as an older version;
- it belongs to whom the manifest names, or else to whoever consented before.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from reconciler.decide.changes import GuardName
from reconciler.decide.consent_words import not_for_a_person
from reconciler.decide.digests import account_digests
from reconciler.decide.grant_end import absolute_end
from reconciler.decide.import_document import ImportedToken
from reconciler.decide.import_words import IMPORT, import_said_of_another, imported_result
from reconciler.decide.results import Result
from reconciler.engine.consent_checks import check_before_asking
from reconciler.engine.consent_grant import stored_subject
from reconciler.engine.drive import read_grant
from reconciler.engine.observe import observe_account, observe_provider
from reconciler.engine.publish import store_imported_grant
from reconciler.engine.refresh import RefreshWork, refresh_accounts
from reconciler.engine.removal import refuse_under_way
from reconciler.engine.run import Run
from reconciler.engine.store_clock import read_store_clock
from reconciler.errors import GuardRefused, RecordInvalid
from reconciler.model.desired import DesiredAccount
from reconciler.model.grant import GrantRecord, Imported
from reconciler.model.ready import ReadyProvider

REPLACE_FLAG = "--replace"


def import_grant(
    run: Run,
    account: DesiredAccount,
    provider: ReadyProvider,
    *,
    token: ImportedToken,
    by: str,
    replaces: bool = False,
) -> Result:
    """Store, prove, publish. `by`: who brings it, for people. `replaces`: a grant that stands there gives way.

    GuardRefused where one stands there and may not; ObjectFailed, HeldByAnother, StoreError as for a consent: then
    nothing was stored. Once it is stored, whatever happens becomes the Result.
    """
    refusal = not_for_a_person(account)
    if refusal is not None:
        return replace(refusal, action=IMPORT)
    now = read_store_clock(run.store, run.clock).now()
    _check_client(account, provider, token=token)
    check_before_asking(run, account, provider, despite_incident=True)
    stands = _standing(run, account, replaces=replaces)
    before = stored_subject(run, account, provider)
    if account.identity is None and token.subject and before and token.subject != before:
        return import_said_of_another(account)
    record, warnings = _record(account, provider, token=token, now=now)
    came = Imported(now, by, run.commit, replaced=stands, subject=token.subject or before or "")
    with run.in_flight.working(account.address):
        store_imported_grant(run, account, provider, record=replace(record, imported=came))
        return _prove(run, account, provider, warnings=warnings)


def _prove(
    run: Run, account: DesiredAccount, provider: ReadyProvider, *, warnings: tuple[str, ...]
) -> Result:
    needs_intent = provider.desired.behaviour.refresh_token.rotation.needs_intent
    seen = observe_account(run.store, run.layout, account.address, single_use=needs_intent)
    seen_provider = observe_provider(run.store, run.layout, provider.desired.address)
    (result,) = refresh_accounts(run, [RefreshWork(account, provider, seen, seen_provider)], force=True)
    stored = read_grant(run, run.layout.grant(account.address)).record
    granted = stored.scopes if stored is not None and not stored.is_unproved else account.scopes
    return imported_result(
        result, missing=tuple(sorted(set(account.scopes) - set(granted))), warnings=warnings
    )


def _check_client(account: DesiredAccount, provider: ReadyProvider, *, token: ImportedToken) -> None:
    if token.client_id and token.client_id != provider.client.client_id:
        # A refresh token works for the client that it was given to, and for no other (RFC 6749 §6).
        raise GuardRefused(
            f"{account.address}: the token was given to another client than {provider.desired.address} has",
            hint="import it under the provider of its own client, or let the owner consent",
            reason=GuardName.CLIENT_REPLACED.value,
        )


def _standing(run: Run, account: DesiredAccount, *, replaces: bool) -> int:
    """The version that stands there. GuardRefused where it is a grant that was not to be replaced, HeldByAnother while that
    is being refreshed."""
    path = run.layout.grant(account.address)
    try:
        read = read_grant(run, path)
    except RecordInvalid:
        if replaces:
            return run.store.read(path).version
        raise
    record = read.record
    if replaces:
        # Its result would be dropped, and what comes back if this import is refused would be a spent token.
        refuse_under_way(run, account.address, read=read, now=run.store.server_time())
    if record is None or record.refresh_token is None or record.forgotten or _was_refused(record) or replaces:
        return read.version
    raise GuardRefused(
        f"{account.address}: a grant stands there already",
        hint=f"if it is to be given up for the one on stdin: {REPLACE_FLAG} (it stays as an older version)",
        reason="GrantReplaced",
    )


def _was_refused(record: GrantRecord) -> bool:
    """An earlier import that the provider did not take."""
    verdict = record.verdict
    return record.is_unproved and verdict is not None and verdict.confirmed


def _record(
    account: DesiredAccount, provider: ReadyProvider, *, token: ImportedToken, now: datetime
) -> tuple[GrantRecord, tuple[str, ...]]:
    """The grant as far as its owner knows it. What the original consent asked for is taken to be what it is said to have
    given, or else what the manifest asks for."""
    behaviour = provider.desired.behaviour
    requested = account.scopes if token.scopes is None else token.scopes
    asked = account if token.scopes is None else replace(account, scopes=requested)
    same = set(requested) == set(account.scopes)
    record = GrantRecord(
        grant=account.grant,
        refresh_token=token.refresh_token,
        origin=str(provider.endpoints.refresh.url.origin),
        client_id=provider.client.client_id,
        scopes=tuple(sorted(requested)),
        requested_scopes=tuple(sorted(requested)),
        consent_digest=account.consent_digest if same else account_digests(asked)[1],
        consented_at=token.consented_at or now,
        kept=token.kept,
    )
    ends = absolute_end(record, behaviour.refresh_token)
    warnings: tuple[str, ...] = ()
    if ends is not None and token.consented_at is None and token.refresh_expires_at is None:
        warnings = (
            "it ends a fixed time after its consent, whose date is not known: counted from now (give consented_at)",
        )
    known = [moment for moment in (token.refresh_expires_at, ends) if moment is not None]
    return replace(record, refresh_expires_at=min(known) if known else None), warnings
