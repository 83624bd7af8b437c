"""Ends the proof of a grant that was imported: a refresh worked (or was refused), and now it is known whose it is.

Rules (DESIGN §§6, 7):
- part of the ordinary refresh, so that an import that was cut off is ended by the next run under the same rules;
- until it is proved nothing of it is published: another person's token reaches no workload;
- one that is refused, by the provider or as another person's, gives its place back to the grant that it replaced; where it
  replaced none it is set aside as a tombstone. Both keep its refresh token, the newest one, in the versions;
- who is behind it is asked as after a consent, save that no request of ours led to it: there is no nonce to compare.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.decide.grant_end import absolute_end
from reconciler.decide.identity import Identity, IdentityProblem, is_expected
from reconciler.decide.import_words import import_of_another, import_of_unknown, import_refused
from reconciler.decide.intents import doubt_left
from reconciler.decide.projection import blank_status, in_state, verdict_state, with_grant
from reconciler.decide.refresh_effects import Conclusion, Ending
from reconciler.decide.results import Result
from reconciler.decide.token_response import granted_scopes
from reconciler.engine.consent_identity import establish_identity
from reconciler.engine.published import write_status
from reconciler.engine.refresh_work import RefreshWork
from reconciler.engine.run import Run
from reconciler.errors import CasConflict, HeldByAnother, ProviderUnreachable, RecordInvalid, WriteUnclear
from reconciler.model.behaviour import IdentitySource
from reconciler.model.grant import GrantRecord, Imported, TokenSet
from reconciler.model.ready import ReadyProvider
from reconciler.model.state import AccountState, ErrorClass, Reason
from reconciler.model.status import ownership_mark

_GIVEN = (Ending.REFRESHED, Ending.FRESH, Ending.WAITED)


@dataclass(frozen=True, slots=True)
class Proof:
    """`refused`: what is reported instead, and nothing is published. `warnings`: to be told beside the result."""

    ended: Conclusion
    refused: Result | None = None
    warnings: tuple[str, ...] = ()


def prove_import(run: Run, work: RefreshWork, ended: Conclusion, *, now: datetime) -> Proof:
    """What `ended` proves of the grant that it refreshed. A grant that is proved, or was consented to, is left as it is.

    HeldByAnother, StoreError, ProviderUnreachable where it stays unproved: the next run goes on.
    """
    record = ended.record
    if record is None or record.imported is None or record.imported.proved:
        return Proof(ended)
    tokens = ended.tokens
    if ended.ending in _GIVEN and tokens is not None and tokens.access_token is not None:
        return _judge(run, work, ended, record=record, imported=record.imported, tokens=tokens, now=now)
    if ended.ending is Ending.REFUSED and record.imported.replaced and _is_dead(record):
        kept = _give_place_back(run, work, ended, record=record, now=now)
        code = record.verdict.code if record.verdict else ""
        return Proof(ended, import_refused(work.account, why=code or Reason.GRANT_REVOKED.value, kept=kept))
    return Proof(ended)


def _is_dead(record: GrantRecord) -> bool:
    verdict = record.verdict
    return verdict is not None and verdict.judge is ErrorClass.NEEDS_CONSENT and verdict.confirmed


def _judge(
    run: Run,
    work: RefreshWork,
    ended: Conclusion,
    *,
    record: GrantRecord,
    imported: Imported,
    tokens: TokenSet,
    now: datetime,
) -> Proof:
    account = work.account
    asked = establish_identity(run, _tells(work.provider, tokens), nonce=None, tokens=tokens, now=now)
    found, warnings = asked.identity, asked.notes
    who: Identity | None = None
    expected = imported.subject or None
    match found:
        case Identity():
            stored = expected if account.identity is None else None
            if not is_expected(found, pinned=account.identity, stored=stored, owner=account.owner):
                kept = _give_place_back(run, work, ended, record=record, now=now)
                refused = import_of_another(account, found, kept=kept, expected=imported.subject)
                return Proof(ended, refused)
            who = found
        case IdentityProblem():
            if found.transient:
                # What was brought stays where it is: the next run asks again.
                raise ProviderUnreachable(
                    f"{account.address}: whose token it is was not told: {found.message}"
                )
            if found.forged or account.identity is not None or expected is not None:
                kept = _give_place_back(run, work, ended, record=record, now=now)
                return Proof(ended, import_of_unknown(account, found, kept=kept))
            warnings += (f"whose token it is is not known: {found.message}",)
        case None:
            if expected is not None:
                warnings += ("whose token it is cannot be checked: its provider does not tell",)
    proved = _proved(work, record, imported=imported, tokens=tokens, who=who)
    version, written = _write(run, work, proved, cas=ended.version)
    run.failpoint("import.proved")
    return Proof(replace(ended, record=written, version=version), warnings=warnings)


def _tells(provider: ReadyProvider, tokens: TokenSet) -> ReadyProvider:
    """A refresh need not bring an ID token (OpenID Connect Core §12.2): userinfo says the same, where there is one."""
    rules = provider.desired.behaviour.identity
    asks = rules.source is IdentitySource.ID_TOKEN and tokens.id_token is None
    if not asks or provider.endpoints.userinfo is None:
        return provider
    instead = rules.model_copy(update={"source": IdentitySource.USERINFO})
    behaviour = provider.desired.behaviour.model_copy(update={"identity": instead})
    return replace(provider, desired=replace(provider.desired, behaviour=behaviour))


def _proved(
    work: RefreshWork, record: GrantRecord, *, imported: Imported, tokens: TokenSet, who: Identity | None
) -> GrantRecord:
    behaviour = work.provider.desired.behaviour
    scopes = record.scopes
    if tokens.scope is not None:
        scopes = granted_scopes(record.requested_scopes, tokens.scope, behaviour.scopes)
    ends = record.refresh_expires_at or absolute_end(record, behaviour.refresh_token)
    return replace(
        record,
        subject=None if who is None else who.subject,
        email="" if who is None else who.email or "",
        tenant="" if who is None else who.tenant or "",
        scopes=scopes,
        refresh_expires_at=ends,
        imported=replace(imported, proved=True, replaced=0),
    )


def _give_place_back(
    run: Run, work: RefreshWork, ended: Conclusion, *, record: GrantRecord, now: datetime
) -> str:
    """The grant that was there before is the newest again; without one, a tombstone. What became of both, in words."""
    before = _before(run, work, record)
    if before is None:
        aside = replace(record, forgotten=True, intent=None)
        version, _ = _write(run, work, aside, cas=ended.version)
        blank = blank_status(work.account, owner_mark=ownership_mark(run.owner), now=now)
        status = replace(blank, grant_version=version)
        write_status(run, work.account.address, status=status, old=None)
        return "it is set aside, and nothing was published"
    again = replace(before, intent=None, doubt=doubt_left(before, now=now))
    version, written = _write(run, work, again, cas=ended.version)
    behaviour = work.provider.desired.behaviour
    blank = blank_status(work.account, owner_mark=ownership_mark(run.owner), now=now)
    old = work.observed.status
    status = with_grant(blank, written, version=version, behaviour=behaviour, key=run.fingerprint_key)
    status = replace(
        status,
        provider=before.removal.provider or status.provider,
        lifetime=old.lifetime if old else None,
    )
    state, reason = (AccountState.READY, Reason.FRESH)
    if before.verdict is not None:
        state, reason = verdict_state(before.verdict)
    write_status(run, work.account.address, status=in_state(status, state, reason, now=now), old=None)
    return "the grant that stood there before is back, and nothing was published"


def _before(run: Run, work: RefreshWork, record: GrantRecord) -> GrantRecord | None:
    version = 0 if record.imported is None else record.imported.replaced
    if not version:
        return None
    stored = run.store.read(run.layout.grant(work.account.address), version=version)
    try:
        before = None if stored.document is None else GrantRecord.from_document(stored.document)
    except RecordInvalid:
        return None
    if before is None or before.refresh_token is None or before.forgotten:
        return None
    # After a rename the number counts another key's versions: this very import is not what was before it.
    return None if before.imported == record.imported else before


def _write(run: Run, work: RefreshWork, record: GrantRecord, *, cas: int) -> tuple[int, GrantRecord]:
    """One version on top of the one that was judged; whoever wrote there meanwhile knows better."""
    path = run.layout.grant(work.account.address)
    written = replace(record, op=run.done())
    try:
        return run.store.write(path, written.to_document(), cas=cas), written
    except CasConflict:
        pass
    except WriteUnclear:
        stands = run.store.read(path)
        if stands.document is not None and GrantRecord.from_document(stands.document).op == written.op:
            return stands.version, written
    raise HeldByAnother(f"{work.account.address}: another run works on the grant that was brought")
