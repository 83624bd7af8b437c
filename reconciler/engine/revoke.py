"""`revoke`: gives one account's grant back on purpose, and leaves it declared (RFC 7009; DESIGN §8).

Rules:
- protected accounts are refused, by manifest or by record, and so is a revocation that would end one of them too;
- the provider first: where it does not take the grant back, everything is as before; where it has no way to, the rest is
  done and what is left to a person is told;
- then a tombstone, by check-and-set on the version that was taken back: a refresh that came in between means that its newer
  token is taken back too;
- then the published token is withdrawn, and the status says that it was revoked on purpose. Cut off anywhere, the same
  command goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from reconciler.decide.changes import GuardName
from reconciler.decide.projection import blank_status, in_state
from reconciler.decide.refresh_effects import GrantRead
from reconciler.decide.results import Outcome, Result
from reconciler.decide.revoke_words import REVOKE, left_by_hand
from reconciler.engine.drive import read_grant
from reconciler.engine.published import write_status
from reconciler.engine.removal import refuse_foreign, refuse_under_way, take_away
from reconciler.engine.revoking import take_back
from reconciler.engine.run import Run
from reconciler.errors import CasConflict, GuardRefused, HeldByAnother, WriteUnclear
from reconciler.model.desired import DesiredAccount
from reconciler.model.grant import GrantRecord
from reconciler.model.names import Address
from reconciler.model.ready import ReadyProvider
from reconciler.model.state import AccountState, Reason
from reconciler.model.status import ownership_mark

_TRIES = 4
_PERSON = 5


def refuse_protected(account: DesiredAccount, *, others: Iterable[tuple[Address, bool]] = ()) -> None:
    """GuardRefused where the account is protected, or one whose grant would end too. `others`: (address, protected)."""
    if account.protect:
        raise GuardRefused(
            f"{account.address}: it is protected",
            hint=f"take `protect` out of {account.location}, and reconcile, if it is to be revoked",
            reason=GuardName.PROTECTED.value,
        )
    for address, protected in others:
        if protected:
            raise GuardRefused(
                f"{account.address}: its provider takes back all that this person granted to the app, "
                f"and {address} is protected",
                hint="take its `protect` away, and reconcile, if both are to be revoked",
                reason=GuardName.PROTECTED.value,
            )


def revoke_account(run: Run, account: DesiredAccount, provider: ReadyProvider) -> Result:
    """GuardRefused where it is protected; ObjectFailed, ProviderFailed, HeldByAnother, StoreError where it was not
    revoked."""
    if not account.grant.needs_person:
        return _skipped(account, f"no person stands behind it: its grant is {account.grant.value}")
    refuse_protected(account)
    with run.in_flight.working(account.address):
        read = read_grant(run, run.layout.grant(account.address))
        if read.record is None:
            return _skipped(account, "there is no grant to revoke")
        if read.record.forgotten:
            _withdraw(run, account, version=read.version)
            return _skipped(account, "its grant was set aside before; nothing is published")
        return _revoke(run, account, provider, read=read)


def _revoke(run: Run, account: DesiredAccount, provider: ReadyProvider, *, read: GrantRead) -> Result:
    can_revoke = provider.endpoints.revocation is not None
    warnings: tuple[str, ...] = ()
    for _ in range(_TRIES):
        record = _checked(run, account, read, now=run.store.server_time())
        if can_revoke:
            warnings = take_back(run, account.address, provider=provider, record=record)
        run.failpoint("revoke.taken-back")
        version = _set_aside(run, account.address, record, cas=read.version)
        if version is not None:
            run.failpoint("revoke.set-aside")
            warnings += _withdraw(run, account, version=version)
            return _revoked(run, account, provider, can_revoke=can_revoke, warnings=warnings)
        read = read_grant(run, run.layout.grant(account.address))
    raise HeldByAnother(f"{account.address}: others keep writing there")


def _checked(run: Run, account: DesiredAccount, read: GrantRead, *, now: datetime) -> GrantRecord:
    record = read.record
    if record is None:
        raise HeldByAnother(f"{account.address}: its grant was removed meanwhile")
    refuse_foreign(run, account.address, record)
    if record.removal.protect:
        raise GuardRefused(
            f"{account.address}: it is protected, by what was last applied",
            hint="reconcile first, so that the manifest counts",
            reason=GuardName.PROTECTED.value,
        )
    refuse_under_way(run, account.address, read=read, now=now)
    return record


def _set_aside(run: Run, account: Address, record: GrantRecord, *, cas: int) -> int | None:
    """The tombstone's version; None where another version stands there now. It still carries the refresh token."""
    path = run.layout.grant(account)
    op = run.done()
    tombstone = replace(record, forgotten=True, intent=None, op=op)
    try:
        return run.store.write(path, tombstone.to_document(), cas=cas)
    except CasConflict:
        return None
    except WriteUnclear:
        stands = read_grant(run, path)
        mine = stands.record is not None and stands.record.op == op
        return stands.version if mine else None


def _withdraw(run: Run, account: DesiredAccount, *, version: int) -> tuple[str, ...]:
    """Nothing is published any more, and the status says why. What else is to be told."""
    seen = run.store.read_metadata(run.layout.token(account.address))
    warnings = () if seen is None else take_away(run, account.address, tokens=seen)
    now = run.store.server_time()
    blank = blank_status(account, owner_mark=ownership_mark(run.owner), now=now)
    status = in_state(blank, AccountState.NEEDS_CONSENT, Reason.REVOKED_HERE, now=now)
    write_status(run, account.address, status=replace(status, grant_version=version), old=None)
    return warnings


def _revoked(
    run: Run, account: DesiredAccount, provider: ReadyProvider, *, can_revoke: bool, warnings: tuple[str, ...]
) -> Result:
    aside = f"the published token is withdrawn, its grant is set aside at {run.layout.grant(account.address)}"
    said = f"revoked at the provider; {aside}" if can_revoke else f"{aside}; at the provider it still stands"
    by_hand = left_by_hand(provider.desired.behaviour, revoked=can_revoke)
    return Result(
        account.address,
        REVOKE,
        Outcome.DONE,
        reason="" if can_revoke else "LeftByHand",
        message=said,
        location=account.location,
        code=0 if can_revoke else _PERSON,
        warnings=(*warnings, by_hand) if by_hand else warnings,
    )


def _skipped(account: DesiredAccount, why: str) -> Result:
    return Result(account.address, REVOKE, Outcome.SKIPPED, message=why, location=account.location)
