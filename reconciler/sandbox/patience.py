"""What a provider lets pass how often: token requests of one client, and things that are good once.

Also what a token is where nothing but the access token itself is renewed. All by the world's clock, under its lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.sandbox.records import AccessToken
from reconciler.sandbox.rotation import Presented

if TYPE_CHECKING:
    from reconciler.sandbox.world import World


class Patience:
    """Counts token requests against the throttle of the manners, and remembers what was used."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._asked: dict[str, list[float]] = {}
        self._blocked: dict[str, float] = {}
        self._used: dict[str, float] = {}

    def throttled(self, client_id: str) -> float | None:
        """Count a token request; seconds to wait where it is one too many. A client that is blocked stays so."""
        throttle = self._world.config.manners.throttle
        if throttle is None:
            return None
        with self._world.lock:
            now = self._world.clock.now()
            until = self._blocked.get(client_id, 0.0)
            if now < until:
                return until - now
            seen = [at for at in self._asked.get(client_id, []) if now - at < throttle.per_seconds]
            self._asked[client_id] = [*seen, now]
            if len(seen) < throttle.requests:
                return None
            wait = throttle.block_seconds or throttle.per_seconds
            self._blocked[client_id] = now + wait
            self._world.counters.throttled += 1
            return wait

    def use_once(self, name: str, *, until: float) -> bool:
        """False where `name` was used before; it is remembered until then."""
        with self._world.lock:
            now = self._world.clock.now()
            self._used = {one: end for one, end in self._used.items() if end > now}
            fresh = name not in self._used
            self._used[name] = until
            return fresh


def renewable(world: World, value: str) -> AccessToken | None:
    """Where the access token itself is what is renewed, it is the refresh token of the world."""
    token = world.find_refresh_token(value)
    if token is None:
        return None
    alive = world.judge(token) is Presented.CURRENT
    return AccessToken(
        value=value,
        client_id=token.grant.client_id,
        subject=token.grant.subject,
        scope=token.get_scope(),
        issued_at=token.issued_at,
        expires_at=world.clock.now() + 1 if alive else 0.0,
        now=world.clock.now,
        grant=token.grant,
    )
