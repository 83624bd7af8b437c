"""A declared provider's part in a plan: what `registering.compare` proposes, as a change or as what blocks it.

Rules:
- what the store would not tell blocks (unknown never creates); a missing secret blocks, and names the reference;
- a registration that was interrupted is not repeated unless somebody says so: a client may exist that nobody knows;
- a credential that would go to an origin it is not bound to blocks as TRUST CHANGE, exit 3;
- a blocked provider is left as it is, and its accounts are held without a call.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.decide.changes import Action, Blocked, Change, Risk
from reconciler.decide.plan_options import PlanOptions
from reconciler.decide.provider_change import ProviderAction, ProviderChange, ProviderReason
from reconciler.decide.registering import compare
from reconciler.decide.secret_versions import missing_secret
from reconciler.decide.trust import judge, shown_origins
from reconciler.errors import clean
from reconciler.model.desired import Desired, DesiredProvider, Registration
from reconciler.model.names import Address
from reconciler.model.observed import Observed, ObservedProvider
from reconciler.model.state import Reason

_ACTIONS = {
    ProviderAction.REGISTER: Action.REGISTER,
    ProviderAction.UPDATE: Action.UPDATE,
    ProviderAction.ADOPT: Action.ADOPT,
    ProviderAction.DEREGISTER: Action.DEREGISTER,
}


def provider_change(
    address: Address, desired: Desired, observed: Observed, *, options: PlanOptions
) -> Change | Blocked | None:
    """What is due for one provider, declared or only stored."""
    seen = observed.providers.get(address, ObservedProvider(address))
    provider = desired.providers.get(address)
    if seen.unreadable:
        return _unreadable(address, provider, seen)
    proposed = compare(provider, seen, secrets=observed.secrets, owner=options.owner, now=observed.now)
    if provider is not None:
        refused, binding = _judged_trust(provider, seen, observed)
        if refused is not None:
            return refused
        if proposed is not None:
            proposed = replace(proposed, notes=(*proposed.notes, *_console(provider, proposed), *binding))
    if proposed is None:
        return None
    if provider is not None and proposed.reason is ProviderReason.FIRST_SEEN:
        registered = _registered_before(provider, observed)
        if registered is not None:
            return registered
    if proposed.blocked:
        return _without_secret(proposed, provider, observed)
    if proposed.interrupted_since is not None and not options.may_register_again(address):
        return _interrupted(proposed, provider)
    return _as_change(proposed)


def _registered_before(provider: DesiredProvider, observed: Observed) -> Blocked | None:
    """A client that a server registered for us is known by its record, and trust is bound to the record's name: under
    another name a second client would be registered, unknown to every grant of the first."""
    for former in provider.previous:
        seen = observed.providers.get(former)
        status = seen.status if seen else None
        if (
            status is None
            or status.registration != Registration.DYNAMIC.value
            or status.removed_at is not None
        ):
            continue
        if provider.registration is Registration.DYNAMIC and status.client_id:
            return Blocked(
                provider.address,
                "RenameUnsupported",
                f"{former} registered a client at the server, which keeps its name here",
                hint=f"call it {former.name} again; its accounts may be renamed",
                location=provider.location,
            )
    return None


def _without_secret(
    proposed: ProviderChange, provider: DesiredProvider | None, observed: Observed
) -> Blocked:
    missing = missing_secret(provider, observed.secrets) if provider else None
    command = f"reconciler secret set {missing.path} {missing.key}" if missing else "reconciler secret list"
    return Blocked(
        proposed.address,
        Reason.SECRET_MISSING.value,
        f"{proposed.blocked}; put it there, or correct the reference",
        hint=command,
        location=proposed.location,
        notes=proposed.notes,
    )


def _console(provider: DesiredProvider, proposed: ProviderChange) -> tuple[str, ...]:
    """Where the client is registered by hand, and its secret comes from."""
    url = provider.behaviour.console.url
    by_hand = proposed.action is ProviderAction.REGISTER and provider.registration is Registration.STATIC
    return (f"its console: {clean(url, cap=300)}",) if url and by_hand else ()


def _judged_trust(
    provider: DesiredProvider, seen: ObservedProvider, observed: Observed
) -> tuple[Blocked | None, tuple[str, ...]]:
    """What trust refuses, or notes on what will be bound at first use. Discovered endpoints are those on record."""
    if observed.trust is None:
        why = observed.trust_unreadable or "the settings of trust were not read"
        hint = "give the login's policy read on the data of trust/"
        return Blocked(
            provider.address, Reason.NOT_TRUSTED.value, why, hint=hint, location=provider.location
        ), ()
    reference = observed.refused_references.get(provider.address)
    if reference is not None:
        blocked = Blocked(
            provider.address,
            Reason.NOT_TRUSTED.value,
            reference.message,
            hint=reference.hint,
            code=3,
            location=provider.location,
        )
        return blocked, ()
    decision = judge(observed.trust, provider, discovered=seen.status.endpoints if seen.status else {})
    if decision.refused:
        new = sorted({origin for part in decision.change for origin in part.new})
        blocked = Blocked(
            provider.address,
            Reason.NOT_TRUSTED.value,
            decision.message,
            hint=decision.command,
            code=3,
            location=provider.location,
            trust_change=bool(decision.change),
            origins=tuple(clean(origin) for origin in new),
        )
        return blocked, ()
    if not decision.complete:
        issuer = clean(provider.behaviour.issuer or "its issuer")
        return None, (
            f"its endpoints are learned from {issuer}; trust is judged then, before anything is sent",
        )
    notes = (f"binds {clean(p.credential)} to {shown_origins(p.origins)} at first use" for p in decision.bind)
    return None, tuple(notes)


def _as_change(proposed: ProviderChange) -> Change:
    return Change(
        address=proposed.address,
        action=_ACTIONS[proposed.action],
        reason=proposed.reason.value,
        message=proposed.message,
        risk=_risk(proposed),
        consequence=proposed.risk,
        fields=proposed.fields,
        preconditions=proposed.preconditions,
        location=proposed.location,
        notes=proposed.notes,
        provider_change=proposed,
        protected=proposed.protected,
    )


def _risk(proposed: ProviderChange) -> Risk:
    if proposed.risk:
        return Risk.HIGH
    if proposed.reason in (ProviderReason.SECRET_ROTATED, ProviderReason.STATUS_UNREADABLE):
        return Risk.LOW
    return Risk.MEDIUM


def _unreadable(address: Address, provider: DesiredProvider | None, seen: ObservedProvider) -> Blocked | None:
    if provider is None:
        return None
    return Blocked(
        address,
        Reason.STORE_UNREADABLE.value,
        f"the store does not let us read it: {seen.unreadable}",
        hint="give the login's policy read and list on the metadata of this path",
        location=provider.location,
    )


def _interrupted(proposed: ProviderChange, provider: DesiredProvider | None) -> Blocked:
    issuer = provider.behaviour.issuer or provider.behaviour.endpoints.registration if provider else None
    at = f" at {issuer}" if issuer else ""
    return Blocked(
        proposed.address,
        proposed.reason.value,
        f"{proposed.message}{at}",
        hint=f"look for it there and remove it, then run 'reconciler reconcile --register-again {proposed.address}'",
        code=3,
        location=proposed.location,
    )
