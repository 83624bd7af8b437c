"""Takes away what an account had in the store: the token of a suspended one, everything of a forgotten one (DESIGN §8).

Rules: a suspended account's grant stays as it is; `forget` leaves a tombstone, written by check-and-set, that still
carries the refresh token; only a purge destroys; a refresh that is under way is not cut off; another owner's grant, or
nobody's, is neither set aside nor destroyed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from reconciler.decide.refresh_effects import GrantRead
from reconciler.decide.results import Outcome, Result
from reconciler.engine.drive import read_grant
from reconciler.engine.run import Run
from reconciler.errors import CasConflict, HeldByAnother, ObjectFailed, PathDenied, WriteUnclear, clean
from reconciler.model.desired import DesiredAccount
from reconciler.model.grant import GrantRecord, Phase
from reconciler.model.location import Location
from reconciler.model.names import Address
from reconciler.model.observed import ObservedAccount
from reconciler.model.status import ownership_mark
from reconciler.model.stored import KeyMetadata

_TRIES = 5


def withdraw(run: Run, account: DesiredAccount, observed: ObservedAccount) -> Result:
    """Take the published token away (it can be undeleted by an operator); the grant stays and is not refreshed."""
    newest = observed.tokens.newest if observed.tokens else None
    result = Result(account.address, "withdraw", Outcome.SKIPPED, location=account.location)
    if observed.tokens is None or newest is None or not newest.alive:
        return result
    warnings = take_away(run, account.address, tokens=observed.tokens)
    line = "suspended: the published token is withdrawn"
    return replace(result, outcome=Outcome.DONE, message=line, warnings=warnings)


def take_away(run: Run, account: Address, *, tokens: KeyMetadata) -> tuple[str, ...]:
    """No version of the published token can be read any more; what is to be told where one still can."""
    path, newest = run.layout.token(account), tokens.newest
    if newest is not None and newest.alive:
        run.store.delete_newest(path)
    older = sorted(v.version for v in tokens.versions.values() if v.alive and v is not newest)
    if older:
        # An older version may be a token that lives still, where it was refreshed early.
        try:
            run.store.delete_versions(path, older)
        except PathDenied:
            return (
                f"older versions at {path} can still be read: the policy needs update on delete/ of tokens/",
            )
    return ()


def forget(
    run: Run,
    account: Address,
    *,
    now: datetime,
    purge: bool = False,
    location: Location | None = None,
    version: int | None = None,
) -> Result:
    """Remove an account on purpose: the grant becomes a tombstone that still carries the refresh token, and its
    access token is taken away. `purge` destroys both for good. HeldByAnother where a refresh is under way. `version`: of
    the grant that is meant; CasConflict where another one stands there, and nothing was removed."""
    grant_path, token_path = run.layout.grant(account), run.layout.token(account)
    _write_tombstone(run, account, now=now, version=version)
    run.store.purge(token_path)
    if purge:
        run.store.purge(grant_path)
    words = "forgotten for good" if purge else f"forgotten; its grant is set aside at {grant_path}"
    return Result(account, "forget", Outcome.DONE, message=words, location=location)


def refuse_foreign(run: Run, account: Address, record: GrantRecord) -> None:
    """ObjectFailed where another reconciler wrote it, or nobody says who did."""
    if record.owner != ownership_mark(run.owner):
        raise ObjectFailed(f"{account}: its grant belongs to {clean(record.owner or 'nobody', cap=80)}")


def refuse_under_way(run: Run, account: Address, *, read: GrantRead, now: datetime) -> None:
    """HeldByAnother where another run is refreshing it. As for a takeover (DESIGN §6.10), one whose deadline has passed
    by the store's clock, or whose holder is dead, is over: nobody refreshes what is not declared, and an intent that
    nobody will ever settle must not stand in the way for ever."""
    intent = None if read.record is None else read.record.intent
    if intent is None or intent.phase is not Phase.SENT or run.is_dead(intent.holder):
        return
    created = read.created_time or now
    if now < created + intent.deadline + 2 * run.limits.http_deadline:
        raise HeldByAnother(
            f"{account}: a refresh is under way", hint="let it end, which takes seconds, and run this again"
        )


def _write_tombstone(run: Run, account: Address, *, now: datetime, version: int | None) -> None:
    path = run.layout.grant(account)
    op = run.done()
    for _ in range(_TRIES):
        read = read_grant(run, path)
        if read.record is None:
            return
        refuse_foreign(run, account, read.record)
        if read.record.forgotten:
            return
        if version not in (None, read.version):
            raise CasConflict(f"{path}: another version was written meanwhile")
        refuse_under_way(run, account, read=read, now=now)
        tombstone = replace(read.record, forgotten=True, intent=None, op=op, last_try=now)
        try:
            run.store.write(path, tombstone.to_document(), cas=read.version)
        except CasConflict:
            continue
        except WriteUnclear:
            # The next turn reads back: a tombstone there is ours, or as good as ours.
            continue
        return
    raise HeldByAnother(f"{path}: others keep writing there")
