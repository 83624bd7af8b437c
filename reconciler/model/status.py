"""Projections kept in KV v2 custom_metadata: what `plan` and `status` show without reading a secret (DESIGN §5).

One door to three modules: `account_status`, `provider_status`, and `metadata_text`, which says how texts are stored.
"""

from __future__ import annotations

from reconciler.model.account_status import AccountStatus
from reconciler.model.metadata_text import MANAGED_BY, join_metadata, ownership_mark, split_metadata
from reconciler.model.provider_status import Circuit, ProviderStatus

__all__ = [
    "MANAGED_BY",
    "AccountStatus",
    "Circuit",
    "ProviderStatus",
    "join_metadata",
    "ownership_mark",
    "split_metadata",
]
