"""Renames: what `metadata.previousNames` may say, and what was left behind under a former name (DESIGN §8).

Rules:
- a rename stays within its kind and namespace, so that nobody takes another team's grant over by a name;
- a former name is nobody's now: it is neither declared any more nor claimed by two;
- only what bears our mark and was never taken up under the new name is moved; names of the past are harmless afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.decide.complaints import Complaints
from reconciler.model.desired import DesiredAccount
from reconciler.model.manifest import ManifestDocument, Metadata
from reconciler.model.names import Address, Kind, Name
from reconciler.model.observed import ObservedAccount
from reconciler.model.status import MANAGED_BY, ownership_mark


def previous_addresses(metadata: Metadata, address: Address) -> tuple[Address, ...]:
    """The former names of `address` as addresses, in the order in which they are written."""
    return tuple(Address(address.kind, address.namespace, Name(name)) for name in metadata.previous_names)


def check_previous(
    document: ManifestDocument,
    complaints: Complaints,
    *,
    declared: Mapping[Address, object],
    claimed: dict[Address, Address],
) -> None:
    """Complain of former names that are somebody's. `claimed`: former address -> who claims it; is added to."""
    address = complaints.address
    place = ("metadata", "previousNames")
    if document.metadata.previous_names and address.kind is Kind.BASE_PROVIDER:
        complaints.at(
            place, "a base has no state in the store, so that nothing moves with its name", key=True
        )
        return
    for number, former in enumerate(previous_addresses(document.metadata, address)):
        where = (*place, number)
        if former == address:
            complaints.at(where, f"{former} is its name now")
        elif former in declared:
            complaints.at(where, f"{former} is declared itself", hint="a former name is nobody's now")
        elif claimed.setdefault(former, address) != address:
            complaints.at(where, f"{former} is claimed by {claimed[former]} too")


def is_vacated(seen: ObservedAccount) -> bool:
    """A key that a rename left: everything of the account stands elsewhere now."""
    return seen.status is not None and seen.status.moved_to != ""


def left_behind(
    account: DesiredAccount | None,
    accounts: Mapping[Address, ObservedAccount],
    *,
    owner: str,
) -> ObservedAccount | None:
    """What the store holds of ours under a former name of an account that it does not know yet."""
    if account is None or not account.previous:
        return None
    known = accounts.get(account.address)
    if known is not None and (known.tokens is not None or known.unreadable):
        return None
    for former in account.previous:
        seen = accounts.get(former)
        tokens = seen.tokens if seen else None
        if seen is None or seen.status is None or tokens is None or seen.unreadable or is_vacated(seen):
            continue
        if tokens.custom.get(MANAGED_BY) == ownership_mark(owner):
            return seen
    return None
