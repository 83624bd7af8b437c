"""Which accounts a refresh tries, told by metadata alone.

Rules (DESIGN §6, "When"):
- what is due is tried; with `--force` also what is not, except where there is nothing to send, or where the provider
  itself asked to be left alone: what it asks for is no threshold of ours;
- who is tried whatever the metadata of their grant say is spared reading them: the grant itself is read next, and says more.
Pure; `now` is the store's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconciler.decide.account_view import AccountView
from reconciler.decide.health import Health, judge_account
from reconciler.decide.plan_options import PlanOptions
from reconciler.model.desired import Desired
from reconciler.model.observed import ObservedAccount, ObservedProvider
from reconciler.model.state import AccountState, Reason

_UNTOUCHABLE = (AccountState.UNKNOWN, AccountState.SUSPENDED, AccountState.ORPHANED)
_NOTHING_THERE = (Reason.FOREIGN_OWNER, Reason.NEVER_CONSENTED, Reason.REVOKED_HERE)


def is_tried(view: AccountView, health: Health, *, force: bool) -> bool:
    """`health` is the view's own."""
    return health.due or (force and _may_be_forced(view, health))


def _may_be_forced(view: AccountView, health: Health) -> bool:
    if health.state in _UNTOUCHABLE or health.reason in _NOTHING_THERE:
        return False
    # Some refuse a token that is too young (Zoho), others one that is not old enough (Exact).
    allowed = view.may_be_refreshed_from
    return (allowed is None or view.now >= allowed) and health.reason is not Reason.RATE_LIMITED


@dataclass(frozen=True, slots=True)
class Sparing:
    """Who is tried whatever the metadata of their grant say. `options` as the plan will have them."""

    desired: Desired
    options: PlanOptions
    force: bool

    def spares(self, seen: ObservedAccount, provider: ObservedProvider | None, *, now: datetime) -> bool:
        """`seen` holds the metadata of what is published, `provider` those of its provider."""
        account = self.desired.accounts.get(seen.address)
        if account is None or self.desired.problems or seen.tokens is None:
            return False  # what may stay as it is must be shown as it is
        if not self.options.selection.includes(seen.address, account.labels):
            return False
        view = AccountView(
            address=seen.address,
            account=account,
            observed=seen,
            provider=self.desired.provider_of(account),
            provider_observed=provider,
            now=now,
            owner=self.options.owner,
            due_within=self.options.due_within,
            limits=self.options.limits,
        )
        return is_tried(view, judge_account(view), force=self.force)
