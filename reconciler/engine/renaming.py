"""Moves an account's grant to its new name, and tells a grant that its provider has another name now (DESIGN §8).

Rules:
- the grant is written under its new name before its old one is set aside, both by check-and-set: at every moment one of
  the two can be refreshed, and a kill in between is finished by the next run;
- the old one is set aside in exactly the version that was copied: a refresh in between is copied again;
- a refresh that is under way is not cut off; another owner's grant is left alone;
- what stands under the new name already, and is no copy, is never overwritten;
- the key of the old name stays, empty and marked, since only a role that may prune can delete it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.decide.account_view import AccountView
from reconciler.decide.digests import account_digests
from reconciler.decide.refresh_effects import GrantRead
from reconciler.engine.drive import read_grant
from reconciler.engine.publish import write_status
from reconciler.engine.removal import refuse_foreign, refuse_under_way, take_away
from reconciler.engine.run import Run
from reconciler.errors import CasConflict, HeldByAnother, ObjectFailed, WriteUnclear
from reconciler.model.desired import DesiredAccount
from reconciler.model.grant import GrantRecord
from reconciler.model.names import Address
from reconciler.model.state import AccountState, Reason
from reconciler.model.status import AccountStatus
from reconciler.model.stored import KeyMetadata

_TRIES = 5


@dataclass(frozen=True, slots=True)
class Moved:
    """`version`: of the grant under the new name, 0 where there is none."""

    version: int
    warnings: tuple[str, ...] = ()


def move_account(
    run: Run, former: Address, address: Address, *, tokens: KeyMetadata, status: AccountStatus, now: datetime
) -> Moved:
    """Everything of `former` is `address`'s from now on; what stands in `tokens`, under its name, is withdrawn.
    HeldByAnother, ObjectFailed, StoreError: nothing was lost."""
    version = _move_grant(run, former, address)
    run.failpoint("rename.grant-moved")
    warnings = take_away(run, former, tokens=tokens)
    run.failpoint("rename.token-withdrawn")
    left = AccountStatus(
        managed_by=status.managed_by,
        provider=status.provider,
        state=AccountState.ORPHANED,
        reason=Reason.NOT_DECLARED,
        since=now,
        manifest_digest="",
        moved_to=str(address),
    )
    write_status(run, former, status=left, old=status, always=True)
    run.failpoint("rename.marked")
    return Moved(version, warnings)


def _move_grant(run: Run, former: Address, address: Address) -> int:
    for _ in range(_TRIES):
        # In this order: while the old one is not set aside nobody refreshes the new one, so a copy that was read before
        # is no more than a copy, and whoever moves and refreshes it meanwhile makes our write conflict.
        new = read_grant(run, run.layout.grant(address))
        old = read_grant(run, run.layout.grant(former))
        for name, read in ((former, old), (address, new)):
            if read.record is not None:
                refuse_foreign(run, name, read.record)
        if old.record is None or old.record.forgotten:
            # A run that was cut off has set it aside already; or there never was one.
            return new.version if new.record is not None and not new.record.forgotten else 0
        refuse_under_way(run, former, read=old, now=run.store.server_time())
        if not _is_copy(new, old):
            raise ObjectFailed(
                f"{address}: there is a grant of its own under this name, beside that of {former}",
                hint="take metadata.previousNames out, and remove the one that is not wanted",
            )
        try:
            version = _write(run, address, old.record, cas=new.version)
            run.failpoint("rename.grant-copied")
            _write(run, former, replace(old.record, forgotten=True, intent=None), cas=old.version)
        except (CasConflict, WriteUnclear):
            # The next turn reads both again: what stands there is the truth.
            continue
        return version
    raise HeldByAnother(f"{former}: others keep writing there")


def _is_copy(new: GrantRead, old: GrantRead) -> bool:
    """Nothing stands there, a tombstone, or an earlier copy of the same consent that a cut-off run left."""
    if new.record is None or new.record.forgotten or old.record is None:
        return True
    return (new.record.consented_at, new.record.client_id) == (old.record.consented_at, old.record.client_id)


def _write(run: Run, address: Address, record: GrantRecord, *, cas: int) -> int:
    op = run.done()
    return run.store.write(run.layout.grant(address), replace(record, op=op).to_document(), cas=cas)


def follow_provider(
    run: Run, account: DesiredAccount, *, view: AccountView, status: AccountStatus
) -> AccountStatus:
    """`status` under the provider's name of today, where the consent on record is one under a former name; the grant
    says so first, since everything else is made from it."""
    former = view.provider.previous if view.provider else ()
    before = {account_digests(replace(account, provider=name))[1]: str(name) for name in former}
    if status.consent_digest not in before:
        return status
    path = run.layout.grant(account.address)
    for _ in range(_TRIES):
        read = read_grant(run, path)
        record = read.record
        if record is None or record.consent_digest not in before:
            break
        refuse_foreign(run, account.address, record)
        refuse_under_way(run, account.address, read=read, now=run.store.server_time())
        told = replace(
            record,
            consent_digest=account.consent_digest,
            removal=replace(record.removal, provider=str(account.provider)),
        )
        try:
            version = _write(run, account.address, told, cas=read.version)
        except (CasConflict, WriteUnclear):
            continue
        return replace(
            status,
            consent_digest=account.consent_digest,
            provider=str(account.provider),
            grant_version=version,
        )
    else:
        raise HeldByAnother(f"{path}: others keep writing there")
    return replace(status, consent_digest=account.consent_digest, provider=str(account.provider))
