"""What differs between a declared provider and what the store says of it: register, update, adopt, deregister, nothing.

Rules (DESIGN §§5, 6, 8):
- metadata only: a rotated client secret is seen by its KV version, never by its value;
- what could not be read is unknown, and unknown never creates, changes or deletes;
- what bears another owner's mark, or none, is foreign: the only change proposed is `adopt`, for a guard to judge;
- a client or an issuer that would be replaced is said as a fact, before any refresh token could go there;
- an unchanged provider gives no change, however often it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from reconciler.decide.provider_change import (
    FieldChange,
    Precondition,
    ProviderAction,
    ProviderChange,
    ProviderReason,
)
from reconciler.decide.provider_fields import (
    SECRET_VERSIONS,
    client_is_replaced,
    differing_fields,
    issuer_is_replaced,
)
from reconciler.decide.provider_words import notes_on, registration_words, update_risk, update_words
from reconciler.decide.secret_versions import missing_secret, secret_version
from reconciler.errors import clean
from reconciler.model.desired import DesiredProvider, Registration
from reconciler.model.duration import format_instant
from reconciler.model.names import Address
from reconciler.model.observed import ObservedProvider, ObservedSecret
from reconciler.model.state import DeletionPolicy
from reconciler.model.status import MANAGED_BY, ProviderStatus, ownership_mark
from reconciler.model.store_path import StorePath

__all__ = ["FieldChange", "Precondition", "ProviderAction", "ProviderChange", "ProviderReason", "compare"]

RENEW_BEFORE = timedelta(days=7)
"""A dynamic client's secret that dies within this time is asked to be renewed (RFC 7592 §2.2) …"""
RENEW_EVERY = timedelta(days=1)
"""… at most this often, since a server need not renew it."""


def compare(
    desired: DesiredProvider | None,
    observed: ObservedProvider,
    *,
    secrets: Mapping[StorePath, ObservedSecret],
    owner: str,
    now: datetime,
) -> ProviderChange | None:
    """The one change that is due, or None. `secrets`: `Observed.secrets`; `owner`: RECONCILER_OWNER; `now`: the store's."""
    if observed.unreadable:
        return None
    mark, found = ownership_mark(owner), found_mark(observed)
    if desired is None:
        return _undeclared(observed) if found == mark else None
    if found == "":
        return _first_seen(desired, observed, secrets=secrets)
    if found != mark:
        return _foreign(desired, observed, found, secrets=secrets)
    status = observed.status
    if status is not None and not status.client_id and not status.intent_op:
        return _first_seen(desired, observed, secrets=secrets)  # it was refused the first time
    if status is None:
        return _change(
            desired,
            observed,
            action=ProviderAction.UPDATE,
            reason=ProviderReason.STATUS_UNREADABLE,
            message="its status in the store is unreadable and will be written anew",
            secrets=secrets,
        )
    return _registered(desired, observed, status, secrets=secrets, now=now)


def found_mark(observed: ObservedProvider) -> str:
    """The ownership mark on the provider's key: '' where there is no key, `nobody` where it bears none."""
    if observed.metadata is None:
        return ""
    return clean(observed.metadata.custom.get(MANAGED_BY) or "nobody", cap=100)


def _undeclared(observed: ObservedProvider) -> ProviderChange | None:
    status = observed.status
    if status is not None and status.removed_at is not None:
        return None
    dynamic = status is not None and status.registration == Registration.DYNAMIC.value
    revoked = dynamic and status is not None and status.deletion_policy == DeletionPolicy.REVOKE.value
    if revoked:
        message, risk = (
            "not declared: its client is deleted at the provider",
            "grants of this client die at the provider",
        )
    elif dynamic:
        message, risk = "not declared: its client stays at the provider, its record is set aside", ""
    else:
        message, risk = "not declared: its status is removed; the client at the provider stays", ""
    return ProviderChange(
        address=observed.address,
        action=ProviderAction.DEREGISTER,
        reason=ProviderReason.NOT_DECLARED,
        message=message,
        preconditions=_preconditions(observed),
        risk=risk,
        protected=status is not None and status.protect,
    )


def _first_seen(
    desired: DesiredProvider, observed: ObservedProvider, *, secrets: Mapping[StorePath, ObservedSecret]
) -> ProviderChange:
    return _change(
        desired,
        observed,
        action=ProviderAction.REGISTER,
        reason=ProviderReason.FIRST_SEEN,
        message=registration_words(desired, secrets),
        secrets=secrets,
    )


def _foreign(
    desired: DesiredProvider,
    observed: ObservedProvider,
    found: str,
    *,
    secrets: Mapping[StorePath, ObservedSecret],
) -> ProviderChange:
    return _change(
        desired,
        observed,
        action=ProviderAction.ADOPT,
        reason=ProviderReason.FOREIGN_OWNER,
        message=f"is managed by {found}",
        secrets=secrets,
        risk="two owners would write the same provider",
        foreign_owner=found,
    )


