"""The accounts' part of a run: what is tracked, withdrawn, refreshed and removed, each account for itself.

Rules (DESIGN §8):
- an account whose provider is not ready is `held(ProviderNotReady)`, and nothing is sent for it;
- where manifests are invalid or a guard was hit, only accounts go on whose own document and provider are the ones that
  were last applied;
- all accounts of a provider that is asked at all are handed over, so that many refusals are seen as what they are;
- removals come last, and accounts before providers: taking a grant back needs its provider.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.decide.account_view import AccountView
from reconciler.decide.changes import Action, Change
from reconciler.decide.health import judge_account
from reconciler.decide.plan import Plan
from reconciler.decide.results import Outcome, Result
from reconciler.engine.provider_phase import Providers
from reconciler.engine.publish import forget, withdraw
from reconciler.engine.refresh import RefreshWork, refresh_accounts
from reconciler.engine.revoking import revoke_and_forget
from reconciler.engine.run import Run
from reconciler.engine.settle import each, result_of_error, stopped
from reconciler.engine.tracking import track
from reconciler.model.names import Address
from reconciler.model.state import Reason


@dataclass(slots=True)
class Accounts:
    """`views` are the accounts as they stand now, as far as this run knows."""

    run: Run
    providers: Providers
    plan: Plan
    views: dict[Address, AccountView] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.views = dict(self.plan.views)

    # -------------------------------------------------------------------------------------------------- changes

    def track(self, changes: Iterable[Change]) -> list[Result]:
        """Write what the manifests say. One result each."""

        def one(change: Change) -> Result:
            if self.run.stop.is_set():
                return stopped(change.address, action="track", location=change.location)
            tracked = track(self.run, change, self.views[change.address])
            self.views[change.address] = tracked.view
            return tracked.result

        return each(self.run, one, list(changes), stage="track")

    def remove(self, changes: Iterable[Change], *, purge: bool) -> list[Result]:
        """Forget, or take back and forget. One result each."""

        def one(change: Change) -> Result:
            if self.run.stop.is_set():
                return stopped(change.address, action=change.action.value, location=change.location)
            try:
                with self.run.in_flight.working(change.address):
                    result = self._removed(change, purge=purge)
            except Exception as error:  # noqa: BLE001  one account's surprise must not end the others' work
                return result_of_error(
                    error, change.address, action=change.action.value, location=change.location
                )
            self.views.pop(change.address, None)
            return result

        return each(self.run, one, list(changes), stage="remove")

    def _removed(self, change: Change, *, purge: bool) -> Result:
        if change.action is Action.REVOKE:
            provider = self._recorded_provider(change.address)
            ready = self.providers.ready(provider) if provider else None
            return revoke_and_forget(self.run, change.address, ready, purge=purge, location=change.location)
        now = self.run.store.server_time()
        return forget(self.run, change.address, now=now, purge=purge, location=change.location)

    def providers_to_revoke_at(self, changes: Iterable[Change]) -> list[Address]:
        """Declared providers whose revocation endpoint will be needed."""
        named = {self._recorded_provider(c.address) for c in changes if c.action is Action.REVOKE}
        return sorted(address for address in named if address is not None)

    def _recorded_provider(self, account: Address) -> Address | None:
        status = self.views[account].status if account in self.views else None
        known = {str(address): address for address in self.providers.desired.providers}
        return known.get(status.provider) if status else None

    # ----------------------------------------------------------------------------------------------- maintenance

    def withdraw(self, addresses: Iterable[Address]) -> list[Result]:
        """Take back what suspended accounts have published."""

        def one(address: Address) -> Result:
            view = self.views[address]
            location = view.account.location if view.account else None
            if view.account is None or self.run.stop.is_set():
                return stopped(address, action="withdraw", location=location)
            try:
                return withdraw(self.run, view.account, view.observed)
            except Exception as error:  # noqa: BLE001  one account's surprise must not end the others' work
                return result_of_error(error, address, action="withdraw", location=location)

        return each(self.run, one, list(addresses), stage="withdraw")

    def due(self, addresses: Iterable[Address]) -> list[Address]:
        """Who would be refreshed if every provider were ready, as things stand now."""
        return [a for a in addresses if judge_account(self._unhindered(self.views[a])).due]

    def refresh(
        self, addresses: Sequence[Address], *, wanted: frozenset[Address], force: bool
    ) -> list[Result]:
        """Refresh those of `addresses` that are due, or `wanted` by name. Providers have been made ready."""
        held, work = [], []
        for address in addresses:
            view = self.views[address]
            if view.account is None:
                continue
            ready = self.providers.ready(view.account.provider)
            if ready is None:
                held.append(self._held(view))
                continue
            observed = self.providers.seen(view.account.provider)
            work.append(RefreshWork(view.account, ready, view.observed, observed))
        results = refresh_accounts(
            self.run,
            work,
            due_within=self.providers.options.due_within,
            force=force,
            fleet=Counter(account.provider for account in self.providers.desired.accounts.values()),
        )
        return [r for r in held if r.address in wanted] + [
            r for r in results if r.address in wanted or r.outcome is not Outcome.SKIPPED or r.code
        ]

    def _held(self, view: AccountView) -> Result:
        account = view.account
        address = view.address
        outcome = self.providers.outcomes.get(account.provider) if account else None
        name = account.provider if account else "its provider"
        why = (outcome.why if outcome else view.not_ready) or "it is not ready"
        line = f"held: {name} is not ready: {why.removeprefix(f'{name}: ')}"
        location = account.location if account else None
        if self.run.stop.is_set():
            return stopped(address, action="refresh", location=location)
        return Result(
            address,
            "refresh",
            Outcome.HELD,
            Reason.PROVIDER_NOT_READY.value,
            line,
            location=location,
            code=4,
        )

    def _unhindered(self, view: AccountView) -> AccountView:
        """The view as it would be with its provider ready; its metadata as of now."""
        if view.provider is None:
            return view
        seen = self.providers.seen(view.provider.address)
        if view.provider_observed is seen and not view.not_ready:
            return view
        return replace(view, provider_observed=seen, not_ready="")


def untouched(views: Mapping[Address, AccountView], providers: Providers) -> frozenset[Address]:
    """Accounts whose own document and whose provider's are the ones that were last applied."""

    def is_same(view: AccountView) -> bool:
        if view.account is None or view.provider is None or view.status is None or view.broken:
            return False
        recorded = providers.seen(view.provider.address).status
        same_provider = recorded is not None and recorded.manifest_digest == view.provider.digest
        return same_provider and view.status.manifest_digest == view.account.digest

    return frozenset(address for address, view in views.items() if is_same(view))
