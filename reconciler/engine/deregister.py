"""Takes a provider out: its status, its record, and, where its stored policy says so, its client at the server.

Rules (DESIGN §8):
- only what bears our mark is touched; what to do is what the *stored* record says, since the manifest is gone;
- `Revoke` deletes the client (RFC 7592 §2.3) and then the record; where the server refuses, everything stays;
- `Orphan` sets the record of a client of ours aside, so that a provider declared again is taken up and not
  registered twice; only a purge destroys it;
- a static client is its owner's: only our status of it goes.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.decide.provider_change import ProviderChange
from reconciler.decide.results import Outcome, Result
from reconciler.decide.trust_origins import own_credential
from reconciler.engine.client_configuration import remove_client
from reconciler.engine.dynamic_registration import check_open_intent
from reconciler.engine.prepare import Reach
from reconciler.engine.provider_ports import ProviderPorts, RegisterOptions
from reconciler.engine.provider_record import check_owner, write_status
from reconciler.engine.registration_store import blank_record, commit, read_record
from reconciler.engine.run import Run
from reconciler.engine.trust import read_binding
from reconciler.errors import PathDenied, RecordInvalid, WriteUnclear, clean
from reconciler.model.desired import DesiredProvider, Registration
from reconciler.model.names import Address
from reconciler.model.observed import ObservedProvider
from reconciler.model.state import DeletionPolicy
from reconciler.model.status import ProviderStatus
from reconciler.model.store_path import StorePath
from reconciler.model.trust import TrustView


def deregister(
    run: Run,
    change: ProviderChange,
    *,
    observed: ObservedProvider,
    trust: TrustView,
    ports: ProviderPorts,
    options: RegisterOptions,
) -> Result:
    """ProviderFailed, TrustRefused, GuardRefused or RecordInvalid where it stays as it is."""
    address = change.address
    if observed.unreadable:
        raise PathDenied(f"{address}: {observed.unreadable}")
    path = run.layout.provider(address)
    metadata = run.store.read_metadata(path)
    check_owner(run, address, metadata=metadata)
    status = None if metadata is None else ProviderStatus.from_metadata(metadata.custom)
    if metadata is not None and status is None:
        raise RecordInvalid(f"{path}: its status is unreadable, so what to do with it is not known")
    read = read_record(run, address)
    again = RegisterOptions(register_again=options.register_again or options.purge)
    check_open_intent(run, address, read=read, options=again)
    if status is None or read.client is None:
        _purge(run, path)
        message = "deregistered: its status is removed, the client stays at its provider"
    elif status.deletion_policy == DeletionPolicy.REVOKE.value:
        reach = _reach(run, address, trust=trust)
        remove_client(run, reach, read=read, ports=ports)
        _purge(run, path)
        message = (
            f"deregistered: client {clean(read.client.client_id)} is deleted at {clean(read.client.issuer)}"
        )
    elif options.purge:
        _purge(run, path)
        message = "deregistered: its record is destroyed, the client stays at its provider"
    else:
        _set_aside(run, address)
        message = "deregistered: its record is set aside, the client stays at its provider"
    return Result(address, change.action.value, Outcome.DONE, message=message, location=change.location)


def leave_dynamic_client(
    run: Run,
    desired: DesiredProvider,
    *,
    status: ProviderStatus | None,
    trust: TrustView,
    ports: ProviderPorts,
) -> tuple[str, ...]:
    """What becomes of a client of ours whose provider is now registered by hand: words for the report."""
    if status is None or status.registration != Registration.DYNAMIC.value:
        return ()
    read = read_record(run, desired.address)
    if read.client is None:
        return ()
    named = f"client {clean(read.client.client_id)}"
    if status.deletion_policy != DeletionPolicy.REVOKE.value:
        return (f"{named}, which was registered before, stays at {clean(read.client.issuer)}",)
    held = remove_client(run, _reach(run, desired.address, trust=trust), read=read, ports=ports)
    commit(run, desired.address, read=held, record=blank_record(run))
    return (f"{named}, which was registered before, is deleted at {clean(read.client.issuer)}",)


def _purge(run: Run, path: StorePath) -> None:
    try:
        run.store.purge(path)
    except WriteUnclear:
        run.store.purge(path)  # destroying is the same once or twice


def _reach(run: Run, address: Address, *, trust: TrustView) -> Reach:
    """Where the client's credential may go, by what is bound: no manifest says so any more."""
    binding = read_binding(run.store, run.layout, credential=own_credential(address))
    return Reach(address, binding, trust.settings.loopback)


def _set_aside(run: Run, address: Address) -> None:
    now = run.clock.now()

    def change(before: ProviderStatus | None) -> ProviderStatus:
        if before is None:
            raise RecordInvalid(f"{address}: its status has become unreadable")
        return replace(before, removed_at=now, circuit=None)

    write_status(run, address, change=change)
