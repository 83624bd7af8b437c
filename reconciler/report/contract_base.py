"""The shape of the JSON documents of `reconciler base`. The rules are those of `report/contract`."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from reconciler.decide.conformance import Verdict
from reconciler.model.choices import ClientAuth, LifetimeKind, Pkce, Renewal, Rotation


class BaseSummaryDocument(TypedDict):
    """One base. Spans are seconds; null where nobody says."""

    name: str
    shipped: bool
    description: str
    category: str | None
    verified_on: str | None
    renewal: Renewal
    rotation: Rotation
    lifetime: LifetimeKind
    idle: int | None
    absolute: int | None
    access_token: int | None
    client_auth: ClientAuth
    pkce: Pkce
    unverified: list[str]


class BaseListDocument(TypedDict):
    """`reconciler base list -o json`. `without_base`: providers that none can be for, and why."""

    format_version: Literal[1]
    kind: Literal["base-list"]
    tool: str
    bases: list[BaseSummaryDocument]
    without_base: dict[str, str]


class BaseParameterDocument(TypedDict):
    """What a provider fills in."""

    name: str
    description: str
    default: str | None
    required: bool
    choices: dict[str, str]
    pattern: str | None


class BaseCauseDocument(TypedDict):
    """What ends a grant besides time."""

    what: str
    ends: str


class BaseShowDocument(TypedDict):
    """`reconciler base show NAME -o json`. `manifest` is the whole base as a BaseProvider document, what it departs from
    laid under it."""

    format_version: Literal[1]
    kind: Literal["base"]
    tool: str
    base: BaseSummaryDocument
    parameters: list[BaseParameterDocument]
    endpoints: dict[str, str]
    causes: list[BaseCauseDocument]
    notes: list[str]
    sources: list[str]
    manifest: str


class PromiseDocument(TypedDict):
    """One promise of the base's data: its field, what it says, and what was seen of it."""

    field: str
    says: str
    verdict: Verdict
    found: str


class BaseTestDocument(TypedDict):
    """`reconciler base test NAME -o json`. `server` is the token endpoint's origin. `exit_code` is the process's."""

    format_version: Literal[1]
    kind: Literal["base-test"]
    tool: str
    name: str
    server: str
    summary: dict[str, int]
    promises: list[PromiseDocument]
    exit_code: int


BASE_DOCUMENTS: dict[str, tuple[str, Any]] = {
    "base-list": ("what `reconciler base list -o json` writes", BaseListDocument),
    "base": ("what `reconciler base show -o json` writes", BaseShowDocument),
    "base-test": ("what `reconciler base test -o json` writes", BaseTestDocument),
}
