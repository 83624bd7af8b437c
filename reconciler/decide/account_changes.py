"""What an account's manifest asks for against what its projection says: track, revoke, forget, nothing (DESIGN §8).

Rules:
- `track` writes the projection: when the account is first seen, and when its manifest says something new;
- what the store would not tell, or another owner wrote, is never changed and never deleted;
- an account that is declared but invalid is neither changed nor taken for removed;
- the keys of a precondition are relative to the store's prefix; a refresh between plan and run does not move them.
"""

from __future__ import annotations

from reconciler.decide.account_view import AccountView
from reconciler.decide.attention import source_location
from reconciler.decide.changes import Action, Change, FieldChange, Precondition, Risk
from reconciler.errors import clean
from reconciler.model.desired import DesiredAccount
from reconciler.model.names import Address
from reconciler.model.state import AccountState, DeletionPolicy
from reconciler.model.status import AccountStatus


def account_change(view: AccountView) -> Change | None:
    """The one change that a declared account needs, or None."""
    account, status = view.account, view.status
    if account is None or view.broken or view.observed.unreadable or view.foreign:
        return None
    if view.renamed_from is not None:
        return _track(
            view,
            account,
            reason="Renamed",
            message=f"renamed from {view.renamed_from}: its grant moves along",
        )
    if view.observed.tokens is None:
        return _track(view, account, reason="FirstSeen", message="first seen")
    if status is None:
        return _track(
            view,
            account,
            reason="StatusUnreadable",
            message="its status in the store is unreadable and is written anew",
        )
    if status.state is AccountState.ORPHANED:
        return _track(view, account, reason="DeclaredAgain", message="declared again")
    if status.manifest_digest == account.digest:
        return None
    fields = differing_fields(account, status)
    words = ", ".join(field.name for field in fields)
    return _track(
        view, account, reason="ManifestChanged", message=f"manifest changed: {words}", fields=fields
    )


def account_removal(view: AccountView) -> Change | None:
    """What `--prune` would do with an account that bears our mark and is not declared."""
    status = view.status
    if view.account is not None or view.broken or view.observed.unreadable or view.foreign:
        return None
    if view.observed.tokens is None:
        return None
    revoke = status is not None and status.deletion_policy == DeletionPolicy.REVOKE.value
    ends = (
        "the grant is taken back at the provider, then"
        if revoke
        else "the grant stays valid at the provider;"
    )
    return Change(
        address=view.address,
        action=Action.REVOKE if revoke else Action.FORGET,
        reason="NotDeclared",
        message=f"not declared: {ends} its token is no longer published, its record is set aside",
        risk=Risk.HIGH,
        consequence="workloads that read its token stop working",
        preconditions=_recorded(view.address, status),
        location=source_location(status.source) if status else None,
        protected=status is not None and status.protect,
    )


def differing_fields(account: DesiredAccount, status: AccountStatus) -> tuple[FieldChange, ...]:
    """What differs, as far as the projection records it; the digest alone where it does not."""
    suspended = status.state is AccountState.SUSPENDED
    pairs = [
        ("provider", status.provider, str(account.provider)),
        ("owner", status.owner, account.owner or ""),
        ("suspend", _yes(suspended), _yes(account.suspend)),
        ("protect", _yes(status.protect), _yes(account.protect)),
        ("deleteAfterExpiry", _yes(status.delete_after is not None), _yes(account.delete_after_expiry)),
        (
            "deletionPolicy",
            status.deletion_policy or DeletionPolicy.ORPHAN.value,
            account.deletion_policy.value,
        ),
        ("labels", _labels(status.labels), _labels(account.labels)),
    ]
    if status.requested_scopes:
        pairs.append(("scopes", " ".join(sorted(status.requested_scopes)), " ".join(account.scopes)))
    if status.on_behalf_of and not account.grant.needs_person:
        pairs.append(("on behalf of", status.on_behalf_of, account.subject or status.client_id))
    fields = [
        FieldChange(name, clean(before), clean(after)) for name, before, after in pairs if before != after
    ]
    return tuple(fields) or (FieldChange("manifest", status.manifest_digest, account.digest),)


def _track(
    view: AccountView,
    account: DesiredAccount,
    *,
    reason: str,
    message: str,
    fields: tuple[FieldChange, ...] = (),
) -> Change:
    notes = []
    if account.added_scopes:
        base = view.provider.base if view.provider else None
        notes.append(f"scope added: {' '.join(account.added_scopes)} ({base or 'its provider'} needs it)")
    ending = account.suspend and view.published is not None
    consequence = "suspended: the published token is withdrawn" if ending else ""
    former = view.renamed_from
    if former is not None:
        consequence = (
            f"workloads find its token under {account.address.short} from then on, not under {former.short}"
        )
    return Change(
        address=account.address,
        action=Action.TRACK,
        reason=reason,
        message=message,
        risk=Risk.MEDIUM if consequence else Risk.LOW,
        consequence=consequence,
        fields=fields,
        preconditions=(
            *_recorded(former or account.address, view.status),
            Precondition(str(account.address), 0, account.digest),
        ),
        location=account.location,
        notes=tuple(notes),
        protected=account.protect or (view.status is not None and view.status.protect),
    )


def _recorded(address: Address, status: AccountStatus | None) -> tuple[Precondition, ...]:
    digest = status.manifest_digest if status else ""
    version = status.grant_version if status else 0
    where = f"{address.namespace}/{address.name}"
    return (Precondition(f"grants/{where}", version), Precondition(f"tokens/{where}", 0, digest))


def _labels(labels: object) -> str:
    items = labels.items() if hasattr(labels, "items") else ()
    return " ".join(f"{key}={value}" for key, value in sorted(items))


def _yes(value: bool) -> str:
    return "true" if value else "false"
