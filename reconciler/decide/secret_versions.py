"""Which version of a referenced secret a run would read, told from metadata alone.

Rules: a pinned version is that one, else the newest; a deleted or destroyed one is not there; what the store would not
tell is unknown (None), and never taken for absent.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.model.desired import DesiredProvider, SecretRef
from reconciler.model.observed import ObservedSecret
from reconciler.model.store_path import StorePath


def secret_version(ref: SecretRef | None, secrets: Mapping[StorePath, ObservedSecret]) -> int | None:
    """The KV version that a run would read: the pinned one, else the newest; 0 where it is not there.

    None: there is no reference, or the store would not tell.
    """
    seen = None if ref is None else secrets.get(ref.path)
    if ref is None or seen is None or seen.unreadable:
        return None
    if seen.metadata is None:
        return 0
    version = ref.version or seen.metadata.current_version
    info = seen.metadata.versions.get(version)
    return version if info is not None and info.alive else 0


def missing_secret(
    desired: DesiredProvider, secrets: Mapping[StorePath, ObservedSecret], *, registered: bool = False
) -> SecretRef | None:
    """The first needed reference that surely leads nowhere, by metadata alone. `registered`: a client is there already,
    so that an initial access token, often good for one use, is not needed any more."""
    client = desired.client
    initial = None if registered else client.initial_access_token_ref
    for ref in (client.secret_ref, client.key_ref, client.id_ref, initial):
        if ref is not None and secret_version(ref, secrets) == 0:
            return ref
    return None
