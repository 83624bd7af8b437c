"""Whom `consent --all` asks, in which order, and who needs something else than a consent.

Rules:
- an account is asked for when its state says that a consent ends it; what a manifest, a console or an administrator must
  mend first is listed beside, with its own remedy;
- grouped by provider, so that a person stays at one provider's pages; the most urgent of each first;
- what was done is done: the round is computed from the store, so running it again goes on where it ended.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.decide.diff import Diff, diff
from reconciler.decide.health import Health
from reconciler.decide.plan_options import PlanOptions
from reconciler.decide.remedy import is_ended_by_consent
from reconciler.decide.results import Attention, Outcome, Result
from reconciler.model.desired import Desired, DesiredAccount
from reconciler.model.names import Address, Kind
from reconciler.model.observed import Observed
from reconciler.model.state import Reason


@dataclass(frozen=True, slots=True)
class ConsentRound:
    """`others`: lines of what needs a person and no consent helps. `waiting`: never consented, and their provider cannot be
    asked yet; as results, so that nobody takes them for done."""

    accounts: tuple[DesiredAccount, ...]
    others: tuple[Attention, ...]
    waiting: tuple[Result, ...] = ()

    def by_provider(self) -> dict[Address, list[DesiredAccount]]:
        """In the order in which they are asked."""
        groups: dict[Address, list[DesiredAccount]] = {}
        for account in self.accounts:
            groups.setdefault(account.provider, []).append(account)
        return groups


def plan_round(desired: Desired, observed: Observed, *, options: PlanOptions) -> ConsentRound:
    """Everybody selected by `options` whom a consent helps now."""
    found: Diff = diff(desired, observed, options=options)
    asked: list[DesiredAccount] = []
    others: list[Attention] = []
    for line in found.attention:
        account = desired.accounts.get(line.address) if line.address.kind is Kind.ACCOUNT else None
        if account is not None and account.grant.needs_person and is_ended_by_consent(line.reason):
            asked.append(account)
        else:
            others.append(line)
    waiting = [
        _waits(view.account, health)
        for address, view in found.views.items()
        if (health := found.healths[address]).reason is Reason.PROVIDER_NOT_READY
        and view.account is not None
        and view.is_person
        and not view.has_grant
        and options.selection.includes(address, view.account.labels)
    ]
    # Python's sort keeps the order of urgency within each provider.
    return ConsentRound(
        tuple(sorted(asked, key=lambda account: account.provider)), tuple(others), tuple(waiting)
    )


def _waits(account: DesiredAccount, health: Health) -> Result:
    return Result(
        account.address,
        "consent",
        Outcome.HELD,
        health.reason.value,
        f"nobody is asked yet: {health.message}",
        hint=f"run: reconciler plan --only {account.provider}",
        location=account.location,
        code=4,
    )


def left_for_later(account: DesiredAccount) -> Result:
    """It was not asked for in this round, by the person's own word."""
    return Result(
        account.address,
        "consent",
        Outcome.SKIPPED,
        Reason.NEVER_CONSENTED.value,
        "left for later",
        hint="run again: reconciler consent --all",
        location=account.location,
        code=5,
    )
