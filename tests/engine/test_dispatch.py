"""Who is started when: urgency, a provider's concurrency and rate, and a busy provider that blocks nobody else."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial

from reconciler.decide.results import Outcome
from reconciler.engine.circuit import Desk
from reconciler.engine.dispatch import Dispatcher, Job, NotRun
from reconciler.engine.refresh import refresh_accounts
from reconciler.model.behaviour import RateRules
from reconciler.model.limits import REFRESH_LIMITS
from reconciler.model.names import account_address, provider_address
from tests.engine.refresh_world import RefreshWorld

SLOW, QUICK = provider_address("team", "slow"), provider_address("team", "quick")


class Stage:
    """Counts who is on it at once."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = 0
        self.most = 0
        self.order: list[str] = []

    def act(self, name: str, seconds: float = 0.01) -> str:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
            self.order.append(name)
        time.sleep(seconds)
        with self.lock:
            self.now -= 1
        return name


def dispatch(jobs, rates, *, workers: int = 8):
    world = RefreshWorld()
    desks = {
        address: Desk(
            provider=world.provider,
            circuit=None,
            limits=REFRESH_LIMITS,
            started_at=world.clock.now(),
            accounts=9,
        )
        for address in rates
    }
    dispatcher: Dispatcher[str] = Dispatcher(
        world.make_run(jobs=workers), desks, rates, is_over=lambda: False
    )
    with ThreadPoolExecutor(workers) as pool:
        return dispatcher.run_all(jobs, pool)


def job(stage: Stage, provider, number: int, seconds: float = 0.01) -> Job[str]:
    name = f"{provider.name}{number}"
    return Job(account_address("team", name), provider, lambda: stage.act(name, seconds))


def test_a_provider_is_never_asked_by_more_than_its_base_allows():
    stage = Stage()
    done = dispatch([job(stage, SLOW, n) for n in range(12)], {SLOW: RateRules(concurrency=2)})
    assert stage.most <= 2
    assert len(done) == 12


def test_a_busy_provider_blocks_nobody_elses_accounts():
    slow, quick = Stage(), Stage()
    jobs = [job(slow, SLOW, n, 0.2) for n in range(4)] + [job(quick, QUICK, n, 0) for n in range(20)]
    started = time.monotonic()
    rates = {SLOW: RateRules(concurrency=1), QUICK: RateRules()}
    finished: dict[str, float] = {}
    for one in jobs[4:]:
        inner = one.do
        object.__setattr__(
            one, "do", lambda inner=inner: finished.setdefault(inner(), time.monotonic() - started)
        )
    dispatch(jobs, rates, workers=2)
    assert max(finished.values()) < 0.7, "they did not wait for the slow provider's four"


def test_a_slow_provider_never_has_all_threads_while_others_wait():
    slow, quick = Stage(), Stage()
    jobs = [job(slow, SLOW, n, 0.2) for n in range(12)] + [job(quick, QUICK, n, 0) for n in range(20)]
    seen: list[int] = []

    def looks(inner) -> str:
        seen.append(len(slow.order))
        return inner()

    jobs[12:] = [replace(one, do=partial(looks, one.do)) for one in jobs[12:]]
    dispatch(jobs, {SLOW: RateRules(), QUICK: RateRules()}, workers=4)
    assert len(seen) == 20
    assert max(seen) <= 2, "half of the threads are for the others, who are done before its first ends"
    assert slow.most == 4, "then it has them all"


def test_the_most_urgent_goes_first():
    stage = Stage()
    dispatch([job(stage, SLOW, n, 0) for n in range(6)], {SLOW: RateRules(concurrency=1)}, workers=1)
    assert stage.order == [f"slow{n}" for n in range(6)]


def test_a_rate_is_kept():
    world = RefreshWorld(behaves={"rate": RateRules(per_second=2)})
    for number in range(4):
        world.consented(f"team/n{number}")
    world.clock.advance(timedelta(minutes=55))
    before = world.clock.monotonic()
    results = world.refresh()
    assert all(result.outcome is Outcome.DONE for result in results)
    assert world.clock.monotonic() - before >= 1.4


def test_an_executor_of_somebody_elses_can_take_the_place_of_ours():
    world = RefreshWorld()
    world.consented()
    world.clock.advance(timedelta(minutes=55))
    threads = []
    world.server.on_request = lambda form: threads.append(threading.current_thread().name)
    with ThreadPoolExecutor(1, "theirs") as theirs:
        (result,) = refresh_accounts(world.run, world.work(), now=world.clock.now(), executor=theirs)
    assert result.outcome is Outcome.DONE
    assert threads[0].startswith("theirs")


def test_a_stop_leaves_the_rest_unstarted():
    world = RefreshWorld()
    run = world.make_run(jobs=1)
    stage = Stage()

    def stop() -> str:
        run.stop.set()
        return stage.act("one", 0)

    desk = Desk(
        provider=world.provider, circuit=None, limits=REFRESH_LIMITS, started_at=world.clock.now(), accounts=2
    )
    jobs = [Job(account_address("team", "one"), SLOW, stop), job(stage, SLOW, 2)]
    dispatcher: Dispatcher[str] = Dispatcher(run, {SLOW: desk}, {SLOW: RateRules()}, is_over=lambda: False)
    with ThreadPoolExecutor(1) as pool:
        done = dispatcher.run_all(jobs, pool)
    assert done[account_address("team", "one")] == "one"
    assert done[account_address("team", "slow2")] is NotRun.STOPPED


def test_ten_thousand_accounts_of_a_provider_that_takes_few_at_once_are_no_burden():
    jobs = [Job(account_address("team", f"a{n}"), SLOW, lambda: "done") for n in range(10_000)]
    before = time.process_time()
    done = dispatch(jobs, {SLOW: RateRules(concurrency=4)})
    assert len(done) == 10_000
    assert time.process_time() - before < 8, "looking for the next one grows with how many wait"


def test_providers_take_turns_by_urgency():
    stage = Stage()
    jobs = [job(stage, SLOW if n % 2 else QUICK, n, 0) for n in range(8)]
    dispatch(jobs, {SLOW: RateRules(), QUICK: RateRules()}, workers=1)
    assert stage.order == [str(one.address.name) for one in jobs]
