"""Runs one piece of work for each account on a pool, most urgent first, as far as each provider allows (DESIGN §10).

Rules:
- a provider's concurrency and rate come from its base, and a limit counts what earlier runs asked too; accounts of one
  that is busy never block another's;
- an open circuit lets its probes through and then everybody or nobody;
- a stop starts nothing more and waits for what runs; so does a store that failed as a whole;
- what a piece of work raises is its own result: nothing ends the others;
- ten thousand accounts of one slow provider cost no more to look after than ten.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from heapq import heapify, heappop, heappush
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from reconciler.decide.call_rate import still_counted
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
    """One account's work. `after_incident`: only worth doing once an incident of its provider turned out to be over.
    `doubted`: it was refused before, so that it says little as a probe."""

    address: Address
    provider: Address
    do: Callable[[], _T]
    after_incident: bool = False
    doubted: bool = False


def _at_desk(desk: Desk, do: Callable[[], _T]) -> _T:
    try:
        return do()
    finally:
        desk.end()


class _Lines(Generic[_T]):
    """Who waits: one line a provider, in the order of urgency. A provider that may not start its first job now stands
    aside until one of its own ends, so that however many wait for it, finding the next job costs the same."""

    def __init__(self, jobs: Sequence[Job[_T]]) -> None:
        self._lines: dict[Address, deque[tuple[int, Job[_T]]]] = {}
        for rank, job in enumerate(jobs):
            self._lines.setdefault(job.provider, deque()).append((rank, job))
        self._ready = [(line[0][0], provider) for provider, line in self._lines.items()]
        heapify(self._ready)
        self._aside: set[Address] = set()
        self._count = len(jobs)

    def __len__(self) -> int:
        return self._count

    def next(self) -> Job[_T] | None:
        """The most urgent first job of a line; to be followed by `take` or `set_aside`."""
        return self._lines[self._ready[0][1]][0][1] if self._ready else None

    def take(self) -> None:
        """What `next` gave is dealt with; the one behind it comes up."""
        _, provider = heappop(self._ready)
        line = self._lines[provider]
        line.popleft()
        self._count -= 1
        if line:
            heappush(self._ready, (line[0][0], provider))

    def bring_forward(self) -> Job[_T]:
        """The least urgent in the line of what `next` gave, of those who are not doubted, becomes its first."""
        line = self._lines[self._ready[0][1]]
        at = next((n for n in reversed(range(len(line))) if not line[n][1].doubted), 0)
        last = line[at]
        del line[at]
        line.appendleft(last)
        return last[1]

    def set_aside(self) -> None:
        """The line of what `next` gave has to wait."""
        self._aside.add(heappop(self._ready)[1])

    def call(self, provider: Address) -> None:
        """Something changed for this provider: its line may be looked at again."""
        if provider in self._aside:
            self._aside.remove(provider)
            heappush(self._ready, (self._lines[provider][0][0], provider))

    def call_all(self, providers: Iterable[Address]) -> None:
        for provider in providers:
            self.call(provider)

    def clear(self) -> list[Job[_T]]:
        """Everybody who still waits, and nobody afterwards."""
        left = [job for line in self._lines.values() for _, job in line]
        self._lines, self._ready, self._aside, self._count = {}, [], set(), 0
        return left


class _Running(Generic[_T]):
    """What has been started. A job that ends says so itself: waiting for the first of many futures would look at them
    all each time."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._jobs: dict[Future[_T], Job[_T]] = {}
        self._ended: SimpleQueue[Future[_T]] = SimpleQueue()

    def __len__(self) -> int:
        return len(self._jobs)

    def start(self, job: Job[_T], desk: Desk) -> None:
        future = self._executor.submit(_at_desk, desk, job.do)
        self._jobs[future] = job
        future.add_done_callback(self._ended.put)

    def collect(self, *, timeout: float | None) -> list[tuple[Job[_T], _T]]:
        """Those that have ended, once at least one has; none where none does in time."""
        ended: list[Future[_T]] = []
        with suppress(Empty):
            ended.append(self._ended.get(timeout=timeout))
            while True:
                ended.append(self._ended.get_nowait())
        return [(self._jobs.pop(future), future.result()) for future in ended]


