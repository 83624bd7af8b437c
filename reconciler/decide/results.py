"""What a run did and whom it needs, as values; and the one exit code that follows (DESIGN §9).

Rules: the exit code is computed from what is shown, never kept beside it; where several apply, the most urgent wins.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from reconciler.decide.changes import GuardHit
from reconciler.model.location import Location, Problem
from reconciler.model.names import Address
from reconciler.model.state import AccountState, Reason

EXIT_ORDER = (64, 65, 8, 1, 3, 4, 6, 5, 7, 2, 0)


def exit_code(codes: Iterable[int]) -> int:
    """The first of EXIT_ORDER that is among `codes`; 0 for none."""
    present = set(codes)
    return next((code for code in EXIT_ORDER if code in present), 0)


class Outcome(StrEnum):
    DONE = "done"
    SKIPPED = "skipped"
    HELD = "held"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Result:
    """One object's part in a run. `code` is the exit code that it asks for."""

    address: Address
    action: str
    """An action of DESIGN §8, or the verb that was asked for (`consent`)."""
    outcome: Outcome
    reason: str = ""
    """A Reason or guard name, CamelCase; '' where all went as planned."""
    message: str = ""
    """One line for people: `refreshed, good until 15:04 (1 h)`."""
    error: str = ""
    hint: str = ""
    location: Location | None = None
    code: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attention:
    """An account (or provider) that needs a person. Sorted by urgency: dead first, then by date, then by address."""

    address: Address
    state: AccountState
    reason: Reason
    message: str
    """What is the matter, in words."""
    remedy: str
    """What to do, in words."""
    command: str
    """A command that can be pasted."""
    page: str = ""
    """The provider's own page, where the base has one."""
    since: datetime | None = None
    by: datetime | None = None
    owner: str = ""
    provider: str = ""
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class RunReport:
    """`reconcile` and `refresh`."""

    results: tuple[Result, ...] = ()
    attention: tuple[Attention, ...] = ()
    problems: tuple[Problem, ...] = ()
    guards: tuple[GuardHit, ...] = ()
    """What stopped every change of this run; refreshes that were due went on."""
    now: datetime | None = None
    notes: tuple[str, ...] = field(default=())

    def exit_code(self, *, fail_on_attention: bool = False) -> int:
        codes = [result.code for result in self.results]
        codes += [65] if self.problems else []
        codes += [3] if self.guards else []
        codes += [5] if fail_on_attention and self.attention else []
        return exit_code(codes)
