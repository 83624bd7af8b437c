"""Makes a registered provider ready to be called: endpoints known and trusted, client known. Nothing is sent to it.

Rules (DESIGN §§6, 8):
- trust is settled before a secret is read; a secret is read before anything is sent;
- the referenced version is read every run (newest, or pinned); the last one that worked is read too where it is another;
- a client id that changed is a guard, `ClientReplaced`, seen here before any refresh token could be sent by it;
- what is not registered, is another owner's, or was registered halfway, is not ready.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.decide.provider_fields import issuer_is_replaced
from reconciler.engine.prepare import Prepared, prepare
from reconciler.engine.provider_ports import NOTHING_ALLOWED, ProviderPorts, RegisterOptions
from reconciler.engine.provider_record import check_owner
from reconciler.engine.run import Run
from reconciler.errors import GuardRefused, ObjectFailed, PathDenied, ProviderFailed, SecretMissing, clean
from reconciler.model.behaviour import ClientAuth
from reconciler.model.desired import DesiredProvider, Registration, SecretRef
from reconciler.model.literal import looks_secret
from reconciler.model.observed import ObservedProvider
from reconciler.model.ready import ClientCredentials, ReadyProvider
from reconciler.model.registration import RegistrationRecord
from reconciler.model.secret import Secret
from reconciler.model.status import ProviderStatus
from reconciler.model.trust import TrustView

_LONGEST_ID = 512


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
        return static_client(prepared, status=status, observed=observed, ports=ports, options=options)
    return _dynamic_client(run, prepared, observed=observed)


def check_replacement(desired: DesiredProvider, status: ProviderStatus, *, options: RegisterOptions) -> None:
    """GuardRefused where metadata alone proves that another issuer or kind of client would be used."""
    if issuer_is_replaced(desired, status) and not options.allow_issuer_replacement:
        raise GuardRefused(
            f"{desired.address}: IssuerReplaced: its grants come from {clean(status.issuer or 'another server')}",
            hint="if they are to be given up: --allow-issuer-replacement",
            reason="IssuerReplaced",
        )
    if status.client_id and status.registration != desired.registration.value:
        _refuse_client(desired, status, "its registration changed kind", options=options)


def static_client(
    prepared: Prepared,
    *,
    status: ProviderStatus | None,
    observed: ObservedProvider,
    ports: ProviderPorts,
    options: RegisterOptions,
) -> ReadyProvider:
    """With the client that its manifest names, by id or by reference."""
    desired = prepared.desired
    credentials, version = static_credentials(desired, ports)
    if status is not None and status.client_id and status.client_id != credentials.client_id:
        # What a reference leads to is not shown before it is known to be an id: Git may have moved the reference.
        now = clean(credentials.client_id) if desired.client.id is not None else "another"
        _refuse_client(desired, status, f"its client is now {now}", options=options)
    ready = ready_with(prepared, credentials, observed=observed)
    last_good = _last_good(desired, status, credentials, version=version, ports=ports)
    return replace(
        ready,
        secret_version=version,
        last_good=last_good,
        last_good_version=None if last_good is None or status is None else status.good_secret_version,
    )


def ready_with(
    prepared: Prepared, credentials: ClientCredentials, *, observed: ObservedProvider
) -> ReadyProvider:
    desired = prepared.desired
    return ReadyProvider(
        desired=desired,
        endpoints=prepared.endpoints(),
        client=credentials,
        issuer=desired.behaviour.issuer,
        issuer_in_response=prepared.found.issuer_in_response,
        metadata_version=observed.metadata.current_version if observed.metadata else 0,
        redirect_uri=next(iter(desired.redirect_uris), None),
        notes=prepared.found.notes,
    )


def dynamic_credentials(desired: DesiredProvider, record: RegistrationRecord | None) -> ClientCredentials:
    """The client that we registered. ProviderFailed where there is none, or it cannot be used."""
    client = None if record is None else record.client
    if client is None:
        raise ProviderFailed(f"{desired.address}: it is not registered", hint="run: reconciler reconcile")
    if client.auth is not ClientAuth.NONE and client.client_secret is None:
        raise ProviderFailed(
            f"{desired.address}: client {clean(client.client_id)} was registered without a client secret",
            hint="remove it at the provider and register another",
        )
    secret = None if client.auth is ClientAuth.NONE else client.client_secret
    return ClientCredentials(client.client_id, secret, client.auth, desired.behaviour.basic_encoding)


def _dynamic_client(run: Run, prepared: Prepared, *, observed: ObservedProvider) -> ReadyProvider:
    stored = run.store.read(run.layout.provider(prepared.desired.address))
    record = None if stored.document is None else RegistrationRecord.from_document(stored.document)
    credentials = dynamic_credentials(prepared.desired, record)
    return replace(ready_with(prepared, credentials, observed=observed), metadata_version=stored.version)


def static_credentials(
    desired: DesiredProvider, ports: ProviderPorts
) -> tuple[ClientCredentials, int | None]:
    """The client that a manifest names, and the KV version of its secret (None for a public client)."""
    client, behaviour = desired.client, desired.behaviour
    secret = None if client.secret_ref is None else _read(desired, client.secret_ref, ports)
    if client.id is not None:
        client_id = client.id
    elif client.id_ref is not None:
        client_id = _referenced_id(desired, client.id_ref, secret=secret[0] if secret else None, ports=ports)
    else:
        raise ProviderFailed(f"{desired.address}: its client has no id")
    auth = behaviour.client_auth if secret else ClientAuth.NONE
    credentials = ClientCredentials(client_id, secret[0] if secret else None, auth, behaviour.basic_encoding)
    return credentials, secret[1] if secret else None


def _referenced_id(
    desired: DesiredProvider, ref: SecretRef, *, secret: Secret | None, ports: ProviderPorts
) -> str:
    """A client id is shown, recorded and sent through a browser: what may be a secret does not become one."""
    found = _read(desired, ref, ports)[0]
    client_id = found.reveal()
    if not client_id.isprintable() or len(client_id) > _LONGEST_ID:
        raise SecretMissing(f"{desired.address}: what stands at {ref} is no client id")
    if found == secret or looks_secret(client_id, known_only=True):
        raise SecretMissing(
            f"{desired.address}: what stands at {ref} is a secret, and a client id is none",
            hint="let spec.client.idRef name the key that holds the client id",
        )
    return client_id


def _last_good(
    desired: DesiredProvider,
    status: ProviderStatus | None,
    credentials: ClientCredentials,
    *,
    version: int | None,
    ports: ProviderPorts,
) -> ClientCredentials | None:
    """The credentials that worked last, where they are of another version of the same secret and the same client."""
    ref, id_ref = desired.client.secret_ref, desired.client.id_ref
    if ref is None or version is None or status is None or status.secret_path != str(ref.path):
        return None
    good = status.good_secret_version
    if good in (0, version):
        return None
    try:
        if (
            id_ref is not None
            and ports.secrets.read(id_ref, version=good).secret.reveal() != credentials.client_id
        ):
            return None
        return replace(credentials, secret=ports.secrets.read(ref, version=good).secret)
    except ObjectFailed:
        return None  # it is gone from the store, or denied: then there is nothing to fall back on


def _read(desired: DesiredProvider, ref: SecretRef, ports: ProviderPorts) -> tuple[Secret, int]:
    """What the reference leads to, and its version; errors name the provider."""
    try:
        found = ports.secrets.read(ref)
    except (SecretMissing, PathDenied) as problem:
        raise type(problem)(f"{desired.address}: {problem.message}", hint=problem.hint) from None
    return found.secret, found.version


def _refuse_client(
    desired: DesiredProvider, status: ProviderStatus, why: str, *, options: RegisterOptions
) -> None:
    if not options.allow_client_replacement:
        raise GuardRefused(
            f"{desired.address}: ClientReplaced: {why}, and its grants belong to {clean(status.client_id)}",
            hint="if they are to be given up: --allow-client-replacement",
            reason="ClientReplaced",
        )
