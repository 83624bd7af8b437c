"""Registers a client at its provider (RFC 7591) so that a crash never leaves a second one behind unnoticed.

Rules (DESIGN §§5, 6, issue "Registering providers"):
- an intent is written before the request leaves, in the status (for the plan) and in the record (which decides);
- an open intent blocks: what it brought about is unknown, and only a person can look at the provider and say
  `--register-again`; one that is younger than two HTTP deadlines may be another run at work, and is held;
- a definite refusal takes the intent back; any other end without an answer leaves it, and the report names time and issuer;
- a client that was made is stored with patience, whatever its answer lacked.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.decide.client_metadata import client_metadata, metadata_digest
from reconciler.decide.registration_answer import RegistrationError, judge_created, missing_of
from reconciler.engine.credentials import registered_key
from reconciler.engine.prepare import Prepared
from reconciler.engine.provider_ports import ProviderPorts, RegisterOptions
from reconciler.engine.registration_store import ReadRecord, announce, conclude
from reconciler.engine.run import Run
from reconciler.errors import (
    CasConflict,
    GuardRefused,
    HeldByAnother,
    PathDenied,
    ProviderFailed,
    ProviderUnreachable,
    SecretMissing,
    clean,
)
from reconciler.model.desired import DesiredProvider
from reconciler.model.duration import format_instant
from reconciler.model.endpoint import TrustedUrl
from reconciler.model.names import Address
from reconciler.model.registration import ClientRegistration, IntentKind, RegistrationIntent
from reconciler.model.secret import Secret


@dataclass(frozen=True, slots=True)
class Registering:
    """What is asked for, and where; `issuer` is the name that it will be remembered by."""

    url: TrustedUrl
    metadata: dict[str, object]
    issuer: str

    @property
    def digest(self) -> str:
        return metadata_digest(self.metadata)


def plan_registration(prepared: Prepared, *, ports: ProviderPorts) -> Registering:
    """ProviderFailed where there is nowhere to register, TrustRefused where nothing may be sent there."""
    desired = prepared.desired
    url = prepared.trusted("registration")
    if url is None:
        raise ProviderFailed(
            f"{desired.address}: no registration endpoint is declared, and none was found",
            hint="declare spec.server.endpoints.registration, or register by hand: registration: static",
        )
    issuer = desired.behaviour.issuer or str(url.url.origin)
    return Registering(url, client_metadata(desired, key=registered_key(desired, ports)), issuer)


def check_open_intent(run: Run, address: Address, *, read: ReadRecord, options: RegisterOptions) -> None:
    """HeldByAnother or GuardRefused where a registration was announced and its end is not known."""
    intent = read.intent
    if intent is None or intent.kind is not IntentKind.CREATE or options.register_again:
        return
    begun = f"registering was begun {format_instant(intent.since)} at {clean(intent.issuer)}"
    if _is_young(run, read) and not run.is_dead(intent.holder):
        raise HeldByAnother(
            f"{address}: {begun} by another run",
            hint=f"it runs on {clean(intent.holder.host)} as process {intent.holder.pid}",
        )
    raise GuardRefused(
        f"{address}: {begun} and never finished: a client may exist there that nobody knows",
        hint=f"look for it there and remove it, then run: reconciler reconcile --register-again {address}",
        reason="InterruptedRegistration",
    )


def create_client(
    run: Run, prepared: Prepared, *, read: ReadRecord, registering: Registering, ports: ProviderPorts
) -> ReadRecord:
    """Announce, ask, keep. `read` is the record as it stands; what is returned is the record with the client."""
    desired = prepared.desired
    if ports.registration is None:
        raise ProviderFailed(f"{desired.address}: clients are registered by reconcile only")
    token = initial_token(prepared, registering.url, ports=ports)
    try:
        held = announce(run, desired.address, read=read, kind=IntentKind.CREATE, issuer=registering.issuer)
    except CasConflict:
        raise HeldByAnother(f"{desired.address}: another run is registering it") from None
    run.failpoint("register.intent-written")
    outcome = ports.registration.send("POST", registering.url, body=registering.metadata, bearer=token)
    run.failpoint("register.answer-received")
    judged = judge_created(
        outcome, asked=desired.behaviour.client_auth, issuer=registering.issuer, digest=registering.digest
    )
    if isinstance(judged, RegistrationError):
        raise _failed(run, desired, held=held, problem=judged, registering=registering)
    try:
        kept = conclude(run, desired.address, read=held, client=judged)
    except CasConflict:
        raise _surplus(run, prepared, client=judged, ports=ports) from None
    run.failpoint("register.committed")
    return kept


def unusable(desired: DesiredProvider, client: ClientRegistration) -> str:
    """What a stored client lacks, in words; '' where it can be used."""
    return missing_of(client, asked=desired.behaviour.client_auth)


def initial_token(prepared: Prepared, url: TrustedUrl, *, ports: ProviderPorts) -> Secret | None:
    """Only creating needs it: a client that is registered lives on when a token for one use is long gone."""
    desired = prepared.desired
    ref = desired.client.initial_access_token_ref
    if ref is None:
        return None
    prepared.permit(url.url, credential=str(ref.path))
    try:
        return ports.secrets.read(ref).secret
    except (SecretMissing, PathDenied) as problem:
        raise type(problem)(f"{desired.address}: {problem.message}", hint=problem.hint) from None


def _is_young(run: Run, read: ReadRecord) -> bool:
    if read.created_time is None:
        return False
    return run.store.server_time() - read.created_time < 2 * run.limits.http_deadline


def _failed(
    run: Run,
    desired: DesiredProvider,
    *,
    held: ReadRecord,
    problem: RegistrationError,
    registering: Registering,
) -> ProviderFailed:
    where = f"{desired.address}: {clean(registering.issuer)} did not register a client: {problem.message}"
    if problem.definite:
        try:
            conclude(run, desired.address, read=held, client=held.client)
        except CasConflict:
            run.events.warning("registration.taken-over", address=str(desired.address))
        if problem.retryable:
            return ProviderUnreachable(where)
        return ProviderFailed(where, hint=_refusal_hint(problem))
    since = _since(held.intent)
    return ProviderFailed(
        f"{where}; whether it made one at {since} is not known",
        hint=f"look for it there and remove it, then run: reconciler reconcile --register-again {desired.address}",
    )


def _since(intent: RegistrationIntent | None) -> str:
    return "" if intent is None else format_instant(intent.since)


def _refusal_hint(problem: RegistrationError) -> str:
    if problem.status in (401, 403):
        return "it wants an initial access token: spec.client.initialAccessTokenRef, or a fresh one there"
    return "compare spec with what this server lets clients register"


def _surplus(
    run: Run, prepared: Prepared, *, client: ClientRegistration, ports: ProviderPorts
) -> ProviderFailed:
    """Somebody registered again while we waited: ours is one too many, so it is removed, or at least named."""
    from reconciler.engine.client_configuration import delete_client

    address = prepared.desired.address
    named = f"client {clean(client.client_id)} at {clean(client.issuer)}"
    try:
        problem = delete_client(prepared.reach, client=client, ports=ports)
    except (ProviderFailed, GuardRefused) as refused:
        problem = RegistrationError(refused.message, definite=False)
    run.events.warning("registration.surplus", address=str(address), removed=problem is None)
    if problem is None:
        return ProviderFailed(
            f"{address}: another run registered it meanwhile; our {named} was removed again"
        )
    return ProviderFailed(
        f"{address}: another run registered it meanwhile, and our {named} is one too many: {problem.message}",
        hint="remove it there by hand",
    )


def same_server(client: ClientRegistration, *, registering: Registering) -> bool:
    """True where the stored client was made by the server that would be asked now."""
    return client.issuer in (registering.issuer, str(registering.url.url.origin))
