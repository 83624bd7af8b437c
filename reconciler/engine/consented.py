"""Stores what a person just consented to: the grant, its access token, and what the metadata says of both.

Rules (DESIGN §§5, 6):
- the consent replaces whatever stands there, an open intent included: a refresh that is under way meets a newer
  refresh token at its commit and drops its own;
- before the grant is written, the metadata says that one is on its way (`unsettled`), so that a crash in between is
  seen by the next run and settled from the grant;
- a person's consent is not asked for twice because a store was down: the tokens are held in memory and tried again
  until the commit deadline;
- what another owner, or nobody, wrote is never overwritten.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconciler.decide.projection import blank_status, in_state, with_grant
from reconciler.decide.results import Outcome, Result
from reconciler.engine.drive import pause
from reconciler.engine.published import publish_tokens, write_status
from reconciler.engine.run import Run
from reconciler.engine.store_clock import StoreClock, read_store_clock
from reconciler.errors import (
    CasConflict,
    HeldByAnother,
    ObjectFailed,
    ReconcilerError,
    RecordInvalid,
    RecordTooLarge,
    WriteUnclear,
    clean,
)
from reconciler.model.desired import DesiredAccount
from reconciler.model.duration import format_rough
from reconciler.model.grant import GrantRecord, Removal, TokenSet
from reconciler.model.limits import GRANT_VERSIONS_KEPT
from reconciler.model.names import Address
from reconciler.model.ready import ReadyProvider
from reconciler.model.state import AccountState, Reason
from reconciler.model.status import MANAGED_BY, AccountStatus, ownership_mark
from reconciler.model.stored import KeyMetadata, Stored

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 15.0
_MAX_CONFLICTS = 20
"""So many in a row are tried again at once; then as slowly as where the store is down."""


@dataclass(frozen=True, slots=True)
class _Place:
    """What stands at the account's two keys before the consent is stored."""

    tokens: KeyMetadata | None
    grants: KeyMetadata | None
    status: AccountStatus


def commit_consented_grant(
    run: Run, account: DesiredAccount, provider: ReadyProvider, *, record: GrantRecord, tokens: TokenSet
) -> Result:
    """Store `record` (grant, refresh token, origin, client id, scopes, subject, digests, dates) and publish `tokens`.

    ObjectFailed where the keys are foreign; StoreError, PathDenied where the store does not take the grant until the
    commit deadline: then nothing was stored.
    """
    clock = read_store_clock(run.store, run.clock)
    place = check_ownership(run, account, now=clock.now())
    _announce(run, account, place, life=tokens.expires_at - clock.now())
    run.failpoint("consent.announced")
    record = _completed(run, account, provider, record=record, tokens=tokens)
    version = _commit(run, account.address, record)
    run.failpoint("consent.committed")
    return _publish(
        run,
        account,
        provider=provider,
        place=place,
        record=record,
        tokens=tokens,
        version=version,
        clock=clock,
    )


def store_imported_grant(
    run: Run, account: DesiredAccount, provider: ReadyProvider, *, record: GrantRecord
) -> int:
    """Store a grant that somebody brought, not proved yet, on top of the version that its `imported.replaced` names, and
    publish nothing. The metadata says that it is unsettled: the next run goes on with it. Its version is returned.

    HeldByAnother where something else stands there meanwhile; otherwise as `commit_consented_grant`.
    """
    now = read_store_clock(run.store, run.clock).now()
    place = check_ownership(run, account, now=now)
    _announce(run, account, place)
    run.failpoint("import.announced")
    record = _completed(run, account, provider, record=record, tokens=None)
    replaces = 0 if record.imported is None else record.imported.replaced
    version = _commit(run, account.address, record, onto=replaces)
    run.failpoint("import.stored")
    return version


def check_ownership(run: Run, account: DesiredAccount, *, now: datetime) -> _Place:
    """ObjectFailed where another owner, or nobody, wrote what stands at the account's keys. Call it before a person
    is asked."""
    mark = ownership_mark(run.owner)
    tokens = run.store.read_metadata(run.layout.token(account.address))
    grants = run.store.read_metadata(run.layout.grant(account.address))
    for key in (tokens, grants):
        if key is not None and key.custom.get(MANAGED_BY) != mark:
            owner = clean(key.custom.get(MANAGED_BY, "nobody we know"), cap=80)
            raise ObjectFailed(
                f"{account.address}: what stands at its place in the store belongs to {owner}",
                hint="choose another name, or remove what stands there",
            )
    status = AccountStatus.from_metadata(tokens.custom) if tokens is not None else None
    return _Place(tokens, grants, status or blank_status(account, owner_mark=mark, now=now))


