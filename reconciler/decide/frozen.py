"""What a restored snapshot brought back: grants whose single-use refresh token may be spent, told by metadata alone.

Rules:
- a grant that was stored since the restore is as good as ever, by the store's clock;
- a token that stays valid however often it is used cannot be spent, and is never held back;
- a plan shows those that reconcile would hold back now; a status shows them all, with the consent that ends it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from reconciler.decide.account_view import AccountView
from reconciler.decide.changes import Blocked
from reconciler.decide.commands import at_root
from reconciler.decide.plan import Plan
from reconciler.decide.refresh_results import FROZEN, frozen_hint, frozen_words
from reconciler.decide.status_view import AccountReport
from reconciler.model.behaviour import Rotation
from reconciler.model.observed import ObservedAccount

REMEDY = "consent again: a grant that is stored now is used as ever"


def is_from_before(observed: ObservedAccount, rotation: Rotation, *, restored: datetime) -> bool:
    """Whether the grant's refresh token must not be presented. A grant of unknown age is taken for an old one."""
    if not rotation.needs_intent:
        return False
    newest = observed.grants.newest if observed.grants else None
    return newest is None or newest.created_time < restored


def is_frozen(view: AccountView, *, restored: datetime | None) -> bool:
    """The same of an account as a plan sees it: one that has a grant and may be refreshed at all."""
    if restored is None or view.account is None or view.provider is None or view.account.suspend:
        return False
    if not view.is_person or not view.has_grant or view.foreign or view.observed.unreadable:
        return False
    return is_from_before(view.observed, view.provider.behaviour.refresh_token.rotation, restored=restored)


def with_frozen(plan: Plan, *, root: str, restored: datetime | None) -> Plan:
    """The plan with the refreshes that will not be tried among what is blocked."""
    held = {c.address for c in plan.maintenance if is_frozen(plan.views[c.address], restored=restored)}
    if restored is None or not held:
        return plan
    blocked = tuple(
        Blocked(
            change.address,
            FROZEN,
            frozen_words(restored),
            hint=at_root(frozen_hint(change.address), root=root),
            location=change.location,
        )
        for change in plan.maintenance
        if change.address in held
    )
    return replace(
        plan,
        maintenance=tuple(c for c in plan.maintenance if c.address not in held),
        blocked=(*plan.blocked, *blocked),
    )


def told_frozen(report: AccountReport, *, root: str, restored: datetime) -> AccountReport:
    """What `status` says of a frozen account; one that needs a person already keeps its own words."""
    if report.health.needs_person:
        return report
    return replace(
        report,
        health=replace(report.health, message=f"{report.health.message}; {frozen_words(restored)}"),
        remedy=REMEDY,
        command=at_root(frozen_hint(report.address), root=root),
        frozen=True,
    )
