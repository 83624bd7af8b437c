"""What workloads read in the store: the document under `tokens/<namespace>/<account>`, as its schema is published.

Rules: `engine/published` writes it and a test validates what is stored; it is closed, as the store's layout is (DESIGN §5):
another field is another version of the tool. It holds a secret: that is what it is for.
"""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from reconciler.report.json_schema import schema_of_document


class _Always(TypedDict):
    access_token: str
    token_type: str
    expires_at: str
    scope: str


class StoredTokenDocument(_Always, total=False):
    """`tokens/<namespace>/<account>`. `expires_at`: RFC 3339 in UTC, whole seconds. `scope`: what was granted, space
    separated. `values`: identifiers that the base keeps beside a token (`instance_url`, `realmId`), where it keeps any."""

    values: dict[str, str]


_STORED: dict[str, tuple[str, Any]] = {
    "stored-token": ("what workloads read under `tokens/<namespace>/<account>`", StoredTokenDocument)
}


def stored_schemas() -> dict[str, dict[str, Any]]:
    """Schema (draft 2020-12) by name."""
    return {name: schema_of_document(document, title=title) for name, (title, document) in _STORED.items()}