def _registered(
    desired: DesiredProvider,
    observed: ObservedProvider,
    status: ProviderStatus,
    *,
    secrets: Mapping[StorePath, ObservedSecret],
    now: datetime,
) -> ProviderChange | None:
    if status.intent_op:
        if not is_interrupted(observed, status):
            return _change(
                desired,
                observed,
                action=ProviderAction.REGISTER,
                reason=ProviderReason.INTERRUPTED_REGISTRATION,
                message="its registration ended without its status: that is settled by its record",
                secrets=secrets,
            )
        since = "" if status.intent_since is None else f" at {format_instant(status.intent_since)}"
        return _change(
            desired,
            observed,
            action=ProviderAction.REGISTER,
            reason=ProviderReason.INTERRUPTED_REGISTRATION,
            message=f"registering was begun{since} and never finished: a client may exist there that nobody knows",
            secrets=secrets,
            risk="a second client at the provider",
            interrupted_since=status.intent_since or status.registered_at,
        )
    if status.removed_at is not None:
        return _change(
            desired,
            observed,
            action=ProviderAction.REGISTER,
            reason=ProviderReason.DECLARED_AGAIN,
            message="declared again: its record is taken up",
            secrets=secrets,
        )
    version = secret_version(desired.client.credential_ref, secrets)
    fields = differing_fields(desired, status, secret_version=version)
    reason = _update_reason(desired, status, fields, secrets=secrets, now=now)
    if reason is None:
        return None
    return _change(
        desired,
        observed,
        action=ProviderAction.UPDATE,
        reason=reason,
        message=update_words(fields, status, reason),
        secrets=secrets,
        fields=fields,
        risk=update_risk(desired, status),
        client_replaced=client_is_replaced(desired, status),
        issuer_replaced=issuer_is_replaced(desired, status),
    )


def is_interrupted(observed: ObservedProvider, status: ProviderStatus) -> bool:
    """True where the announced registration may have been sent: the record's newest version is the intent itself.

    An older one: the intent was never written, so nothing was sent. A newer one: what came of it was written.
    """
    newest = observed.metadata.current_version if observed.metadata else 0
    return status.intent_version == 0 or newest == status.intent_version


def _update_reason(
    desired: DesiredProvider,
    status: ProviderStatus,
    fields: tuple[FieldChange, ...],
    *,
    secrets: Mapping[StorePath, ObservedSecret],
    now: datetime,
) -> ProviderReason | None:
    if client_is_replaced(desired, status):
        return ProviderReason.CLIENT_REPLACED
    if issuer_is_replaced(desired, status):
        return ProviderReason.ISSUER_REPLACED
    if missing_secret(desired, secrets, registered=True) is not None:
        return ProviderReason.SECRET_MISSING
    if status.manifest_digest != desired.digest:
        return ProviderReason.MANIFEST_CHANGED
    if any(field.name in SECRET_VERSIONS for field in fields):
        return ProviderReason.SECRET_ROTATED
    ends = status.client_secret_expires_at
    if (
        ends is not None
        and ends - now < RENEW_BEFORE
        and now - (status.applied_at or status.registered_at) >= RENEW_EVERY
    ):
        return ProviderReason.CLIENT_SECRET_EXPIRING
    return None


def _change(
    desired: DesiredProvider,
    observed: ObservedProvider,
    *,
    action: ProviderAction,
    reason: ProviderReason,
    message: str,
    secrets: Mapping[StorePath, ObservedSecret],
    fields: tuple[FieldChange, ...] = (),
    risk: str = "",
    client_replaced: bool = False,
    issuer_replaced: bool = False,
    foreign_owner: str = "",
    interrupted_since: datetime | None = None,
) -> ProviderChange:
    status = observed.status
    registered = status is not None and bool(status.client_id) and not status.intent_op
    missing = missing_secret(desired, secrets, registered=registered)
    return ProviderChange(
        address=desired.address,
        action=action,
        reason=reason,
        message=message,
        fields=fields,
        preconditions=(
            *_preconditions(observed),
            *_secret_preconditions(desired, secrets),
            Precondition(str(desired.address), 0, desired.digest),
        ),
        risk=risk,
        location=desired.location,
        notes=notes_on(desired, action, secrets=secrets),
        blocked="" if missing is None else f"there is no secret at {missing}",
        client_replaced=client_replaced,
        issuer_replaced=issuer_replaced,
        foreign_owner=foreign_owner,
        interrupted_since=interrupted_since,
        protected=desired.protect or (status is not None and status.protect),
    )


def _preconditions(observed: ObservedProvider) -> tuple[Precondition, ...]:
    version = observed.metadata.current_version if observed.metadata else 0
    digest = observed.status.manifest_digest if observed.status else ""
    return (Precondition(provider_key(observed.address), version, digest),)


def _secret_preconditions(
    desired: DesiredProvider, secrets: Mapping[StorePath, ObservedSecret]
) -> tuple[Precondition, ...]:
    refs = (desired.client.credential_ref, desired.client.initial_access_token_ref)
    found = {str(ref.path): secret_version(ref, secrets) for ref in refs if ref is not None}
    return tuple(
        Precondition(path, version) for path, version in sorted(found.items()) if version is not None
    )


def provider_key(address: Address) -> str:
    """The provider's key under the store's prefix, for preconditions: `providers/<ns>/<name>`."""
    return f"providers/{address.namespace}/{address.name}"
