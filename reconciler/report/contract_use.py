"""The documents of those who use tokens: `token` and `check`. The rules are those of `report/contract`, with one exception:
`token --json` holds a secret, because it is asked for it.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from reconciler.decide.checking import Live
from reconciler.model.state import AccountState, Reason


class TokenDocument(TypedDict):
    """`reconciler token --json`: the one document that holds a secret, on purpose. `expires_in` is in
    seconds; `values` are the identifiers that the base keeps beside a token (`instance_url`, `realmId`)."""

    format_version: Literal[1]
    kind: Literal["token"]
    tool: str
    address: str
    version: int
    access_token: str
    token_type: str
    expires_at: str
    expires_in: int
    scope: list[str]
    values: dict[str, str]


class ConsentLinkDocument(TypedDict):
    """`reconciler consent-link ADDRESS -o json`. `url` null: it was sent to the owner and is shown to nobody else."""

    format_version: Literal[1]
    kind: Literal["consent-link"]
    tool: str
    address: str
    owner: str
    expires_at: str
    sent: bool
    url: str | None


class OpenLinkDocument(TypedDict):
    """One link that its owner may still use. It does not hold the link."""

    address: str
    owner: str
    made_at: str
    expires_at: str


class ConsentLinksDocument(TypedDict):
    """`reconciler consent-link -o json` with `--list` or `--withdraw`: which are open. `withdrawn` null: none were to be."""

    format_version: Literal[1]
    kind: Literal["consent-links"]
    tool: str
    time: str
    withdrawn: int | None
    links: list[OpenLinkDocument]


class CheckedDocument(TypedDict):
    """One account. `fit`: it can be worked with, for as long and with the scopes as asked for."""

    address: str
    fit: bool
    state: AccountState
    reason: Reason
    message: str
    accessTokenExpiresAt: str | None
    grantedScopes: list[str]
    missingScopes: list[str]
    live: Live | None
    command: str | None


class CheckDocument(TypedDict):
    """`reconciler check -o json`. `live` is null without `--live`."""

    format_version: Literal[1]
    kind: Literal["check"]
    tool: str
    time: str
    checks: list[CheckedDocument]
    exit_code: int


USE_DOCUMENTS: dict[str, tuple[str, Any]] = {
    "check": ("what `reconciler check -o json` writes", CheckDocument),
    "token": ("what `reconciler token --json` writes", TokenDocument),
    "consent-link": ("what `reconciler consent-link -o json` writes", ConsentLinkDocument),
    "consent-links": ("what `reconciler consent-link --list -o json` writes", ConsentLinksDocument),
}
