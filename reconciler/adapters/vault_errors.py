"""What an answer of Vault's that is no success means: one error of ours for each row of facts/vault-kv.md.

Messages are built from our own paths, the address and the status; never from Vault's text, which is only matched.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.adapters.vault_answer import Answer
from reconciler.errors import (
    CasConflict,
    ObjectFailed,
    PathDenied,
    ReconcilerError,
    SecretMissing,
    StoreError,
    StoreSealed,
    StoreUnreachable,
    StoreUnsuitable,
)
from reconciler.model.store_path import StorePath


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call went: the server, the mount, the path, and whether that mount is the store's own."""

    address: str
    mount: str
    path: StorePath
    own: bool = True

    @property
    def store(self) -> str:
        return f"vault {self.address}"

    @property
    def shown(self) -> str:
        return f"{self.mount}/{self.path.text}"


def error_for(answer: Answer, place: Place, *, cas: int | None = None) -> ReconcilerError:
    """The error for any answer that is neither a success nor an honest "nothing there"."""
    if answer.sealed:
        return sealed(place.store, answer.status)
    if answer.status == 400 and answer.says("check-and-set parameter did not match"):
        return CasConflict(f"{place.shown}: version {cas} is not the newest any more")
    if answer.status == 403:
        return denied(place)
    if answer.status == 404 and answer.says("no handler for route"):
        return no_such_mount(place)
    if answer.status in (404, 405):
        return not_version_2(place)
    if answer.status in (412, 429) or answer.upgrading:
        words = {412: "has not caught up with a write yet", 429: "limits our requests"}
        why = words.get(answer.status, "is still preparing this new mount")
        return StoreUnreachable(f"{place.store}: {why}; try again later")
    if answer.status in (400, 413):
        return ObjectFailed(f"{place.shown}: vault refuses this request as wrong (status {answer.status})")
    return StoreError(f"{place.store}: answered {answer.status} for {place.shown}")


def sealed(store: str, status: int) -> StoreSealed:
    if status == 501:
        return StoreSealed(f"{store}: the server is not initialised", hint="an operator must initialise it")
    return StoreSealed(f"{store}: the server is sealed", hint="an operator must unseal it")


def denied(place: Place) -> PathDenied:
    return PathDenied(
        f"{place.shown}: the login may not do this",
        hint=f"the policy must allow it on {place.mount}/data/… and {place.mount}/metadata/… for this path",
    )


def no_such_mount(place: Place) -> ReconcilerError:
    """The store's own mount missing is the store's trouble; another one named by a reference is the reference's."""
    if not place.own:
        return SecretMissing(
            f"{place.shown}: there is no mount '{place.mount}'", hint="check the reference's mount"
        )
    return StoreUnsuitable(
        f"{place.store}: there is no mount '{place.mount}'",
        hint="check RECONCILER_STORE and VAULT_NAMESPACE",
    )


def not_version_2(place: Place) -> ReconcilerError:
    """KV version 1 has no check-and-set; without it no refresh token is safe."""
    if not place.own:
        return SecretMissing(
            f"{place.shown}: the mount '{place.mount}' is not KV version 2",
            hint="references lead to KV version 2 mounts only",
        )
    return StoreUnsuitable(
        f"{place.store}: the mount '{place.mount}' is not KV version 2",
        hint="use a KV version 2 mount: version 1 cannot guard a write against another one",
    )
