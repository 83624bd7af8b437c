"""Makes a registered provider ready to be called: endpoints known and trusted, client known. Nothing is sent to it.

Rules (DESIGN §§6, 8):
- trust is settled before a secret is read; a secret is read before anything is sent;
- the referenced version is read every run (newest, or pinned); the last one that worked is read too where it is another;
- a client id that changed is a guard, `ClientReplaced`, seen here before any refresh token could be sent by it;
- what is not registered, is another owner's, or was registered halfway, is not ready.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.decide.changes import GuardName
from reconciler.decide.provider_fields import issuer_is_replaced
from reconciler.engine.credentials import dynamic_credentials, last_good_credentials, static_credentials
from reconciler.engine.prepare import Prepared, prepare
from reconciler.engine.provider_ports import NOTHING_ALLOWED, ProviderPorts, RegisterOptions
from reconciler.engine.provider_record import check_owner
from reconciler.engine.run import Run
from reconciler.errors import GuardRefused, PathDenied, ProviderFailed, clean
from reconciler.model.desired import DesiredProvider, Registration
from reconciler.model.observed import ObservedProvider
from reconciler.model.ready import ClientCredentials, ReadyProvider
from reconciler.model.registration import RegistrationRecord
from reconciler.model.status import ProviderStatus
from reconciler.model.trust import TrustView


def ready_provider(
    run: Run,
    desired: DesiredProvider,
    *,
    observed: ObservedProvider,
    trust: TrustView,
    ports: ProviderPorts,
    options: RegisterOptions = NOTHING_ALLOWED,
) -> ReadyProvider:
    """SecretMissing, TrustRefused, GuardRefused, ProviderFailed (unreachable), PathDenied, RecordInvalid otherwise."""
    if observed.unreadable:
        raise PathDenied(f"{desired.address}: {observed.unreadable}")
    check_owner(run, desired.address, metadata=observed.metadata)
    status = observed.status
    if status is None or status.removed_at is not None or not status.client_id:
        raise ProviderFailed(f"{desired.address}: it is not registered", hint="run: reconciler reconcile")
    check_replacement(desired, status, options=options)
    prepared = prepare(run, desired, status=status, trust=trust, ports=ports)
    if desired.registration is Registration.STATIC:
        return static_client(prepared, status=status, ports=ports, options=options)
    return _dynamic_client(run, prepared, ports=ports)


def check_replacement(desired: DesiredProvider, status: ProviderStatus, *, options: RegisterOptions) -> None:
    """GuardRefused where metadata alone proves that another issuer or kind of client would be used."""
    if issuer_is_replaced(desired, status) and not options.allow_issuer_replacement:
        raise GuardRefused(
            f"{desired.address}: IssuerReplaced: its grants come from {clean(status.issuer or 'another server')}",
            hint="if they are to be given up: --allow-issuer-replacement",
            reason=GuardName.ISSUER_REPLACED.value,
        )
    if status.client_id and status.registration != desired.registration.value:
        _refuse_client(desired, status, "its registration changed kind", options=options)


def static_client(
    prepared: Prepared,
    *,
    status: ProviderStatus | None,
    ports: ProviderPorts,
    options: RegisterOptions,
) -> ReadyProvider:
    """With the client that its manifest names, by id or by reference."""
    desired = prepared.desired
    credentials, version = static_credentials(desired, ports, endpoints=prepared.found.endpoints)
    if status is not None and status.client_id and status.client_id != credentials.client_id:
        # What a reference leads to is not shown before it is known to be an id: Git may have moved the reference.
        now = clean(credentials.client_id) if desired.client.id is not None else "another"
        _refuse_client(desired, status, f"its client is now {now}", options=options)
    ready = ready_with(prepared, credentials)
    last_good = last_good_credentials(
        desired, status, credentials, version=version, ports=ports, endpoints=prepared.found.endpoints
    )
    return replace(ready, secret_version=version, last_good=last_good)


def ready_with(prepared: Prepared, credentials: ClientCredentials) -> ReadyProvider:
    desired = prepared.desired
    pushed = desired.behaviour.pushed_authorization
    return ReadyProvider(
        desired=desired,
        endpoints=prepared.endpoints(),
        client=credentials,
        issuer=desired.behaviour.issuer,
        issuer_in_response=prepared.found.issuer_in_response,
        pushes_authorization=prepared.found.pushed_only if pushed is None else pushed,
        signing_algorithms=prepared.found.signing_algorithms,
        redirect_uri=next(iter(desired.redirect_uris), None),
        notes=prepared.found.notes,
    )


def _dynamic_client(run: Run, prepared: Prepared, *, ports: ProviderPorts) -> ReadyProvider:
    stored = run.store.read(run.layout.provider(prepared.desired.address))
    record = None if stored.document is None else RegistrationRecord.from_document(stored.document)
    credentials, version = dynamic_credentials(
        prepared.desired, record, ports=ports, endpoints=prepared.found.endpoints
    )
    ready = ready_with(prepared, credentials)
    return replace(ready, secret_version=version)


def _refuse_client(
    desired: DesiredProvider, status: ProviderStatus, why: str, *, options: RegisterOptions
) -> None:
    if not options.allow_client_replacement:
        raise GuardRefused(
            f"{desired.address}: ClientReplaced: {why}, and its grants belong to {clean(status.client_id)}",
            hint="if they are to be given up: --allow-client-replacement",
            reason=GuardName.CLIENT_REPLACED.value,
        )
