"""The documents of those who use tokens: `token` and `check`. The rules are those of `report/contract`, with one exception:
`token --json` holds a secret, because it is asked for it.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict


class TokenDocument(TypedDict):
    """`reconciler token --json`: the one document that holds a secret, on purpose. `expires_in` is in seconds."""

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


USE_DOCUMENTS: dict[str, tuple[str, Any]] = {
    "token": ("what `reconciler token --json` writes", TokenDocument),
}
