"""Exact counts of what the sandbox was asked and what it did, for tests that say "exactly one exchange a round".

Written under the world's lock, read as one consistent copy. A request that a scripted fault answered counts as a
request, and as an exchange only where the fault let the server work first.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Counters:
    """Plain tallies; `exchanges` are token responses that were made, whether or not they arrived."""

    requests: Counter[str] = field(default_factory=Counter)
    exchanges: Counter[str] = field(default_factory=Counter)
    exchanges_by_client: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    families_revoked: int = 0
    reuses: int = 0
    retries_in_grace: int = 0
    throttled: int = 0
    too_early: int = 0
    registrations: int = 0
    updates: int = 0
    deregistrations: int = 0

    def to_json(self) -> dict[str, Any]:
        """A copy as JSON: sums and by kind."""
        return {
            "requests": dict(self.requests),
            "requests_total": sum(self.requests.values()),
            "exchanges": dict(self.exchanges),
            "exchanges_total": sum(self.exchanges.values()),
            "exchanges_by_client": dict(self.exchanges_by_client),
            "refusals": dict(self.refusals),
            "faults": dict(self.faults),
            "families_revoked": self.families_revoked,
            "reuses": self.reuses,
            "retries_in_grace": self.retries_in_grace,
            "throttled": self.throttled,
            "too_early": self.too_early,
            "registrations": self.registrations,
            "updates": self.updates,
            "deregistrations": self.deregistrations,
        }
