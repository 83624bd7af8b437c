"""Which fields of a registered provider differ from what is declared, by what its status in the store records.

Rules:
- a status records what a person would ask about (client id, secret version, endpoints, issuer, redirect URI); what
  differs beyond that shows as the manifest's digest alone;
- an endpoint that is not declared is discovered, and does not count as different;
- a move to an origin that the base lists as its former one, or from it, is no other issuer.
"""

from __future__ import annotations

from reconciler.decide.provider_change import FieldChange
from reconciler.model.behaviour import Behaviour
from reconciler.model.desired import DesiredProvider, Registration
from reconciler.model.endpoint import Origin, parse_origin, parse_url
from reconciler.model.status import ProviderStatus

ENDPOINT_NAMES = (
    "authorization",
    "token",
    "refresh",
    "revocation",
    "introspection",
    "userinfo",
    "exchange",
    "probe",
    "registration",
    "device_authorization",
    "pushed_authorization_request",
    "jwks",
)
"""Fields of `Endpoints`, in the order in which they are shown."""
SECRET_VERSIONS = frozenset({"client_secret version", "private key version"})
"""The field that shows a rotated secret, or a rotated key."""
REDIRECT_URI = "redirect URI"


def declared_endpoints(behaviour: Behaviour) -> dict[str, str]:
    """The endpoints that the manifest or its base spells out, by snake_case name."""
    found = {name: getattr(behaviour.endpoints, name) for name in ENDPOINT_NAMES}
    return {name: text for name, text in found.items() if text}


def differing_fields(
    desired: DesiredProvider, status: ProviderStatus, *, secret_version: int | None
) -> tuple[FieldChange, ...]:
    """In a fixed order. `secret_version` None or 0: unknown, so that it does not count as changed."""
    ref = desired.client.credential_ref
    secret = desired.client.secret_ref is not None or ref is None
    pairs = [
        ("registration", status.registration, desired.registration.value),
        ("client id", status.client_id, _known_client_id(desired, status)),
        ("client secret" if secret else "private key", status.secret_path, str(ref.path) if ref else ""),
    ]
    if ref and secret_version and status.secret_path == str(ref.path):
        name = "client_secret version" if secret else "private key version"
        pairs.append((name, str(status.secret_version), str(secret_version)))
    pairs.append(("issuer", status.issuer, desired.behaviour.issuer or status.issuer))
    pairs += _endpoint_pairs(desired, status)
    pairs.append((REDIRECT_URI, *_redirects(desired, status)))
    pairs.append(("deletionPolicy", status.deletion_policy, desired.deletion_policy.value))
    pairs.append(("protect", _yes(status.protect), _yes(desired.protect)))
    fields = [FieldChange(name, before, after) for name, before, after in pairs if before != after]
    if not fields and status.manifest_digest != desired.digest:
        fields = [FieldChange("manifest", status.manifest_digest, desired.digest)]
    return tuple(fields)


def client_is_replaced(desired: DesiredProvider, status: ProviderStatus) -> bool:
    """True where metadata alone proves that another client would be used. An id kept as a secret shows in `engine/ready`."""
    if not status.client_id:
        return False
    if status.registration != desired.registration.value:
        return True
    return desired.client.id is not None and desired.client.id != status.client_id


def issuer_is_replaced(desired: DesiredProvider, status: ProviderStatus) -> bool:
    """True where the declared issuer, or the declared token endpoint's origin, is another than the recorded one."""
    issuer = desired.behaviour.issuer
    if issuer and status.issuer and issuer != status.issuer and not _moved(desired, status.issuer, issuer):
        return True
    before, after = status.endpoints.get("token"), desired.behaviour.endpoints.token
    return bool(before and after) and _origin(before) != _origin(after) and not _moved(desired, before, after)


def former_origins(behaviour: Behaviour) -> frozenset[Origin]:
    """`formerOrigins` as origins; what is none is left out, since validation has reported it."""
    found = []
    for text in behaviour.former_origins:
        try:
            found.append(parse_origin(text, allow_loopback_http=True))
        except ValueError:
            continue
    return frozenset(found)


def _moved(desired: DesiredProvider, before: str | None, after: str | None) -> bool:
    """True where a shipped base says that its server moved from there; a base in Git cannot say so for grants."""
    if not desired.base_shipped or "former_origins" in desired.overridden or after is None:
        return False
    return _origin(before) in former_origins(desired.behaviour)


def _origin(text: str | None) -> Origin | None:
    try:
        return None if text is None else parse_url(text, allow_loopback_http=True).origin
    except ValueError:
        return None


def _known_client_id(desired: DesiredProvider, status: ProviderStatus) -> str:
    if desired.registration is Registration.STATIC and desired.client.id is not None:
        return desired.client.id
    return status.client_id


def recorded_redirects(status: ProviderStatus) -> tuple[str, ...]:
    """Where people were sent back to when it was last applied."""
    return (status.redirect_uri, *status.more_redirect_uris) if status.redirect_uri else ()


def _redirects(desired: DesiredProvider, status: ProviderStatus) -> tuple[str, str]:
    """All of them, in their order: a consent takes the one that fits where it is made. What an earlier version recorded is
    the first alone, which is enough where the manifest is the same."""
    before, after = recorded_redirects(status), desired.redirect_uris
    if status.manifest_digest == desired.digest and not status.more_redirect_uris:
        before, after = before[:1], after[:1]
    return ", ".join(before), ", ".join(after)


def _endpoint_pairs(desired: DesiredProvider, status: ProviderStatus) -> list[tuple[str, str, str]]:
    declared = declared_endpoints(desired.behaviour)
    return [
        (f"endpoints.{name}", status.endpoints.get(name, ""), declared[name])
        for name in ENDPOINT_NAMES
        if name in declared and status.endpoints.get(name, "") != declared[name]
    ]


def _yes(value: bool) -> str:
    return "true" if value else "false"
