"""What a provider's status says after it was registered or updated, made from what stood there before.

Rules (DESIGN §§5, 6): the circuit and the last good secret version are kept while they speak of the same client and
secret; a circuit that speaks of a client which is another now is probed at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.engine.prepare import Prepared
from reconciler.engine.run import Run
from reconciler.model.desired import DesiredProvider
from reconciler.model.registration import ClientRegistration
from reconciler.model.state import ErrorClass
from reconciler.model.status import Circuit, ProviderStatus, ownership_mark

Change = Callable[[ProviderStatus | None], ProviderStatus]


@dataclass(frozen=True, slots=True)
class Applied:
    """What is in use from now on. `client`: the registration, where it is ours."""

    prepared: Prepared
    client_id: str
    secret_version: int = 0
    record_version: int = 0
    client: ClientRegistration | None = None

    @property
    def desired(self) -> DesiredProvider:
        return self.prepared.desired

    @property
    def secret_path(self) -> str:
        ref = self.desired.client.credential_ref
        return "" if ref is None else str(ref.path)


def applied_status(run: Run, applied: Applied) -> Change:
    """The whole status. What stood before is asked for again at every try, since metadata has no check-and-set."""
    now = run.clock.now()

    def change(before: ProviderStatus | None) -> ProviderStatus:
        desired, found = applied.desired, applied.prepared.found
        same = before is not None and (before.client_id, before.secret_path) == (
            applied.client_id,
            applied.secret_path,
        )
        return ProviderStatus(
            managed_by=ownership_mark(run.owner),
            manifest_digest=desired.digest,
            registration=desired.registration.value,
            registered_at=_registered_at(before, desired, now=now),
            client_id=applied.client_id,
            secret_path=applied.secret_path,
            secret_version=applied.secret_version,
            good_secret_version=before.good_secret_version if before is not None and same else 0,
            issuer=desired.behaviour.issuer or "",
            endpoints=dict(found.endpoints),
            discovered_at=found.at,
            issuer_in_response=found.issuer_in_response,
            pushed_only=found.pushed_only,
            signing_algorithms=found.signing_algorithms,
            redirect_uri=next(iter(desired.redirect_uris), ""),
            more_redirect_uris=desired.redirect_uris[1:],
            record_version=applied.record_version,
            applied_at=now,
            client_secret_expires_at=applied.client.client_secret_expires_at if applied.client else None,
            client_digest=applied.client.metadata_digest if applied.client else "",
            circuit=_circuit(before, applied, now=now),
            calls=before.calls if before is not None else 0,
            called_at=before.called_at if before is not None else None,
            protect=desired.protect,
            deletion_policy=desired.deletion_policy.value,
            source=str(desired.location),
            commit=run.commit,
            actor=run.actor,
            run_url=run.run_url,
            tool=run.tool,
        )

    return change


def announced_status(run: Run, desired: DesiredProvider, *, intent_version: int) -> Change:
    """Says that a registration was begun (`intent_version` of its record), or with 0 that none is open any more."""
    now = run.clock.now()
    op = run.new_op() if intent_version else ""

    def change(before: ProviderStatus | None) -> ProviderStatus:
        stands = before or ProviderStatus(
            managed_by=ownership_mark(run.owner),
            manifest_digest="",
            registration=desired.registration.value,
            registered_at=now,
            source=str(desired.location),
            tool=run.tool,
        )
        return replace(
            stands,
            managed_by=ownership_mark(run.owner),
            intent_op=op,
            intent_since=now if intent_version else None,
            intent_version=intent_version,
        )

    return change


def _registered_at(before: ProviderStatus | None, desired: DesiredProvider, *, now: datetime) -> datetime:
    if before is None or before.removed_at is not None or before.registration != desired.registration.value:
        return now
    return before.registered_at


def _circuit(before: ProviderStatus | None, applied: Applied, *, now: datetime) -> Circuit | None:
    circuit = None if before is None else before.circuit
    if circuit is None or before is None:
        return None
    of_client = circuit.judge in (ErrorClass.CLIENT, ErrorClass.CONFIG)
    changed = (before.manifest_digest, before.client_id, before.secret_version) != (
        applied.desired.digest,
        applied.client_id,
        applied.secret_version,
    )
    return replace(circuit, probe_at=min(now, circuit.probe_at)) if of_client and changed else circuit