@dataclass
class Dispatcher(Generic[_T]):
    """`is_over` says that the store failed as a whole, so that nothing more is started."""

    run: Run
    desks: Mapping[Address, Desk]
    rates: Mapping[Address, RateRules]
    is_over: Callable[[], bool]
    _next_start: dict[Address, float] = field(default_factory=dict)
    _started: dict[Address, deque[float]] = field(default_factory=dict)
    _later: set[Address] = field(default_factory=set)

    def run_all(self, jobs: Sequence[Job[_T]], executor: Executor) -> dict[Address, _T | NotRun]:
        """`jobs` in the order of urgency. Every job is in the answer."""
        done: dict[Address, _T | NotRun] = {}
        waiting, running = _Lines(jobs), _Running[_T](executor)
        paced = [address for address, rate in self.rates.items() if rate.per_second or rate.limit]
        while waiting or running:
            if self.run.stop.is_set() or self.is_over():
                done.update({job.address: NotRun.STOPPED for job in waiting.clear()})
            else:
                self._start_some(waiting, running, done)
            self.run.events.progress("refresh", done=len(done), total=len(jobs))
            if running:
                for job, result in running.collect(timeout=_IDLE_POLL if waiting else None):
                    done[job.address] = result
                    waiting.call(job.provider)
            elif waiting:
                self.run.clock.sleep(_IDLE_POLL)
                waiting.call_all(self.desks)
            waiting.call_all(paced)
            waiting.call_all(self._later)
            self._later.clear()
        return done

    def _start_some(
        self,
        waiting: _Lines[_T],
        running: _Running[_T],
        done: dict[Address, _T | NotRun],
    ) -> None:
        """Start what may start, end what may not; what is left has to wait. The second half of the threads is for a
        provider that has the first only where nobody else wants it: a slow one delays its own accounts."""
        self._start_within(max(1, self.run.jobs // 2), waiting, running=running, done=done)
        self._start_within(self.run.jobs, waiting, running=running, done=done)

    def _start_within(
        self,
        share: int,
        waiting: _Lines[_T],
        *,
        running: _Running[_T],
        done: dict[Address, _T | NotRun],
    ) -> None:
        """As far as no provider has more than `share` of the threads."""
        sated: list[Address] = []
        while len(running) < self.run.jobs and (job := waiting.next()) is not None:
            desk = self.desks[job.provider]
            if desk.running >= share:
                sated.append(job.provider)
                waiting.set_aside()
                continue
            match desk.next_word(self.run.clock.monotonic()):
                case Word.HOLD:
                    done[job.address] = NotRun.NOT_NEEDED if job.after_incident else NotRun.HELD
                    waiting.take()
                case Word.START | Word.PROBE if job.after_incident and not desk.incident_over:
                    # All others of its provider have been started: when they have ended too, it is known.
                    if desk.running:
                        waiting.set_aside()
                    else:
                        done[job.address] = NotRun.NOT_NEEDED
                        waiting.take()
                case Word.START | Word.PROBE as word if self._may_start(job.provider, desk):
                    if word is Word.PROBE:
                        job = waiting.bring_forward()
                    desk.start()
                    running.start(job, desk)
                    waiting.take()
                case Word.LATER:
                    self._later.add(job.provider)
                    waiting.set_aside()
                case Word.START | Word.PROBE | Word.WAIT:
                    waiting.set_aside()
        waiting.call_all(sated)

    def _may_start(self, provider: Address, desk: Desk) -> bool:
        rate = self.rates[provider]
        if desk.running >= rate.concurrency:
            return False
        now = self.run.clock.monotonic()
        if rate.per_second is not None and now < self._next_start.get(provider, now):
            return False
        if rate.limit is not None:
            if provider not in self._started:
                count, age = still_counted(desk.recorded, limit=rate.limit, now=desk.started_at)
                earlier = [now - age.total_seconds()] * count
                self._started[provider] = deque(earlier, maxlen=rate.limit.requests)
            recent = self._started[provider]
            if len(recent) == rate.limit.requests and now - recent[0] < rate.limit.per.total_seconds():
                return False
            recent.append(now)
        if rate.per_second is not None:
            self._next_start[provider] = now + 1 / rate.per_second
        return True