def _announce(run: Run, account: DesiredAccount, place: _Place, *, life: timedelta | None = None) -> None:
    """Both keys bear our mark, and the metadata says that a consent is being stored. `life`: of the token
    that will be published, so that the store keeps it for that long."""
    path = run.layout.grant(account.address)
    if place.grants is None:
        mark = {MANAGED_BY: ownership_mark(run.owner)}
        run.store.write_metadata(path, mark, max_versions=GRANT_VERSIONS_KEPT)
    known = place.status.lifetime if life is None else life
    unsettled = replace(place.status, unsettled=True, lifetime=known)
    write_status(
        run,
        account.address,
        status=unsettled,
        old=place.status,
        always=True,
        expires=account.delete_after_expiry,
    )


def _completed(
    run: Run,
    account: DesiredAccount,
    provider: ReadyProvider,
    *,
    record: GrantRecord,
    tokens: TokenSet | None,
) -> GrantRecord:
    needs_intent = provider.desired.behaviour.refresh_token.rotation.needs_intent
    return replace(
        record,
        token_set=tokens if needs_intent else None,
        op=run.done(),
        intent=None,
        doubt=None,
        verdict=None,
        forgotten=False,
        owner=ownership_mark(run.owner),
        removal=removal_of(account, provider),
        refresh_expires_at=record.refresh_expires_at or (tokens.refresh_expires_at if tokens else None),
    )


def removal_of(account: DesiredAccount, provider: ReadyProvider) -> Removal:
    """What removing the account later needs, when its manifest is gone."""
    revocation = provider.endpoints.revocation
    return Removal(
        deletion_policy=account.deletion_policy,
        protect=account.protect,
        client_id=provider.client.client_id,
        provider=str(provider.desired.address),
        revocation_endpoint="" if revocation is None else str(revocation),
    )


def _commit(run: Run, account: Address, record: GrantRecord, *, onto: int | None = None) -> int:
    """On top of whatever stands there, or of version `onto` alone."""
    path = run.layout.grant(account)
    started, seconds, conflicts = run.clock.monotonic(), _FIRST_PAUSE, 0
    while True:
        error: ReconcilerError | None = None
        try:
            stands = run.store.read(path)
            if _is_ours(stands, record):
                return stands.version
            if onto is not None and stands.version != onto:
                raise HeldByAnother(f"{account}: somebody else stored a grant there just now")
            return run.store.write(path, record.to_document(), cas=stands.version)
        except CasConflict:
            conflicts += 1
            if conflicts < _MAX_CONFLICTS:
                continue
            error = HeldByAnother(f"{account}: others keep writing there")
        except (HeldByAnother, RecordTooLarge):
            raise
        except WriteUnclear:
            pass
        except ReconcilerError as failure:
            error = failure
        except Exception as surprise:  # noqa: BLE001  a person's consent must not be lost to a surprise of ours
            error = ReconcilerError(f"an error in the tool itself ({type(surprise).__name__})")
        if run.clock.monotonic() - started >= run.limits.commit_deadline.total_seconds():
            raise error or ObjectFailed(f"{account}: the store gave no clear answer to a write")
        pause(run, seconds, through_stop=True)
        seconds = min(seconds * 2, _LONGEST_PAUSE)


def _is_ours(stands: Stored, record: GrantRecord) -> bool:
    """An unclear write of ours that landed. What cannot be read is not: a fresh consent replaces it."""
    try:
        return stands.document is not None and GrantRecord.from_document(stands.document).op == record.op
    except RecordInvalid:
        return False


def _publish(
    run: Run,
    account: DesiredAccount,
    *,
    provider: ReadyProvider,
    place: _Place,
    record: GrantRecord,
    tokens: TokenSet,
    version: int,
    clock: StoreClock,
) -> Result:
    cas = 0 if place.tokens is None else place.tokens.current_version
    published = publish_tokens(
        run,
        account.address,
        tokens=tokens,
        scope=record.scopes,
        cas=cas,
        grant_version=version,
        values=record.kept,
    )
    run.failpoint("consent.published")
    now = clock.now()
    blank = blank_status(account, owner_mark=ownership_mark(run.owner), now=now)
    status = with_grant(
        blank,
        record,
        version=version,
        behaviour=provider.desired.behaviour,
        key=run.fingerprint_key,
    )
    status = replace(
        in_state(status, AccountState.READY, Reason.FRESH, now=now), lifetime=tokens.expires_at - now
    )
    write_status(run, account.address, status=status, old=None, expires=account.delete_after_expiry)
    run.failpoint("consent.status-written")
    good = f"consented, good until {tokens.expires_at:%H:%M} ({format_rough(tokens.expires_at - now)})"
    where = f", written to {run.layout.token(account.address)} (version {published})" if published else ""
    return Result(
        account.address,
        "consent",
        Outcome.DONE,
        message=good + where,
        location=account.location,
        warnings=tokens.warnings,
    )
