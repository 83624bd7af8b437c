"""The shape of our JSON documents about one account, one provider, and where they stand in Git.

The rules are those of `report/contract`, which takes these parts in.
"""

from __future__ import annotations

from typing_extensions import TypedDict

from reconciler.decide.status_view import ProviderState, Truth
from reconciler.model.state import AccountState, Reason
from reconciler.report.contract_keep import OriginDocument


class Source(TypedDict):
    """Where in Git."""

    file: str
    line: int


class ConditionDocument(TypedDict):
    """A condition as Kubernetes writes them."""

    type: str
    status: Truth
    reason: Reason
    message: str
    lastTransitionTime: str | None
    observedGeneration: int


class AccountDocument(TypedDict):
    address: str
    provider: str
    state: AccountState
    reason: Reason
    message: str
    since: str | None
    owner: str | None
    description: str | None
    accessTokenExpiresAt: str | None
    consentNeededBy: str | None
    origin: OriginDocument | None
    notBefore: str | None
    grantedScopes: list[str]
    missingScopes: list[str]
    remedy: str | None
    command: str | None
    page: str | None
    conditions: list[ConditionDocument]
    source: Source | None


class ProviderDocument(TypedDict):
    address: str
    state: ProviderState
    message: str
    base: str | None
    registration: str | None
    clientId: str | None
    issuer: str | None
    redirectUris: list[str]
    consolePage: str | None
    clientSecret: str | None
    clientSecretVersion: int | None
    clientSecretGoodVersion: int | None
    clientSecretExpiresAt: str | None
    since: str | None
    accounts: int
    source: Source | None
