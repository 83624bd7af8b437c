"""Which secrets a provider may name (DESIGN §8): its own namespace's, in the store's mount, and nothing of ours.

Rules:
- namespace <ns> may name `clients/<ns>/…`; namespace `default` also `clients/<name>`, one segment;
- never a path under the store's own prefix, in whatever mount: what is ours is not for manifests to read;
- another mount, or another prefix, only where the settings of trust list it for the namespace (`prefix` or `mount:prefix`);
- the store's own mount is never named: one secret has one name, and trust is bound to the name.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model.desired import Desired, DesiredProvider, SecretRef
from reconciler.model.location import Problem
from reconciler.model.names import DEFAULT_NAMESPACE
from reconciler.model.store_path import Layout, StorePath
from reconciler.model.trust import TrustSettings

CLIENTS = "clients"


def check_references(desired: Desired, *, layout: Layout, settings: TrustSettings) -> tuple[Problem, ...]:
    """One problem for each reference that its provider may not name."""
    return tuple(
        Problem(
            provider.location,
            f"spec.client.{key} may not name {ref.path}: {why}",
            hint,
            str(provider.address),
        )
        for provider in desired.providers.values()
        for key, ref in _references(provider)
        for why, hint in _refusals(provider, ref.path, layout=layout, settings=settings)
    )


def _references(provider: DesiredProvider) -> Iterator[tuple[str, SecretRef]]:
    client = provider.client
    if client.secret_ref is not None:
        yield "secretRef", client.secret_ref
    # What must lie beside another is refused once, by the first name.
    if client.key_ref is not None and client.secret_ref is None:
        yield "keyRef", client.key_ref
    if client.id_ref is not None and (
        client.credential_ref is None or client.id_ref.path != client.credential_ref.path
    ):
        yield "idRef", client.id_ref
    if client.initial_access_token_ref is not None:
        yield "initialAccessTokenRef", client.initial_access_token_ref


def _refusals(
    provider: DesiredProvider,
    path: StorePath,
    *,
    layout: Layout,
    settings: TrustSettings,
) -> Iterator[tuple[str, str]]:
    namespace = provider.address.namespace
    if path.mount is not None and path.mount == layout.mount:
        yield "that is the store's own mount", "leave mount out"
    elif layout.holds(StorePath(path.segments)):
        yield "it is under the store's own prefix", f"keep client secrets under {CLIENTS}/{namespace}/"
    elif not (
        _own(path, namespace) or any(_under(path, p) for p in settings.secret_prefixes.get(namespace, ()))
    ):
        yield (
            f"namespace {namespace} keeps its secrets under {CLIENTS}/{namespace}/",
            f"move the secret there, or have the prefix allowed: trust settings, secret prefixes of {namespace}",
        )


def _own(path: StorePath, namespace: str) -> bool:
    segments = path.segments
    if path.mount is not None or segments[0] != CLIENTS:
        return False
    return (len(segments) > 2 and segments[1] == namespace) or (
        len(segments) == 2 and namespace == DEFAULT_NAMESPACE
    )


def _under(path: StorePath, prefix: str) -> bool:
    mount, colon, rest = prefix.rpartition(":")
    segments = tuple(part for part in rest.split("/") if part)
    same_mount = path.mount == (mount if colon else None)
    return same_mount and bool(segments) and path.segments[: len(segments)] == segments
