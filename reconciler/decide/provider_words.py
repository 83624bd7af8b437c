"""The words of a provider's change: what is registered, what differs, what may be lost, what a person must do elsewhere.

Built from addresses, paths, versions and public identifiers alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.decide.provider_change import FieldChange, ProviderAction, ProviderReason
from reconciler.decide.provider_fields import client_is_replaced, issuer_is_replaced
from reconciler.decide.secret_versions import secret_version
from reconciler.model.behaviour import IdentitySource, Pkce
from reconciler.model.desired import DesiredProvider, Registration
from reconciler.model.duration import format_instant
from reconciler.model.observed import ObservedSecret
from reconciler.model.status import ProviderStatus
from reconciler.model.store_path import StorePath


def registration_words(desired: DesiredProvider, secrets: Mapping[StorePath, ObservedSecret]) -> str:
    """What is registered, after the action's own word."""
    if desired.registration is Registration.DYNAMIC:
        return "a client is created at the provider (RFC 7591)"
    ref = desired.client.credential_ref
    if ref is None:
        return "static public client"
    version = secret_version(ref, secrets)
    word = "secret" if desired.client.secret_ref is not None else "private key"
    return f"static client, {word} {ref.path}" + (f" version {version}" if version else "")


def update_words(fields: tuple[FieldChange, ...], status: ProviderStatus, reason: ProviderReason) -> str:
    """What differs: `client_secret version 4 → 5`."""
    if reason is ProviderReason.CLIENT_SECRET_EXPIRING and status.client_secret_expires_at is not None:
        return f"its client secret dies at {format_instant(status.client_secret_expires_at)}: a new one is asked for"
    if reason is ProviderReason.SECRET_MISSING and not fields:
        return "a secret that it references is gone"
    return ", ".join(f"{f.name} {f.before or '(none)'} → {f.after or '(none)'}" for f in fields)


def update_risk(desired: DesiredProvider, status: ProviderStatus) -> str:
    """What may be lost by an update, one clause; '' where nothing."""
    if client_is_replaced(desired, status):
        return "grants of the old client cannot be refreshed by the new one"
    if issuer_is_replaced(desired, status):
        return "grants of the old issuer are worth nothing at the new one"
    return ""


def _only_signs(desired: DesiredProvider) -> bool:
    """True of a client that asks with assertions alone: no browser ever comes back to it."""
    client, auth = desired.client, desired.behaviour.client_auth
    return client.key_ref is not None and client.secret_ref is None and not auth.has_key_pair


def notes_on(
    desired: DesiredProvider, action: ProviderAction, *, secrets: Mapping[StorePath, ObservedSecret]
) -> tuple[str, ...]:
    """What a person should know besides, one line each."""
    found = []
    by_hand = action is ProviderAction.REGISTER and desired.registration is Registration.STATIC
    if by_hand and desired.redirect_uris and not _only_signs(desired):
        found.append(f"redirect URI to allow at its console: {', '.join(desired.redirect_uris)}")
    ref = desired.client.credential_ref
    seen = None if ref is None else secrets.get(ref.path)
    if seen is not None and seen.unreadable:
        found.append(f"the metadata of {seen.path} could not be read, so a rotated secret would not be seen")
    return (*found, *_lowered(desired))


def _lowered(desired: DesiredProvider) -> Iterator[str]:
    """What protects a consent at this server and was switched off by the manifest, beside its base: nothing stops that, so that
    whoever reviews it is told."""
    said, behaviour = desired.overridden, desired.behaviour
    if "pkce" in said and behaviour.pkce is Pkce.UNSUPPORTED:
        yield "its manifest switches PKCE off: a code that somebody steals on its way is protected by the client's secret alone"
    if "issuer_in_response" in said and behaviour.issuer_in_response is False:
        yield "its manifest does without `iss` in callbacks: an answer of another server may pass for this one's"
    if "identity.source" in said and behaviour.identity.source is IdentitySource.NONE:
        yield "its manifest says that nobody tells who consents: anybody may"
