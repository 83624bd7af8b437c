"""What revoking an account will end, said before it is done; and what is left to do by hand, said after it.

Rules: an account that would lose its grant by it is named before; one that is protected stops it; nothing here knows a token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.decide.consent_words import access_removal
from reconciler.model.behaviour import Behaviour
from reconciler.model.choices import CauseScope
from reconciler.model.names import Address
from reconciler.model.observed import ObservedAccount
from reconciler.model.status import AccountStatus
from reconciler.model.taking_back import RevocationReach

REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class Foretold:
    """`lines`: what will happen, one sentence each. `others`: accounts whose grants end with this one."""

    lines: tuple[str, ...]
    others: tuple[Address, ...] = ()


def foretell(
    account: Address,
    *,
    behaviour: Behaviour,
    can_revoke: bool,
    observed: Mapping[Address, ObservedAccount],
) -> Foretold:
    """`observed`: every account that the store knows. `can_revoke`: the provider has an endpoint for it."""
    others = _others(account, observed=observed) if behaviour.revocation.reach is RevocationReach.APP else ()
    lines = [f"{account} loses its grant: its workloads fail until its owner consents again"]
    if not can_revoke:
        lines.append("its provider has no way to revoke by machine: that part is left to do by hand")
    if behaviour.revocation.reach is RevocationReach.APP:
        lines.append("its provider takes back all that this person granted to the app, not this grant alone")
        if others:
            names = ", ".join(str(other) for other in others[:5])
            more = f" and {len(others) - 5} more" if len(others) > 5 else ""
            lines.append(f"by the same person and app, and ended too: {names}{more}")
    for_all = [cause.what for cause in behaviour.refresh_token.causes if cause.ends is CauseScope.APPLICATION]
    if for_all:
        lines.append(f"known to end everybody's grants there, which this does not: {'; '.join(for_all[:3])}")
    return Foretold(tuple(lines), tuple(others))


def _others(account: Address, *, observed: Mapping[Address, ObservedAccount]) -> tuple[Address, ...]:
    """Accounts with a grant of the same client, by the same person or by one of whom that is not known."""
    mine = _status(observed, account)
    if mine is None or not mine.client_id:
        return ()
    return tuple(
        address
        for address in sorted(observed)
        if address != account and _may_be_same(mine, _status(observed, address))
    )


def _status(observed: Mapping[Address, ObservedAccount], address: Address) -> AccountStatus | None:
    return observed[address].status if address in observed else None


def _may_be_same(mine: AccountStatus, other: AccountStatus | None) -> bool:
    if other is None or other.client_id != mine.client_id or other.provider != mine.provider:
        return False
    return mine.subject in ("", other.subject) or other.subject == ""


def left_by_hand(behaviour: Behaviour, *, revoked: bool) -> str:
    """What a person still has to do at the provider; '' where the base knows of nothing."""
    removal = access_removal(behaviour)
    if revoked:
        return f"left to do by hand, where the provider goes on listing the app: {removal}" if removal else ""
    removal = removal or "remove the app at the provider, where its account settings list connected apps"
    return f"left to do by hand: {removal}"
