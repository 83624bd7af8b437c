"""Manifests of what is in the store, from its metadata alone: no secret is read, so none can be written.

Rules:
- what metadata records is written; what it does not record is named in a comment, and never guessed in silence;
- the base is not recorded: every provider is written with the base `custom` and its own issuer or endpoints, until
  `export_proof` knows better;
- what was set aside, moved by a rename, or bears no status of ours is told, and not written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.model.behaviour import Endpoints
from reconciler.model.manifest import API_VERSION
from reconciler.model.names import Address
from reconciler.model.observed import Observed, ObservedAccount, ObservedProvider
from reconciler.model.state import AccountState, DeletionPolicy, GrantType
from reconciler.model.status import AccountStatus, ProviderStatus

_GUESSED_KEY = "client_secret"


@dataclass(frozen=True, slots=True)
class Exported:
    """One object. `document` None: it is not written, and `notes` say why."""

    address: Address
    document: Mapping[str, Any] | None
    notes: tuple[str, ...]

    @property
    def file(self) -> str:
        return f"{self.address.namespace}/{self.address.kind.value.lower()}-{self.address.name}.yaml"


def exported(observed: Observed) -> tuple[Exported, ...]:
    """Every object that is there; providers first."""
    users = _users(observed)
    providers = [
        _provider(address, seen, users.get(str(address), frozenset()))
        for address, seen in sorted(observed.providers.items())
    ]
    accounts = [_account(address, seen) for address, seen in sorted(observed.accounts.items())]
    return (*providers, *accounts)


def _users(observed: Observed) -> dict[str, frozenset[str]]:
    """Provider -> namespaces of its accounts."""
    found: dict[str, set[str]] = {}
    for address, seen in observed.accounts.items():
        if seen.status is not None and not seen.status.moved_to:
            found.setdefault(seen.status.provider, set()).add(address.namespace)
    return {provider: frozenset(namespaces) for provider, namespaces in found.items()}


def _provider(address: Address, seen: ObservedProvider, users: frozenset[str]) -> Exported:
    status = seen.status
    if status is None:
        return Exported(address, None, (_unknown(seen.unreadable),))
    if status.removed_at is not None:
        return Exported(address, None, ("it was removed and set aside",))
    notes = ["the base and what the manifest said of the server's behaviour are not recorded"]
    spec: dict[str, Any] = {"base": "custom"}
    if status.registration == "dynamic":
        spec["registration"] = "dynamic"
        spec["client"] = {"name": address.name}
        notes.append("the name that people see of the client is not recorded")
    else:
        spec["client"] = _client(status, notes)
    if status.more_redirect_uris:
        spec["redirectUris"] = [status.redirect_uri, *status.more_redirect_uris]
    elif status.redirect_uri:
        spec["redirectUri"] = status.redirect_uri
    spec["server"] = _server(status)
    others = sorted(users - {address.namespace})
    if others:
        spec["allowNamespaces"] = others
    if status.deletion_policy == DeletionPolicy.REVOKE.value:
        spec["deletionPolicy"] = status.deletion_policy
    if status.protect:
        spec["protect"] = True
    return Exported(address, _document(address, spec, {}), tuple(notes))


def _client(status: ProviderStatus, notes: list[str]) -> dict[str, Any]:
    client: dict[str, Any] = {"id": status.client_id} if status.client_id else {}
    if status.secret_path:
        mount, separator, path = status.secret_path.rpartition(":")
        client["secretRef"] = {"path": path, "key": _GUESSED_KEY, **({"mount": mount} if separator else {})}
        notes.append(
            f"the key within {status.secret_path} is not recorded: {_GUESSED_KEY} is a guess; for a private key it is keyRef"
        )
    return client


def _server(status: ProviderStatus) -> dict[str, Any]:
    if status.issuer:
        return {"issuer": status.issuer}
    known = {name: field.alias or name for name, field in Endpoints.model_fields.items()}
    return {
        "endpoints": {known[name]: url for name, url in sorted(status.endpoints.items()) if name in known}
    }


def _account(address: Address, seen: ObservedAccount) -> Exported:
    status = seen.status
    if status is None:
        return Exported(address, None, (_unknown(seen.unreadable),))
    if status.moved_to:
        return Exported(address, None, (f"it was renamed to {status.moved_to}",))
    notes = ["identity, description and refresh.window are not recorded"]
    owner_namespace, _, name = status.provider.removeprefix("provider/").partition("/")
    provider = name if owner_namespace == address.namespace else f"{owner_namespace}/{name}"
    spec: dict[str, Any] = {"provider": provider}
    if _needs_no_person(status):
        spec["grant"] = GrantType.CLIENT_CREDENTIALS.value
        notes.append("the grant is not recorded: client_credentials, as nobody ever consented to what it has")
    elif status.owner:
        spec["owner"] = status.owner
    scopes = status.requested_scopes or status.granted_scopes
    if scopes:
        spec["scopes"] = list(scopes)
    else:
        notes.append("what scopes it asks for is not recorded yet")
    if status.delete_after is not None:
        spec["output"] = {"deleteAfterExpiry": True}
    if status.state is AccountState.SUSPENDED:
        spec["suspend"] = True
    if status.deletion_policy == DeletionPolicy.REVOKE.value:
        spec["deletionPolicy"] = status.deletion_policy
    if status.protect:
        spec["protect"] = True
    return Exported(address, _document(address, spec, status.labels), tuple(notes))


def _needs_no_person(status: AccountStatus) -> bool:
    came_from_somebody = status.consented_at or status.imported_at or status.owner
    return not came_from_somebody and status.lifetime is not None


def _document(address: Address, spec: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": address.kind.value,
        "metadata": {
            "name": address.name,
            "namespace": address.namespace,
            **({"labels": dict(sorted(labels.items()))} if labels else {}),
        },
        "spec": spec,
    }


def _unknown(unreadable: str) -> str:
    return unreadable or "it bears no status that this version reads"
