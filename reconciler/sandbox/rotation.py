"""What presenting a refresh token means: a pure judgement over one token, its policy and the time.

The rules (RFC 9700 §4.14.2, and what Google, Microsoft and Mercado Livre do):
- a token whose family is revoked, or that idled or lived too long, is dead;
- `reusable` and `old-stays-valid`: a live token is good, however often it was used;
- `single-use`: a token that was used before is a theft or a lost answer; the whole family dies;
- `periodic`: a token is superseded by the first use after its time, and then good for nothing;
- `single-use-with-grace`: within the grace the last used token may be tried again and gets the same successor, for as
  long as that successor was not used itself; after that it is reuse.
"""

from __future__ import annotations

import enum

from reconciler.sandbox.config import Rotation, TokenPolicy
from reconciler.sandbox.records import RefreshToken


class Presented(enum.Enum):
    """What the presented refresh token is."""

    CURRENT = "current"
    RETRY = "retry"
    REUSED = "reused"
    DEAD = "dead"


def judge_refresh_token(
    token: RefreshToken, policy: TokenPolicy, *, successor: RefreshToken | None, now: float
) -> Presented:
    """Judge one presentation at `now` (seconds since the epoch); `successor` is the token that replaced this one."""
    if not token.grant.alive or has_expired(token, policy, now=now):
        return Presented.DEAD
    if token.superseded_at is None:
        return Presented.CURRENT
    match policy.rotation:
        case Rotation.PERIODIC:
            return Presented.REUSED
        case Rotation.REUSABLE | Rotation.OLD_STAYS_VALID:
            return Presented.CURRENT
        case Rotation.SINGLE_USE:
            return Presented.REUSED
        case Rotation.SINGLE_USE_WITH_GRACE:
            in_time = now - token.superseded_at <= policy.grace_seconds
            unused = successor is not None and successor.superseded_at is None
            return Presented.RETRY if in_time and unused else Presented.REUSED


def has_expired(token: RefreshToken, policy: TokenPolicy, *, now: float) -> bool:
    """Whether the token idled, or its grant lived, past the policy's limits."""
    if policy.refresh_idle_seconds is not None and now - token.used_at > policy.refresh_idle_seconds:
        return True
    lived = now - token.grant.created_at
    return policy.refresh_absolute_seconds is not None and lived > policy.refresh_absolute_seconds
