"""Keeps what the page shows: the manifests joined with the store's metadata, looked at in the background and on demand.

Rules:
- a page is made from the last look; nobody's request reads ten thousand keys;
- the manifests are read again when their signature changes, the store at each interval, and one account by itself
  whenever somebody opens it or consents to it;
- a look that fails keeps the last one, and the page says since when it is old;
- a look never takes more than a tenth of the time, however short the interval: a store has other callers.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property

from reconciler.decide.changes import Blocked
from reconciler.decide.status_view import AccountReport, StatusReport
from reconciler.engine.observe import observe
from reconciler.engine.status import make_status
from reconciler.engine.used_marks import sweep
from reconciler.errors import PathDenied, ReconcilerError, UsageError, clean
from reconciler.model.desired import Desired, DesiredAccount, DesiredProvider
from reconciler.model.names import Address, Kind
from reconciler.model.observed import Observed
from reconciler.model.stored import KeyMetadata
from reconciler.web.access import Visitor
from reconciler.web.backstage import Backstage
from reconciler.web.rows import Row, Seen, make_row, make_rows, seen_of

_TICK = 2.0
_SHARE = 10
_MOST_KINDS = 500


@dataclass(frozen=True)
class View:
    """One look. `at` is this machine's clock. `trouble`: why the look after it failed, '' where none did."""

    desired: Desired
    status: StatusReport
    rows: tuple[Row, ...]
    at: datetime
    trouble: str = ""

    @cached_property
    def by_address(self) -> Mapping[Address, Row]:
        return {row.address: row for row in self.rows}

    def seen_by(self, visitor: Visitor) -> Seen:
        """What this visitor may see, worked out once a look for each kind of visitor."""
        kind = (visitor.namespaces, visitor.email)
        found = self._seen.get(kind)
        if found is None:
            fitting = (row for row in self.rows if visitor.sees(row.address, owner=row.owner))
            found = seen_of(self.rows if visitor.sees_all else tuple(fitting))
            if len(self._seen) < _MOST_KINDS:
                self._seen[kind] = found
        return found

    @cached_property
    def _seen(self) -> dict[tuple[frozenset[str] | None, str], Seen]:
        return {}

    @cached_property
    def trust_changes(self) -> tuple[Blocked, ...]:
        return tuple(part for part in self.status.blocked if part.trust_change)


@dataclass(frozen=True, slots=True)
class Closeup:
    """One account, looked at just now. `account` and `provider` None: not declared, or not valid."""

    row: Row
    report: AccountReport
    account: DesiredAccount | None
    provider: DesiredProvider | None
    observed: Observed
    blocked: tuple[Blocked, ...]
    tokens: KeyMetadata | None
    grants: KeyMetadata | None


@dataclass(slots=True)
class _State:
    view: View
    signature: str
    next_look: float
    wanted: bool = False
    swept: date | None = None
    recent: dict[Address, tuple[float, Row]] = field(default_factory=dict)
    """Rows that were looked at by themselves, and when: newer than a whole look that began before."""
    lock: threading.RLock = field(default_factory=threading.RLock)


class Lookout:
    """Looks once when it is made (StoreError, ManifestError pass through), then in a thread of its own."""

    def __init__(self, back: Backstage, *, every: timedelta) -> None:
        self._back = back
        self._every = every.total_seconds()
        signature = back.signature()
        started = back.run.clock.monotonic()
        self._state = _State(self._look(back.load()), signature, 0.0)
        self._plan_next(started)
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lookout", daemon=True)

    @property
    def view(self) -> View:
        return self._state.view

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=30)

    def look_again(self) -> None:
        """Somebody asks for a fresh look: soon, in the background."""
        self._state.wanted = True
        self._wake.set()

    def look_at(self, address: Address) -> Closeup | None:
        """One account anew, by a handful of reads; None where neither manifests nor store know it. StoreError."""
        desired = self.view.desired
        account = desired.accounts.get(address)
        provider = desired.provider_of(account) if account else None
        alone = replace(
            desired,
            accounts={address: account} if account else {},
            providers={provider.address: provider} if provider else {},
        )
        back, store = self._back, self._back.run.store
        observed = back.tighten(observe(store, back.run.layout, alone, jobs=back.jobs, accounts={address}))
        status = make_status(alone, observed, back.options, frozen=back.run.frozen)
        report = next((found for found in status.accounts if found.address == address), None)
        if report is None:
            return None
        row = make_row(report, account)
        self._keep(row)
        seen = observed.accounts.get(address)
        return Closeup(
            row=row,
            report=report,
            account=account,
            provider=provider,
            observed=observed,
            blocked=tuple(part for part in status.blocked if part.address.kind is Kind.PROVIDER),
            tokens=seen.tokens if seen else None,
            grants=self._grants(address),
        )

    def _grants(self, address: Address) -> KeyMetadata | None:
        try:
            return self._back.run.store.read_metadata(self._back.run.layout.grant(address))
        except PathDenied:
            return None

    def _keep(self, row: Row) -> None:
        with self._state.lock:
            view = self._state.view
            self._state.recent[row.address] = (self._back.run.clock.monotonic(), row)
            if row.address in view.by_address:
                rows = tuple(row if old.address == row.address else old for old in view.rows)
                self._state.view = replace(view, rows=rows)

    # ------------------------------------------------------------------------------------------------ in the background

    def _watch(self) -> None:
        while not self._stopped.is_set():
            self._wake.wait(_TICK)
            self._wake.clear()
            if self._stopped.is_set():
                return
            self.tick()

    def tick(self) -> None:
        """One turn: look again where the manifests changed, the interval is over, or somebody asked."""
        state, clock = self._state, self._back.run.clock
        try:
            signature = self._back.signature()
        except UsageError:
            signature = state.signature  # git-sync is just moving the link: what was read last stands
        changed = signature != state.signature
        started = clock.monotonic()
        if not (changed or state.wanted or started >= state.next_look):
            return
        state.wanted = False
        try:
            view = self._look(self._back.load() if changed else state.view.desired)
        except ReconcilerError as error:
            self._back.run.events.warning("look-failed", error=type(error).__name__)
            with state.lock:
                state.view = replace(state.view, trouble=clean(error.message))
        else:
            with state.lock:
                state.recent = {a: kept for a, kept in state.recent.items() if kept[0] >= started}
                newer = {address: row for address, (_, row) in state.recent.items()}
                rows = tuple(newer.get(row.address, row) for row in view.rows) if newer else view.rows
                state.view, state.signature = replace(view, rows=rows), signature
            self._back.run.events.info("looked", accounts=len(view.rows))
            self._sweep()
        self._plan_next(started)

    def _sweep(self) -> None:
        """Once a day, marks that prove nothing any more go."""
        today = self._back.run.clock.now().date()
        if self._state.swept == today:
            return
        self._state.swept = today
        try:
            removed = sweep(self._back.run)
        except ReconcilerError as error:
            self._back.run.events.warning("sweep-failed", error=type(error).__name__)
        else:
            self._back.run.events.info("swept", marks=removed)

    def _look(self, desired: Desired) -> View:
        back = self._back
        observed = back.tighten(observe(back.run.store, back.run.layout, desired, jobs=back.jobs))
        status = make_status(desired, observed, back.options, frozen=back.run.frozen)
        return View(desired, status, make_rows(status, desired), back.run.clock.now())

    def _plan_next(self, started: float) -> None:
        took = self._back.run.clock.monotonic() - started
        self._state.next_look = started + max(self._every, took * _SHARE)
