"""Keeps one account's token in memory until it is due, for many threads at once.

Rules:
- while the token is fresh, nothing is asked and no lock is taken;
- when it is due, one thread fetches; the others go on with it for as long as it lives, and wait only where it does not;
- a fetch that fails is told only where there is nothing better, and not repeated at once: a store that is down is not
  beset by everybody who waits for it;
- a token that was refused (HTTP 401) is looked up once more, by one thread for all; the same one is not looked up again
  for a moment.
Times are those of the given monotonic clock. Nothing here shows a token.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from reconciler.decide.handing_out import HandedOut, header_value
from reconciler.errors import ReconcilerError
from reconciler.model.endpoint import Origin
from reconciler.model.names import Address

_AGAIN_AFTER = 15.0
"""How soon a token that is due and was not replaced is looked for again, seconds."""
_AFTER_FAILURE = 1.0
_AFTER_REFUSAL = 1.0
_EARLY = 2.0
"""A token is taken for dead this much before its end: it must still be on its way then."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """`origins`: where the token may be sent; None: nobody said, so it is put on no request by itself."""

    found: HandedOut
    origins: frozenset[Origin] | None


@dataclass(frozen=True, slots=True, repr=False)
class Held:
    """`header` is the whole value of Authorization. `places`: scheme, host and port (None: the usual one)."""

    token: str
    header: str
    places: frozenset[tuple[str, str, int | None]] | None
    fresh_until: float
    dies_at: float


class TokenCache:
    """`fetch` reads the token (and has it refreshed where it must and may be)."""

    def __init__(
        self,
        account: Address,
        fetch: Callable[[], Fetched],
        *,
        monotonic: Callable[[], float],
        min_valid: timedelta | None = None,
    ) -> None:
        self._account = account
        self._fetch = fetch
        self._monotonic = monotonic
        self._min_valid = (min_valid or timedelta(0)).total_seconds()
        self._held: Held | None = None
        self._trouble: tuple[float, ReconcilerError] | None = None
        self._confirmed: tuple[float, Held | None] = (0.0, None)
        self._lock = threading.Lock()

    def after_fork(self) -> None:
        """In the child of a fork: whoever held the lock is not there."""
        self._lock = threading.Lock()

    def fresh(self) -> Held | None:
        """What is held, where nothing need be asked for it."""
        held = self._held
        return held if held is not None and self._monotonic() < held.fresh_until else None

    def current(self) -> Held:
        """A token that lives. Raises what `fetch` raises."""
        held = self._held
        now = self._monotonic()
        if held is not None and now < held.fresh_until:
            return held
        lives = held is not None and now < held.dies_at
        if not self._lock.acquire(blocking=not lives):
            assert held is not None  # noqa: S101 - it lives
            return held
        try:
            return self.fresh() or self._fetched()
        finally:
            self._lock.release()

    def refused(self, token: str) -> Held | None:
        """An API did not accept `token`: what stands in the store now, where that is another one."""
        with self._lock:
            held, now = self._held, self._monotonic()
            if held is not None and held.token != token:
                return held
            if held is not None and self._confirmed[1] is held and now < self._confirmed[0] + _AFTER_REFUSAL:
                return None
            try:
                newer = self._hold(self._fetch(), began=now)
            except ReconcilerError:
                newer = None
            if newer is None or newer.token == token:
                self._confirmed = (self._monotonic(), held)
                return None
            self._held = newer
            return newer

    # --------------------------------------------------------------------------------------- with the lock held

    def _fetched(self) -> Held:
        began, held = self._monotonic(), self._held
        if self._trouble is not None and began < self._trouble[0] + _AFTER_FAILURE:
            raise _again(self._trouble[1])
        try:
            self._held = self._hold(self._fetch(), began=began)
        except ReconcilerError as error:
            now = self._monotonic()
            if held is None or now >= held.dies_at:
                self._trouble = (now, error)
                raise
            self._held = replace(held, fresh_until=min(now + _AGAIN_AFTER, held.dies_at))
            return self._held
        self._trouble = None
        return self._held

    def _hold(self, fetched: Fetched, *, began: float) -> Held:
        published = fetched.found.token
        left = published.left(fetched.found.now).total_seconds()
        dies_at = began + left - max(self._min_valid, min(_EARLY, left / 2))
        due = began + left - max(self._min_valid, published.hard.total_seconds())
        origins = fetched.origins
        return Held(
            token=published.access_token.reveal(),
            header=header_value(published, self._account).reveal(),
            places=None if origins is None else frozenset(_place(origin) for origin in origins),
            fresh_until=min(max(due, began + _AGAIN_AFTER), dies_at),
            dies_at=dies_at,
        )


def _place(origin: Origin) -> tuple[str, str, int | None]:
    usual = {"https": 443, "http": 80}.get(origin.scheme) == origin.port
    return origin.scheme, origin.host, None if usual else origin.port


def _again(error: ReconcilerError) -> ReconcilerError:
    """The same error for another thread: an exception that is raised twice collects both tracebacks."""
    kind = type(error) if type(error).__init__ is ReconcilerError.__init__ else ReconcilerError
    return kind(error.message, hint=error.hint)
