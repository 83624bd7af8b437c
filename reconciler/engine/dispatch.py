"""Runs one piece of work for each account on a pool, most urgent first, as far as each provider allows (DESIGN §10).

Rules:
- a provider's concurrency and rate come from its base; accounts of one that is busy never block another's;
- an open circuit lets its probes through and then everybody or nobody;
- a stop starts nothing more and waits for what runs; so does a store that failed as a whole;
- what a piece of work raises is its own result: nothing ends the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Generic, TypeVar

from reconciler.engine.circuit import Desk, Word
from reconciler.engine.run import Run
from reconciler.model.behaviour import RateRules
from reconciler.model.names import Address

_T = TypeVar("_T")
_IDLE_POLL = 0.05


class NotRun(Enum):
    """Why a piece of work was not started."""

    HELD = auto()
    STOPPED = auto()
    NOT_NEEDED = auto()


@dataclass(frozen=True)
class Job(Generic[_T]):
    """One account's work. `after_incident`: only worth doing once an incident of its provider turned out to be over."""

    address: Address
    provider: Address
    do: Callable[[], _T]
    after_incident: bool = False


def _at_desk(desk: Desk, do: Callable[[], _T]) -> _T:
    try:
        return do()
    finally:
        desk.end()


@dataclass
class Dispatcher(Generic[_T]):
    """`is_over` says that the store failed as a whole, so that nothing more is started."""

    run: Run
    desks: Mapping[Address, Desk]
    rates: Mapping[Address, RateRules]
    is_over: Callable[[], bool]
    _next_start: dict[Address, float] = field(default_factory=dict)

    def run_all(self, jobs: Sequence[Job[_T]], executor: Executor) -> dict[Address, _T | NotRun]:
        """`jobs` in the order of urgency. Every job is in the answer."""
        done: dict[Address, _T | NotRun] = {}
        waiting, running = list(jobs), dict[Future[_T], Job[_T]]()
        while waiting or running:
            if self.run.stop.is_set() or self.is_over():
                done.update({job.address: NotRun.STOPPED for job in waiting})
                waiting.clear()
            else:
                waiting = self._start_some(waiting, running, done, executor)
            self.run.events.progress("refresh", done=len(done), total=len(jobs))
            if running:
                self._collect(running, done, timeout=_IDLE_POLL if waiting else None)
            elif waiting:
                self.run.clock.sleep(_IDLE_POLL)
        return done

    def _start_some(
        self,
        waiting: list[Job[_T]],
        running: dict[Future[_T], Job[_T]],
        done: dict[Address, _T | NotRun],
        executor: Executor,
    ) -> list[Job[_T]]:
        """Start what may start, end what may not; what is left has to wait."""
        left: list[Job[_T]] = []
        for index, job in enumerate(waiting):
            if len(running) >= self.run.jobs:
                return left + waiting[index:]
            desk = self.desks[job.provider]
            match desk.next_word():
                case Word.HOLD:
                    done[job.address] = NotRun.NOT_NEEDED if job.after_incident else NotRun.HELD
                case Word.START if job.after_incident and not desk.incident_over:
                    left.append(job)
                    if desk.running == 0 and not self._others_wait(job, waiting[index:]):
                        left.pop()
                        done[job.address] = NotRun.NOT_NEEDED
                case Word.START if self._may_start(job.provider, desk):
                    desk.start()
                    running[executor.submit(_at_desk, desk, job.do)] = job
                case Word.START | Word.WAIT:
                    left.append(job)
        return left

    @staticmethod
    def _others_wait(job: Job[_T], waiting: Sequence[Job[_T]]) -> bool:
        return any(other.provider == job.provider and not other.after_incident for other in waiting)

    def _may_start(self, provider: Address, desk: Desk) -> bool:
        rate = self.rates[provider]
        if desk.running >= rate.concurrency:
            return False
        if rate.per_second is None:
            return True
        now = self.run.clock.monotonic()
        if now < self._next_start.get(provider, now):
            return False
        self._next_start[provider] = now + 1 / rate.per_second
        return True

    @staticmethod
    def _collect(
        running: dict[Future[_T], Job[_T]], done: dict[Address, _T | NotRun], *, timeout: float | None
    ) -> None:
        for future in wait(running, timeout=timeout, return_when=FIRST_COMPLETED).done:
            done[running.pop(future).address] = future.result()
