"""What became of notices: which were taken where, and why others were not. Values, and the exit code that follows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconciler.decide.notices import Notice
from reconciler.decide.results import exit_code

_FAILED = 4


@dataclass(frozen=True, slots=True)
class Told:
    """`ids` of the notices that the other side took. `why` '': all of them were."""

    ids: frozenset[str]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One destination's part of a run. `left`: how many wait for the next run, since one sends so many at most."""

    name: str
    where: str
    notices: tuple[Notice, ...]
    told: Told = Told(frozenset())
    left: int = 0

    @property
    def failed(self) -> int:
        return len(self.notices) - len(self.told.ids) - self.left


@dataclass(frozen=True, slots=True)
class NotifyReport:
    """`dry`: nothing was sent and nothing was marked."""

    now: datetime
    dry: bool
    deliveries: tuple[Delivery, ...] = ()

    def exit_code(self) -> int:
        return exit_code([_FAILED for part in self.deliveries if part.told.why and not self.dry])
