"""A plan: the difference, the guards that stop it, its digest, and the exit code that follows from what it shows.

Rules (DESIGN §8):
- a plan is computed, never kept: running it computes it again; a saved one is compared, not obeyed;
- the digest covers changes and the removals that would be done, in canonical JSON; maintenance, dates and words are
  outside, so that the same difference has the same digest an hour later;
- the exit code is computed from the lists that are rendered.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.decide.account_view import AccountView
from reconciler.decide.changes import Action, Blocked, Change, GuardHit
from reconciler.decide.diff import diff
from reconciler.decide.guard import check
from reconciler.decide.health import Health
from reconciler.decide.plan_options import PlanOptions
from reconciler.decide.results import Attention, exit_code
from reconciler.model.desired import Desired
from reconciler.model.location import Problem
from reconciler.model.names import Address
from reconciler.model.observed import Observed

__all__ = ["Plan", "PlanOptions", "make_plan", "plan_digest"]


@dataclass(frozen=True, slots=True)
class Plan:
    """`changes` holds the removals too where `--prune` is given; `removable` those that wait for it."""

    root: str
    store: str
    now: datetime
    providers: int
    accounts: int
    changes: tuple[Change, ...] = ()
    removable: tuple[Change, ...] = ()
    maintenance: tuple[Change, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    guards: tuple[GuardHit, ...] = ()
    attention: tuple[Attention, ...] = ()
    problems: tuple[Problem, ...] = ()
    unchanged: int = 0
    digest: str = ""
    views: Mapping[Address, AccountView] = field(default_factory=dict, repr=False)
    healths: Mapping[Address, Health] = field(default_factory=dict, repr=False)

    @property
    def frozen(self) -> bool:
        """True where no change and no delete may be made; due refreshes of untouched accounts go on."""
        return bool(self.problems or self.guards)

    def counts(self) -> dict[str, int]:
        """Each action by its name, then `attention` and `unchanged`: the `summary` of the JSON document."""
        counted = {action.value: 0 for action in Action}
        for change in (*self.changes, *self.maintenance):
            counted[change.action.value] += 1
        return counted | {"attention": len(self.attention), "unchanged": self.unchanged}

    def exit_code(self, *, detailed: bool = False) -> int:
        codes = [blocked.code for blocked in self.blocked]
        codes += [65] if self.problems else []
        codes += [3] if self.guards else []
        codes += [2] if detailed and self.changes else []
        return exit_code(codes)


def make_plan(desired: Desired, observed: Observed, options: PlanOptions) -> Plan:
    """Join what is declared with what is there. Pure; raises nothing for content."""
    found = diff(desired, observed, options=options)
    guards = check(
        found.changes,
        found.removals,
        desired=desired,
        observed=observed,
        options=options,
        foreign_accounts=found.foreign,
    )
    changes = (*found.changes, *found.removals) if options.prune else found.changes
    return Plan(
        root=desired.root,
        store=observed.store,
        now=observed.now,
        providers=len(desired.providers),
        accounts=len(desired.accounts),
        changes=changes,
        removable=() if options.prune else found.removals,
        maintenance=found.maintenance,
        blocked=found.blocked,
        guards=guards,
        attention=found.attention,
        problems=desired.problems,
        unchanged=found.unchanged,
        digest=plan_digest(changes),
        views=found.views,
        healths=found.healths,
    )


def plan_digest(changes: Iterable[Change]) -> str:
    """SHA-256 (hex) of the canonical JSON of what would be changed."""
    canonical = [
        {
            "address": str(change.address),
            "action": change.action.value,
            "reason": change.reason,
            "fields": [[f.name, f.before, f.after] for f in change.fields],
            "preconditions": [[p.path, p.version, p.digest] for p in change.preconditions],
        }
        for change in changes
    ]
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
