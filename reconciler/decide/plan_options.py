"""How a plan is asked for: whose objects, which of them, and what a person allowed. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from reconciler.decide.changes import GuardName
from reconciler.decide.selection import EVERYTHING, Selection, nothing_there
from reconciler.model.desired import Desired
from reconciler.model.limits import REFRESH_LIMITS, RefreshLimits
from reconciler.model.names import Address, Kind, parse_address
from reconciler.model.observed import Observed


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """`owner` is RECONCILER_OWNER. `allowed`: guards that a flag passes. `register_again`: providers whose interrupted
    registration may be repeated. `due_within`: a token with less than this left is due (None: its own thresholds)."""

    owner: str = "default"
    selection: Selection = EVERYTHING
    prune: bool = False
    allowed: frozenset[GuardName] = frozenset()
    register_again: frozenset[str] = frozenset()
    """Addresses as a person types them."""
    due_within: timedelta | None = None
    limits: RefreshLimits = REFRESH_LIMITS

    def may_register_again(self, address: Address) -> bool:
        """UsageError where one of `register_again` is no address."""
        return any(parse_address(text).matches(address) for text in self.register_again)

    def check(self, desired: Desired, observed: Observed) -> None:
        """UsageError where a flag names what is not there: a typing mistake may not look like success."""
        self.selection.check(desired, observed)
        known = {
            *desired.providers,
            *observed.providers,
            *(a for a in desired.broken if a.kind is Kind.PROVIDER),
        }
        for text in self.register_again:
            pattern = parse_address(text)
            if not any(pattern.matches(address) for address in known):
                raise nothing_there(pattern, known, beside=desired.accounts)
