"""How long the store keeps a published token, where the manifest wants it deleted after its death (`output.deleteAfterExpiry`).

Rules:
- a living token is never deleted: what is kept for is longer than its life by more than lives differ without being
  written again (`decide/projection`);
- a token that lives longer than that is provided for before it is published;
- one span serves until the life is another one, so that nothing is written for seconds.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

from reconciler.model.status import AccountStatus

_SHARE = 1.2
_MARGIN = timedelta(minutes=1)
_LEAST = timedelta(seconds=30)
_MOST = 1.5


def kept_for(life: timedelta) -> timedelta:
    """Whole seconds from a version's writing to its deletion."""
    return timedelta(seconds=math.ceil((life * _SHARE + _MARGIN).total_seconds()))


def outlives(life: timedelta, kept: timedelta | None) -> bool:
    """Whether a token of this life could be deleted before it is dead, or for nothing is provided."""
    return kept is None or life + _LEAST > kept


def with_expiry(status: AccountStatus, old: AccountStatus | None, *, asked: bool) -> AccountStatus:
    """`status` with how long versions are kept: as before where that still fits the recorded life."""
    if not asked:
        return status if status.delete_after is None else replace(status, delete_after=None)
    known = old.delete_after if old else None
    life = status.lifetime
    if life is None:
        return replace(status, delete_after=known)
    too_long = known is not None and known > life * _MOST + 2 * _MARGIN
    return replace(status, delete_after=kept_for(life) if outlives(life, known) or too_long else known)


def setting(status: AccountStatus, old: AccountStatus | None) -> timedelta | None:
    """What a metadata write names for the store: None: nothing, since an operator may have a setting of their own."""
    if status.delete_after is not None:
        return status.delete_after
    return timedelta(0) if old is not None and old.delete_after is not None else None
