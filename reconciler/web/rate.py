"""How often one address may do what costs something: a token bucket for each address and each kind of act.

Rules: memory is bounded, and who was forgotten begins anew; time is given in; a refusal says how long to wait. What is
counted is an address as the listener sees it: behind a proxy, name it with --trusted-proxy.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

_MOST_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """`burst` at once, then `per_minute`."""

    burst: int
    per_minute: float


ALLOWANCES = {
    "page": Allowance(1000, 6000),
    "account": Allowance(120, 120),
    "look": Allowance(5, 6),
    "consent": Allowance(20, 30),
    "link": Allowance(30, 30),
    "login": Allowance(20, 30),
}


class RateLimit:
    def __init__(self) -> None:
        self._left: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_for(self, act: str, *, who: str, now: float) -> int:
        """0 where it may be done now, and it is counted; else whole seconds to wait. `now` is monotonic."""
        allowance = ALLOWANCES[act]
        pace = allowance.per_minute / 60
        with self._lock:
            left, then = self._left.pop((act, who), (float(allowance.burst), now))
            left = min(float(allowance.burst), left + (now - then) * pace)
            allowed = left >= 1
            self._left[act, who] = (left - 1 if allowed else left, now)
            if len(self._left) > _MOST_KNOWN:
                self._left.popitem(last=False)
        return 0 if allowed else max(1, round((1 - left) / pace))
