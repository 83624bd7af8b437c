"""The long-running controller: reconciles when manifests change and once an interval, refreshes accounts at their time.

Rules:
- one thing at a time; a stop lets what was started finish (DESIGN §6.4);
- an account that is due is observed and refreshed alone: ten thousand others cost nothing then;
- the store's failure ends no process: it is told, the next try comes soon, and later if it stays;
- manifests that are invalid change nothing; refreshes go on as for `reconcile`. Manifests that cannot be read at all (a
  checkout that is gone) change nothing either, and the accounts that were declared last are refreshed until they are back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from reconciler.decide.plan import Plan, make_plan
from reconciler.decide.plan_options import PlanOptions
from reconciler.decide.results import RunReport
from reconciler.decide.schedule import due_by, due_times, next_moment, pause_after
from reconciler.engine.provider_ports import ProviderPorts
from reconciler.engine.reconcile import ReconcileOptions, reconcile, refresh_due
from reconciler.engine.run import Run
from reconciler.errors import ReconcilerError
from reconciler.model.desired import Desired
from reconciler.model.names import Address
from reconciler.model.observed import Observed


class Kind(StrEnum):
    RECONCILE = "reconcile"
    REFRESH = "refresh"


class Work(Protocol):
    """What a piece of work is done with: the store looked at, and everything that calls need."""

    @property
    def run(self) -> Run: ...

    @property
    def ports(self) -> ProviderPorts: ...

    @property
    def observed(self) -> Observed: ...


class Hands(Protocol):
    """What the controller has of its world."""

    def declared(self) -> Desired:
        """The manifests as they are now."""
        ...

    def fingerprint(self) -> str:
        """Differs where a manifest may have changed; cheap."""
        ...

    def working(self, desired: Desired, accounts: Collection[Address] | None) -> AbstractContextManager[Work]:
        """Look at everything, or at these accounts, and be ready to work. StoreError where the store is gone."""
        ...


@dataclass(frozen=True, slots=True)
class Cycle:
    """One piece of work. `plan`: as everything stood when it began, for a whole look. `error`: it could not be done."""

    kind: Kind
    report: RunReport | None = None
    plan: Plan | None = None
    error: ReconcilerError | None = None


@dataclass
class Controller:
    hands: Hands
    options: PlanOptions
    every: timedelta
    times: Mapping[Address, datetime] = field(default_factory=dict)
    _desired: Desired | None = None
    _seen: str = ""
    _looked_at: datetime | None = None
    _failures: int = 0
    _failed_at: datetime | None = None
    _is_unread: bool = False
    """The manifests could not be read last time."""

    def due(self, now: datetime) -> Kind | None:
        """What is to be done at `now`, if anything."""
        if self._pause_left(now) > timedelta(0):
            return Kind.REFRESH if self._is_unread and due_by(self.times, now) else None
        changed = self.hands.fingerprint() != self._seen
        # While the store is gone another clock tells the time: neither one that is ahead nor one behind may stop us.
        if self._looked_at is None or changed or abs(now - self._looked_at) >= self.every:
            return Kind.RECONCILE
        return Kind.REFRESH if due_by(self.times, now) else None

    def wait(self, now: datetime) -> timedelta:
        """How long nothing is due, as far as is known."""
        if self._failed_at is not None:
            times = self.times.values() if self._is_unread else ()
            first: datetime = min([now + self._pause_left(now), *times])
            return max(timedelta(0), first - now)
        looked_at = self._looked_at or now - self.every
        return next_moment(self.times, now=now, looked_at=looked_at, every=self.every) - now

    def _pause_left(self, now: datetime) -> timedelta:
        """After a failure; none where the clock that tells `now` is behind the one that told when it was."""
        if self._failed_at is None or now < self._failed_at:
            return timedelta(0)
        return max(timedelta(0), self._failed_at + pause_after(self._failures, every=self.every) - now)

    def cycle(self, kind: Kind, now: datetime) -> Cycle:
        """Do it. Never raises for what manifests, the store or providers do."""
        try:
            done = self._reconcile(now) if kind is Kind.RECONCILE else self._refresh(now)
        except ReconcilerError as error:
            done = Cycle(kind, error=error)
        if done.error is not None:
            self._failures, self._failed_at = self._failures + 1, now
        elif not self._is_unread:
            self._failures, self._failed_at = 0, None
        return done

    def _reconcile(self, now: datetime) -> Cycle:
        seen = self.hands.fingerprint()
        try:
            desired = self.hands.declared()
        except ReconcilerError as error:
            self._is_unread = self._desired is not None
            return Cycle(Kind.RECONCILE, self._keep_alive(now), error=error)
        self._is_unread = False
        with self.hands.working(desired, None) as work:
            plan = make_plan(desired, work.observed, self.options)
            report = reconcile(
                work.run,
                desired,
                observed=work.observed,
                plan=plan,
                options=ReconcileOptions(self.options),
                ports=work.ports,
            )
        self._desired, self._seen, self._looked_at = desired, seen, now
        self.times = due_times(plan.views, plan.healths)
        touched = {result.address for result in report.results}
        if touched:
            self._look_again(desired, touched & set(desired.accounts))
        return Cycle(Kind.RECONCILE, report, plan)

    def _keep_alive(self, now: datetime) -> RunReport | None:
        """A look at everything that was declared last, once an interval: what is due is refreshed, and nothing changed."""
        desired = self._desired
        if desired is None or (self._looked_at is not None and abs(now - self._looked_at) < self.every):
            return None
        with self.hands.working(desired, None) as work:
            plan = make_plan(desired, work.observed, self.options)
            report = refresh_due(work.run, desired, work.observed, options=self.options, ports=work.ports)
        self._looked_at, self.times = now, due_times(plan.views, plan.healths)
        self._look_again(desired, {result.address for result in report.results} & set(desired.accounts))
        return report

    def _refresh(self, now: datetime) -> Cycle:
        desired = self._desired
        if desired is None:
            return self._reconcile(now)
        accounts = due_by(self.times, now) & set(desired.accounts)
        with self.hands.working(desired, accounts) as work:
            report = refresh_due(
                work.run, desired, work.observed, options=self.options, ports=work.ports, addresses=accounts
            )
        self._look_again(desired, accounts)
        return Cycle(Kind.REFRESH, report)

    def _look_again(self, desired: Desired, accounts: Collection[Address]) -> None:
        """When those that were just worked on are due next. What is due still is left to the next look at everything."""
        if not accounts:
            return
        with self.hands.working(desired, accounts) as work:
            plan = make_plan(desired, work.observed, self.options)
            now = work.observed.now
        fresh = due_times(plan.views, plan.healths)
        later = {a: at for a, at in fresh.items() if a in accounts and at > now}
        self.times = {a: at for a, at in self.times.items() if a not in accounts} | later
