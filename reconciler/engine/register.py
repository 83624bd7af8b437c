"""Carries out what a plan says of one provider: register, update, adopt, deregister.

Rules (DESIGN §§5, 6, 8):
- nothing is sent before references, endpoints and trust are settled; what fails there changes nothing;
- the status is written last and says what is now in use; a circuit and the last good secret version outlive it;
- a foreign owner's key is written for `adopt` alone, which a guard has let pass;
- one provider's failure is its own Result; only the store as a whole ends the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from reconciler.decide.provider_change import ProviderAction, ProviderChange, ProviderReason
from reconciler.decide.registering import RENEW_BEFORE
from reconciler.decide.results import Outcome, Result
from reconciler.engine.client_configuration import ClientGone, read_client, update_client
from reconciler.engine.credentials import dynamic_credentials, key_version
from reconciler.engine.deregister import deregister, leave_dynamic_client
from reconciler.engine.dynamic_registration import (
    Registering,
    check_open_intent,
    create_client,
    initial_token,
    plan_registration,
    same_server,
    unusable,
)
from reconciler.engine.prepare import Prepared, prepare
from reconciler.engine.provider_ports import NOTHING_ALLOWED, ProviderPorts, RegisterOptions
from reconciler.engine.provider_record import check_owner, write_status
from reconciler.engine.provider_status import Applied, announced_status, applied_status
from reconciler.engine.ready import check_replacement, ready_with, static_client
from reconciler.engine.registration_store import ReadRecord, commit, read_record
from reconciler.engine.run import Run
from reconciler.errors import (
    CasConflict,
    GuardRefused,
    HeldByAnother,
    PathDenied,
    ProviderFailed,
    ReconcilerError,
    SecretMissing,
    StoreError,
    TrustRefused,
    clean,
)
from reconciler.model.desired import DesiredProvider, Registration
from reconciler.model.observed import ObservedProvider
from reconciler.model.ready import ReadyProvider
from reconciler.model.registration import ClientRegistration, IntentKind
from reconciler.model.state import Reason
from reconciler.model.status import ProviderStatus
from reconciler.model.trust import TrustView

_PAST = {
    ProviderAction.REGISTER: "registered",
    ProviderAction.UPDATE: "updated",
    ProviderAction.ADOPT: "adopted",
    ProviderAction.DEREGISTER: "deregistered",
}


@dataclass(frozen=True, slots=True)
class Task:
    """One change of one declared provider, and all that it needs."""

    run: Run
    change: ProviderChange
    desired: DesiredProvider
    observed: ObservedProvider
    trust: TrustView
    ports: ProviderPorts
    options: RegisterOptions

    @property
    def status(self) -> ProviderStatus | None:
        return self.observed.status

    @property
    def adopts(self) -> bool:
        return self.change.action is ProviderAction.ADOPT


def apply_provider(
    run: Run,
    change: ProviderChange,
    *,
    desired: DesiredProvider | None,
    observed: ObservedProvider,
    trust: TrustView,
    ports: ProviderPorts,
    options: RegisterOptions = NOTHING_ALLOWED,
) -> tuple[Result, ReadyProvider | None]:
    """Do what `change` says. With the provider where it may be called now. StoreError where the store is gone."""
    try:
        if desired is None or change.action is ProviderAction.DEREGISTER:
            return deregister(run, change, observed=observed, trust=trust, ports=ports, options=options), None
        return _apply(Task(run, change, desired, observed, trust, ports, options))
    except StoreError:
        raise
    except ReconcilerError as problem:
        return failed(change, problem), None


def failed(change: ProviderChange, problem: ReconcilerError) -> Result:
    """What an error makes of a change."""
    outcome, reason = Outcome.FAILED, Reason.PROVIDER_NOT_READY.value
    match problem:
        case TrustRefused():
            outcome, reason = Outcome.REFUSED, Reason.NOT_TRUSTED.value
        case GuardRefused():
            outcome, reason = Outcome.REFUSED, problem.reason
        case HeldByAnother() | CasConflict():
            outcome, reason = Outcome.HELD, "HeldByAnother"
        case SecretMissing():
            reason = Reason.SECRET_MISSING.value
        case PathDenied():
            reason = Reason.STORE_UNREADABLE.value
        case _:
            pass
    return Result(
        address=change.address,
        action=change.action.value,
        outcome=outcome,
        reason=reason,
        error=problem.message,
        hint=problem.hint or "",
        location=change.location,
        code=problem.exit_code,
    )


def _apply(task: Task) -> tuple[Result, ReadyProvider | None]:
    run, desired = task.run, task.desired
    if task.observed.unreadable:
        raise PathDenied(f"{desired.address}: {task.observed.unreadable}")
    metadata = run.store.read_metadata(run.layout.provider(desired.address))
    if not task.adopts:
        check_owner(run, desired.address, metadata=metadata)
    if task.status is not None and not task.adopts:
        check_replacement(desired, task.status, options=_passed(task))
    prepared = prepare(run, desired, status=_own_status(task), trust=task.trust, ports=task.ports)
    match desired.registration:
        case Registration.STATIC:
            return _apply_static(task, prepared)
        case Registration.DYNAMIC:
            return _apply_dynamic(task, prepared)
        case _:
            assert_never(desired.registration)


def _apply_static(task: Task, prepared: Prepared) -> tuple[Result, ReadyProvider | None]:
    run, desired = task.run, task.desired
    ready = static_client(
        prepared,
        status=_own_status(task),
        ports=task.ports,
        options=_passed(task),
    )
    warnings = leave_dynamic_client(
        run, desired, status=_own_status(task), trust=task.trust, ports=task.ports
    )
    applied = Applied(prepared, ready.client.client_id, secret_version=ready.secret_version or 0)
    write_status(run, desired.address, change=applied_status(run, applied), adopt=task.adopts)
    return _done(task, prepared, version=0, warnings=warnings), ready


def _apply_dynamic(task: Task, prepared: Prepared) -> tuple[Result, ReadyProvider | None]:
    run, desired = task.run, task.desired
    registering = plan_registration(prepared, ports=task.ports)
    read = read_record(run, desired.address, adopt=task.adopts)
    check_open_intent(run, desired.address, read=read, options=task.options)
    known = read.client
    warnings: tuple[str, ...] = ()
    if _begins_anew(read) or known is None or not same_server(known, registering=registering):
        warnings = _left_behind(known)
        read = _create(task, prepared, read=read, registering=registering)
    elif read.intent is not None or known.metadata_digest != registering.digest:
        read = _update(task, prepared, read=read, registering=registering)
    elif task.change.reason is ProviderReason.CLIENT_SECRET_EXPIRING:
        read = _renew(task, prepared, read=read, registering=registering)
    elif task.adopts and read.record is not None:
        read = commit(run, desired.address, read=read, record=read.record)
    return _finish_dynamic(task, prepared, read=read, warnings=warnings)


def _create(task: Task, prepared: Prepared, *, read: ReadRecord, registering: Registering) -> ReadRecord:
    """Announced in the status too, so that the plan knows; taken back there where nothing came of it."""
    run, address = task.run, task.desired.address
    initial_token(prepared, registering.url, ports=task.ports)  # what is missing is missed before announcing
    change = announced_status(run, task.desired, intent_version=read.version + 1)
    write_status(run, address, change=change, adopt=task.adopts)
    try:
        return create_client(run, prepared, read=read, registering=registering, ports=task.ports)
    except ProviderFailed:
        if read_record(run, address).intent is None:
            write_status(run, address, change=announced_status(run, task.desired, intent_version=0))
        raise


def _update(task: Task, prepared: Prepared, *, read: ReadRecord, registering: Registering) -> ReadRecord:
    try:
        return update_client(
            task.run, prepared.reach, read=read, metadata=registering.metadata, ports=task.ports
        )
    except ClientGone:
        anew = read_record(task.run, task.desired.address)
        return _create(task, prepared, read=anew, registering=registering)


def _renew(task: Task, prepared: Prepared, *, read: ReadRecord, registering: Registering) -> ReadRecord:
    """The server may have renewed the secret already: then reading the client brings it. Else an update is its occasion."""
    read, client = read_client(task.run, prepared.reach, read=read, ports=task.ports)
    ends = client.client_secret_expires_at
    if ends is None or ends - task.run.clock.now() >= RENEW_BEFORE:
        return read
    return _update(task, prepared, read=read, registering=registering)


def _begins_anew(read: ReadRecord) -> bool:
    """An interrupted registration that a person lets us repeat."""
    return read.intent is not None and read.intent.kind is IntentKind.CREATE


def _left_behind(known: ClientRegistration | None) -> tuple[str, ...]:
    if known is None:
        return ()
    return (f"client {clean(known.client_id)} stays registered at {clean(known.issuer)}",)


def _finish_dynamic(
    task: Task, prepared: Prepared, *, read: ReadRecord, warnings: tuple[str, ...]
) -> tuple[Result, ReadyProvider | None]:
    run, desired, client = task.run, task.desired, read.client
    if client is None:  # pragma: no cover - both ways here end with a client on record
        raise ProviderFailed(f"{desired.address}: no client of ours is on record")
    version = key_version(desired, task.ports)
    applied = Applied(
        prepared, client.client_id, secret_version=version or 0, record_version=read.version, client=client
    )
    write_status(run, desired.address, change=applied_status(run, applied), adopt=task.adopts)
    if lacking := unusable(desired, client):
        raise ProviderFailed(
            f"{desired.address}: client {client.client_id} cannot be used: {lacking}",
            hint="correct spec.server.clientAuth, or remove the client there and register another",
        )
    credentials, version = dynamic_credentials(
        desired, read.record, ports=task.ports, endpoints=prepared.found.endpoints
    )
    ready = replace(ready_with(prepared, credentials), secret_version=version)
    return _done(task, prepared, version=read.version, warnings=warnings), ready


def _own_status(task: Task) -> ProviderStatus | None:
    """The recorded status, where it is ours: what another owner recorded says nothing of what we sent."""
    return None if task.adopts else task.status


def _passed(task: Task) -> RegisterOptions:
    """What the plan's guards let pass is allowed here: they have shown it to a person."""
    given = task.options
    return RegisterOptions(
        register_again=given.register_again,
        allow_client_replacement=given.allow_client_replacement or task.change.client_replaced,
        allow_issuer_replacement=given.allow_issuer_replacement or task.change.issuer_replaced,
        purge=given.purge,
    )


def _done(task: Task, prepared: Prepared, *, version: int, warnings: tuple[str, ...]) -> Result:
    change = task.change
    path = task.run.layout.provider(change.address)
    numbered = f" (version {version})" if version else ""
    said: Mapping[bool, str] = {True: f", {change.message}", False: ""}
    updated = change.action is ProviderAction.UPDATE and bool(change.message)
    return Result(
        address=change.address,
        action=change.action.value,
        outcome=Outcome.DONE,
        message=f"{_PAST[change.action]}{said[updated]}, written to {path}{numbered}",
        location=change.location,
        warnings=(*warnings, *prepared.found.notes),
    )
