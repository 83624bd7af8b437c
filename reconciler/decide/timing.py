"""When a token is due for a refresh: thresholds from its life, and nothing else (DESIGN §6, "When").

Rules, `life` being the access token's:
- aging = min(life/2, max(10 min, life/5; where an intent is due also twice the commit deadline));
- hard  = min(5 min, life/4): past it even `token` refreshes by itself;
- due when what remains ≤ min(life/2, max(aging, the account's window, `--due-within`)): a five-minute token is due
  after half its life, and no setting makes a token due from birth;
- never younger than the base's minimum age, nor before the last part of its life, which some providers enforce: that is
  kept to whatever else is asked for;
- a token from the future, by more than what is hard, is due: the clock that dated it was wrong, and its end is too;
- where a refresh ends the running token at once, the token counts as aging only when it is hard: workloads hold it;
- a grant that dies of idleness is used at a quarter of its limit at the latest, a little earlier for each account
  in its own way, so that accounts that were consented together do not come together.
Pure: `now` and all else are arguments. An instant is UTC; nothing here raises for any input.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.model.behaviour import AccessTokenRules, LifetimeKind, RefreshTokenRules, Rotation
from reconciler.model.limits import REFRESH_LIMITS, RefreshLimits
from reconciler.model.names import Address

_AGING_FLOOR = timedelta(minutes=10)
_HARD_CAP = timedelta(minutes=5)
_DRIFT = timedelta(minutes=1)
"""By so much the clocks of a store's servers may differ."""
_KEEP_ALIVE_JITTER = 0.1
"""The keep-alive comes up to this share of its span earlier."""


@dataclass(frozen=True, slots=True)
class Timing:
    """All thresholds of one access token, as instants. `due` is judged at the `now` it was assessed for."""

    due: bool
    hard: bool
    expired: bool
    due_at: datetime
    aging_at: datetime
    hard_at: datetime
    expires_at: datetime
    keep_alive_at: datetime | None = None
    """When the refresh token must be used so that it does not die of idleness; None: it does not."""

    @property
    def urgency(self) -> datetime:
        """Sort key, most urgent first: what dies first comes first."""
        return self.expires_at if self.keep_alive_at is None else min(self.expires_at, self.keep_alive_at)


def aging(lifetime: timedelta, *, needs_intent: bool, commit_deadline: timedelta) -> timedelta:
    """What remains of a token that is called aging."""
    floor = max(_AGING_FLOOR, lifetime / 5)
    if needs_intent:
        floor = max(floor, 2 * commit_deadline)
    return min(lifetime / 2, floor)


def hard(lifetime: timedelta) -> timedelta:
    """What remains of a token that is not handed out any more without a refresh."""
    return min(_HARD_CAP, lifetime / 4)


def assess(
    lifetime: timedelta,
    issued_at: datetime,
    now: datetime,
    *,
    rotation: Rotation = Rotation.UNKNOWN,
    window: timedelta | None = None,
    due_within: timedelta | None = None,
    min_age: timedelta | None = None,
    last_of_life: timedelta | None = None,
    dies_at_refresh: bool = False,
    refresh_idle: timedelta | None = None,
    jitter: float = 0.0,
    commit_deadline: timedelta = REFRESH_LIMITS.commit_deadline,
) -> Timing:
    """Judge a token of `lifetime` received at `issued_at` (the version's created_time). `jitter` is in [0, 1)."""
    life = max(lifetime, timedelta(0))
    expires_at = issued_at + life
    aging_span = aging(life, needs_intent=rotation.needs_intent, commit_deadline=commit_deadline)
    if dies_at_refresh:
        aging_span = hard(life)
    wanted = max(aging_span, window or timedelta(0), due_within or timedelta(0))
    youngest = allowed_from(issued_at, expires_at, min_age=min_age, last_of_life=last_of_life)
    due_at = max(expires_at - min(life / 2, wanted), youngest)
    keep_alive_at = _keep_alive(refresh_idle, issued_at, youngest=youngest, jitter=jitter)
    if keep_alive_at is not None:
        due_at = min(due_at, keep_alive_at)
    hard_at = expires_at - hard(life)
    if issued_at - now > max(hard(life), _DRIFT):
        # The clock was put back since: how old the token really is nobody knows.
        due_at = now
    return Timing(
        due=now >= due_at,
        hard=now >= hard_at,
        expired=now >= expires_at,
        due_at=due_at,
        aging_at=expires_at - aging_span,
        hard_at=hard_at,
        expires_at=expires_at,
        keep_alive_at=keep_alive_at,
    )


def allowed_from(
    issued_at: datetime,
    expires_at: datetime,
    *,
    min_age: timedelta | None,
    last_of_life: timedelta | None,
) -> datetime:
    """From when on the provider itself lets this token be refreshed. No threshold of ours: `--force` keeps to it too."""
    youngest = issued_at + (min_age or timedelta(0))
    return youngest if last_of_life is None else max(youngest, expires_at - last_of_life)


def _keep_alive(
    idle: timedelta | None, last_used: datetime, *, youngest: datetime, jitter: float
) -> datetime | None:
    if idle is None:
        return None
    span = idle / 4
    return max(last_used + span * (1 - _KEEP_ALIVE_JITTER * jitter), youngest)


def assess_account(
    address: Address,
    *,
    lifetime: timedelta,
    issued_at: datetime,
    now: datetime,
    access: AccessTokenRules,
    refresh: RefreshTokenRules,
    window: timedelta | None = None,
    due_within: timedelta | None = None,
    limits: RefreshLimits = REFRESH_LIMITS,
) -> Timing:
    """`assess` with everything that a base says of its tokens, and the account's own jitter."""
    idle = idle_limit(refresh)
    return assess(
        lifetime,
        issued_at,
        now,
        rotation=refresh.rotation,
        window=window,
        due_within=due_within,
        min_age=access.min_age,
        last_of_life=access.last_of_life,
        dies_at_refresh=access.dies_at_refresh,
        refresh_idle=idle,
        jitter=0.0 if idle is None else jitter_of(address),
        commit_deadline=limits.commit_deadline,
    )


def idle_limit(refresh: RefreshTokenRules) -> timedelta | None:
    """After how long without use this base's refresh tokens die; None where they do not."""
    if refresh.lifetime.kind in (LifetimeKind.IDLE, LifetimeKind.IDLE_AND_ABSOLUTE):
        return refresh.lifetime.idle
    return None


def jitter_of(address: Address) -> float:
    """A fraction in [0, 1) that is always the same for one account and spread evenly over many."""
    digest = hashlib.sha256(str(address).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
