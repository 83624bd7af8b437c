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
from reconciler.model.behaviour import RateLimit, RateRules
from reconciler.model.limits import REFRESH_LIMITS
from reconciler.model.names import account_address, provider_address
from tests.engine.refresh_world import LAYOUT, RefreshWorld
from tests.simulators.token_endpoint import answer

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
            recorded=None,
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


FIVE_A_MINUTE = RateRules(limit=RateLimit(requests=5, per=timedelta(minutes=1)))


def limited(count: int, **world) -> RefreshWorld:
    made = RefreshWorld(behaves={"rate": FIVE_A_MINUTE}, **world)
    for number in range(count):
        made.consented(f"team/n{number}")
    made.clock.advance(timedelta(minutes=55))
    return made


def seconds_for(world: RefreshWorld, *names: str) -> float:
    before = world.clock.monotonic()
    assert {result.outcome for result in world.refresh(*names)} == {Outcome.DONE}
    return world.clock.monotonic() - before


def test_a_limit_is_kept_from_one_run_to_the_next():
    world = limited(9)
    assert seconds_for(world, "team/n0", "team/n1", "team/n2") == 0
    world.clock.advance(timedelta(seconds=20))
    assert seconds_for(world, "team/n3", "team/n4") == 0
    assert (world.provider_status().calls, world.provider_status().called_at) == (5, world.clock.now())
    # The five are taken to be as young as the last of them.
    assert seconds_for(world, "team/n5") >= 60
    world.clock.advance(timedelta(minutes=2))
    assert seconds_for(world, "team/n6", "team/n7", "team/n8") == 0
    assert world.provider_status().calls == 3


def test_what_a_limit_counts_costs_one_write_a_run_and_none_where_nobody_was_asked():
    world = limited(3)
    world.refresh()
    provider = f"write_metadata {LAYOUT.provider(world.provider.desired.address)}"
    assert world.store.writes().count(provider) == 1
    world.refresh()
    assert world.store.writes() == []


def test_a_second_request_for_an_account_is_counted_too():
    world = limited(1, rules={"sends_scope": True})
    world.server.faults.append(answer(400, {"error": "invalid_scope"}))
    world.refresh()
    assert world.provider_status().calls == 2


def test_a_clock_that_went_back_counts_as_no_time_at_all():
    world = limited(6)
    status = replace(world.status(), calls=5, called_at=world.clock.now() + timedelta(hours=1))
    world.store.write_metadata(LAYOUT.provider(world.provider.desired.address), status.to_metadata())
    assert 60 <= seconds_for(world, "team/n0") < 62


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
        provider=world.provider,
        recorded=None,
        limits=REFRESH_LIMITS,
        started_at=world.clock.now(),
        accounts=2,
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
