"""The providers' part of a run: carries out what the plan says of each, and makes those ready that are needed.

Rules (DESIGN §§5, 8):
- a provider is touched only where its manifest or its secret changed, or one of its accounts is due: a run with nothing
  to do reads no secret;
- one that fails, is refused or is blocked costs its own accounts only, and they are held without a call;
- in parallel; each for itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from reconciler.decide.changes import Change, GuardName
from reconciler.decide.plan_options import PlanOptions
from reconciler.decide.results import Result
from reconciler.engine.observe import observe_provider
from reconciler.engine.provider_ports import ProviderPorts, RegisterOptions
from reconciler.engine.ready import ready_provider
from reconciler.engine.register import apply_provider
from reconciler.engine.run import Run
from reconciler.engine.settle import each, result_of_error, stopped
from reconciler.errors import PathDenied
from reconciler.model.desired import Desired, DesiredProvider
from reconciler.model.names import Address
from reconciler.model.observed import Observed, ObservedProvider
from reconciler.model.ready import ReadyProvider
from reconciler.model.trust import TrustView


@dataclass(frozen=True, slots=True)
class ProviderOutcome:
    """`ready` None: its accounts are held, because of `why`. `observed`: what its metadata says now."""

    address: Address
    result: Result | None
    ready: ReadyProvider | None
    observed: ObservedProvider
    why: str = ""


@dataclass(slots=True)
class Providers:
    """What is known of the providers in this run, as it grows."""

    run: Run
    desired: Desired
    observed: Observed
    options: PlanOptions
    ports: ProviderPorts
    purge: bool = False
    outcomes: dict[Address, ProviderOutcome] = field(default_factory=dict)

    @property
    def trust(self) -> TrustView | None:
        return self.observed.trust

    def seen(self, address: Address) -> ObservedProvider:
        """Its metadata, as of now as far as this run knows."""
        known = self.outcomes.get(address)
        return known.observed if known else self.observed.providers.get(address, ObservedProvider(address))

    def apply(self, changes: Iterable[Change]) -> list[Result]:
        """Register, update, adopt. One result each."""
        outcomes = each(self.run, self._applied, list(changes), stage="providers")
        self.outcomes.update({outcome.address: outcome for outcome in outcomes})
        return [outcome.result for outcome in outcomes if outcome.result is not None]

    def make_ready(self, addresses: Iterable[Address]) -> list[Result]:
        """Those that are needed and not ready yet. A result only for one that failed."""
        wanted = [self.desired.providers[a] for a in addresses if a not in self.outcomes]
        outcomes = each(self.run, self._readied, wanted, stage="providers")
        self.outcomes.update({outcome.address: outcome for outcome in outcomes})
        return [outcome.result for outcome in outcomes if outcome.result is not None]

    def ready(self, address: Address) -> ReadyProvider | None:
        known = self.outcomes.get(address)
        return known.ready if known else None

    def register_options(self, address: Address) -> RegisterOptions:
        allowed = self.options.allowed
        return RegisterOptions(
            register_again=self.options.may_register_again(address),
            allow_client_replacement=GuardName.CLIENT_REPLACED in allowed,
            allow_issuer_replacement=GuardName.ISSUER_REPLACED in allowed,
            purge=self.purge,
        )

    def _applied(self, change: Change) -> ProviderOutcome:
        address, before = change.address, self.seen(change.address)
        if self.run.stop.is_set():
            result = stopped(address, action=change.action.value, location=change.location)
            return ProviderOutcome(address, result, None, before, result.message)
        if change.provider_change is None:
            raise ValueError("a provider's change carries what is to be done")
        try:
            if self.trust is None:
                raise PathDenied(f"{address}: {self.observed.trust_unreadable}")
            with self.run.in_flight.working(address):
                result, ready = apply_provider(
                    self.run,
                    change.provider_change,
                    desired=self.desired.providers.get(address),
                    observed=before,
                    trust=self.trust,
                    ports=self.ports,
                    options=self.register_options(address),
                )
            after = observe_provider(self.run.store, self.run.layout, address)
        except Exception as error:  # noqa: BLE001  one provider's surprise must not end the others' work
            result = result_of_error(error, address, action=change.action.value, location=change.location)
            return ProviderOutcome(address, result, None, before, result.message)
        why = "" if ready is not None else result.message or result.error
        return ProviderOutcome(address, result, ready, after, why)

    def _readied(self, provider: DesiredProvider) -> ProviderOutcome:
        address, seen = provider.address, self.seen(provider.address)
        if self.run.stop.is_set():
            # Making one ready may ask it (discovery), a deadline long: after a stop nothing new is begun.
            result = stopped(address, action="ready", location=provider.location)
            return ProviderOutcome(address, result, None, seen, result.message)
        if self.trust is None:
            return ProviderOutcome(address, None, None, seen, self.observed.trust_unreadable)
        try:
            with self.run.in_flight.working(address):
                ready = ready_provider(
                    self.run,
                    provider,
                    observed=seen,
                    trust=self.trust,
                    ports=self.ports,
                    options=self.register_options(address),
                )
        except Exception as error:  # noqa: BLE001  one provider's surprise must not end the others' work
            result = result_of_error(error, address, action="ready", location=provider.location)
            return ProviderOutcome(address, result, None, seen, result.message)
        return ProviderOutcome(address, None, ready, seen)
