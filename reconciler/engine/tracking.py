"""Writes what an account's manifest says into its projection, and takes up a grant that lost its own (DESIGN §5, §8).

Rules:
- what the provider's answers made of the account stays; what the manifest says replaces what it said before;
- an account that the store does not know may have a grant all the same (its metadata was deleted, or a consent was
  cut off): the grant is read before anybody is asked to consent again;
- one metadata write, whatever changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.decide.account_view import AccountView
from reconciler.decide.changes import Change
from reconciler.decide.health import ANSWERED, judge_account
from reconciler.decide.output_expiry import with_expiry
from reconciler.decide.projection import blank_status, in_state, with_grant
from reconciler.decide.results import Outcome, Result
from reconciler.engine.drive import read_grant
from reconciler.engine.publish import write_status
from reconciler.engine.renaming import follow_provider, move_account
from reconciler.engine.run import Run
from reconciler.engine.settle import result_of_error
from reconciler.errors import ObjectFailed, clean
from reconciler.model.desired import DesiredAccount
from reconciler.model.state import AccountState, Reason
from reconciler.model.status import AccountStatus, ownership_mark
from reconciler.model.stored import KeyMetadata

_CLOCKED = frozenset(
    {
        AccountState.READY,
        AccountState.REFRESH_DUE,
        AccountState.EXPIRED,
        AccountState.EXPIRING,
        AccountState.HELD,
    }
)
"""States that the clock or a provider decides: on record they are `ready`."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """`view` is the account as it stands now; the old one where nothing was written."""

    result: Result
    view: AccountView


def track(run: Run, change: Change, view: AccountView) -> Tracked:
    """Write the projection. Never raises for what the store does."""
    account = view.account
    if account is None:
        raise ValueError("only a declared account is tracked")
    try:
        view, warnings = _under_its_name(run, account, view)
        old = view.status
        # What another account left here when it was renamed says nothing of this one.
        found = old if old is not None and not old.moved_to else _found_grant(run, account, view)
        status = _as_declared(follow_provider(run, account, view=view, status=found), account, view)
        custom_only = KeyMetadata(0) if view.observed.tokens is None else view.observed.tokens
        status = with_expiry(status, old, asked=account.delete_after_expiry)
        write_status(run, account.address, status=status, old=old, always=True)
    except Exception as error:  # noqa: BLE001  one account's surprise must not end the others' work
        result = result_of_error(error, account.address, action="track", location=account.location)
        return Tracked(result, view)
    observed = replace(view.observed, status=status, tokens=replace(custom_only, custom=status.to_metadata()))
    result = Result(
        account.address,
        "track",
        Outcome.DONE,
        reason=change.reason,
        message=f"tracked: {change.message}",
        location=account.location,
        warnings=warnings,
    )
    return Tracked(result, replace(view, observed=observed))


def _under_its_name(
    run: Run, account: DesiredAccount, view: AccountView
) -> tuple[AccountView, tuple[str, ...]]:
    """The view with everything moved to the account's name of today, and warnings; what it was called before is gone."""
    former, status = view.renamed_from, view.status
    if former is None or status is None:
        return view, ()
    tokens = view.observed.tokens or KeyMetadata(0)
    moved = move_account(run, former, account.address, tokens=tokens, status=status, now=view.now)
    known = replace(status, grant_version=moved.version, lifetime=None)
    observed = replace(view.observed, tokens=KeyMetadata(0), grants=None, status=known)
    return replace(view, observed=observed, renamed_from=None), moved.warnings


def _found_grant(run: Run, account: DesiredAccount, view: AccountView) -> AccountStatus:
    """What an unknown account's grant says, where there is one of ours."""
    blank = blank_status(account, owner_mark=ownership_mark(run.owner), now=view.now)
    if not account.grant.needs_person or view.provider is None:
        return blank
    read = read_grant(run, run.layout.grant(account.address))
    record = read.record
    if record is None:
        return blank
    if record.owner != ownership_mark(run.owner):
        raise ObjectFailed(f"{account.address}: its grant belongs to {clean(record.owner, cap=80)}")
    if record.forgotten or record.refresh_token is None:
        return replace(blank, grant_version=read.version) if record.forgotten else blank
    behaviour = view.provider.behaviour
    found = with_grant(blank, record, version=read.version, behaviour=behaviour, key=run.fingerprint_key)
    found = replace(found, provider=record.removal.provider or found.provider)
    return in_state(found, AccountState.READY, Reason.FRESH, now=view.now)


def _as_declared(status: AccountStatus, account: DesiredAccount, view: AccountView) -> AccountStatus:
    """`status` with what the manifest says now, in the state that follows from both."""
    # Whose token stands there is not for a manifest to say: it is another provider's once that has given one.
    had = status.grant_version or status.consented_at or status.client_id
    said = replace(
        status,
        provider=status.provider if had else str(account.provider),
        manifest_digest=account.digest,
        owner=account.owner or "",
        source=str(account.location),
        protect=account.protect,
        deletion_policy=account.deletion_policy.value,
        labels=dict(account.labels),
    )
    health = judge_account(
        replace(view, observed=replace(view.observed, status=said, grants=None), not_ready="")
    )
    if said.state is not AccountState.READY and said.reason in ANSWERED and health.reason is said.reason:
        return said
    if health.state in _CLOCKED:
        return in_state(said, AccountState.READY, Reason.FRESH, now=view.now)
    return in_state(said, health.state, health.reason, now=view.now)
