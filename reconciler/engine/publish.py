"""What is written for an account besides its refresh: one door to three modules.

`published`: access tokens and their metadata; `consented`: a fresh grant; `removal`: what is taken away.
"""

from __future__ import annotations

from reconciler.engine.consented import check_ownership, commit_consented_grant, store_imported_grant
from reconciler.engine.published import publish_tokens, write_status
from reconciler.engine.removal import forget, withdraw

__all__ = [
    "check_ownership",
    "commit_consented_grant",
    "forget",
    "publish_tokens",
    "store_imported_grant",
    "withdraw",
    "write_status",
]
