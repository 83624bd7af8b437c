"""The shape of our JSON documents about what administrators look at: what is trusted, and which client secrets there are.

The rules are those of `report/contract`, which takes these parts in. No value of a secret has a place here.
"""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict


class BindingDocument(TypedDict):
    """Which origins may receive a credential. `revoked`: nothing may, until it is trusted anew."""

    credential: str
    origins: list[str]
    revoked: bool
    version: int


class TrustDocument(TypedDict):
    """`reconciler trust --show -o json`."""

    format_version: Literal[1]
    kind: Literal["trust"]
    tool: str
    store: str
    mode: Literal["catalogue", "strict", "tofu"]
    loopback: bool
    allowed_hosts: list[str]
    secret_prefixes: dict[str, list[str]]
    bindings: list[BindingDocument]
    unreadable: list[str]


class SecretDocument(TypedDict):
    """One path that holds secrets. `keys`: their names, never their values; null where the login may not read the path."""

    path: str
    version: int
    keys: list[str] | None
    written: str | None
    deleted: bool


class SecretsDocument(TypedDict):
    """`reconciler secret list -o json`."""

    format_version: Literal[1]
    kind: Literal["secrets"]
    tool: str
    store: str
    folder: str
    secrets: list[SecretDocument]


ADMIN_DOCUMENTS: dict[str, tuple[str, Any]] = {
    "trust": ("what `reconciler trust --show -o json` writes", TrustDocument),
    "secrets": ("what `reconciler secret list -o json` writes", SecretsDocument),
}
