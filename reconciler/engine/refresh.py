"""Keeps tokens alive: refreshes every account that is due, and settles what an earlier run left unfinished (DESIGN §6).

Rules:
- what is due is judged from metadata alone; with nothing due there is no request at all;
- before the first refresh: the store is unsealed, and our login may write where it will have to;
- most urgent first, each account for itself: whatever it raises becomes its own Result;
- a store that failed as a whole, or a stop, starts no further account and waits for those under way;
- what a provider's answers mean together is kept at its Desk and stored with the provider at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta

from reconciler.decide.account_view import AccountView
from reconciler.decide.health import Health, judge_account
from reconciler.decide.incidents import lives_past_next_run
from reconciler.decide.refresh_results import REFRESH, failed_result, incident_result, silence_result
from reconciler.decide.results import Outcome, Result
from reconciler.decide.trying import is_tried
from reconciler.engine.circuit import Desk
from reconciler.engine.desk_record import record_desks
from reconciler.engine.dispatch import Dispatcher, Job, NotRun
from reconciler.engine.preflight import denied_namespaces
from reconciler.engine.refresh_account import AccountRefresh
from reconciler.engine.refresh_work import RefreshWork, StoreWatch
from reconciler.engine.run import Run
from reconciler.engine.store_clock import StoreClock, read_store_clock
from reconciler.errors import ReconcilerError
from reconciler.model.names import Address
from reconciler.model.observed import ObservedProvider
from reconciler.model.state import AccountState, Reason
from reconciler.model.status import Circuit

__all__ = ["RefreshWork", "refresh_accounts"]

_LOOK_BACK = timedelta(hours=1)
"""How long before an incident opened a refusal may have been its first sign."""


def refresh_accounts(
    run: Run,
    work: Sequence[RefreshWork],
    *,
    due_within: timedelta | None = None,
    force: bool = False,
    now: datetime | None = None,
    executor: Executor | None = None,
    fleet: Mapping[Address, int] | None = None,
) -> tuple[Result, ...]:
    """One Result for each account, in the order of `work`. Never raises for what a store, a provider or an account does.

    `due_within`: due earlier than by the token's own life; twice the interval of the schedule. `force`: due now,
    whatever the time. `now`: the store's clock, where it is known already. `executor`: instead of a pool of `run.jobs`
    threads. `fleet`: how many accounts each provider has, where `work` is but a part of them.
    """
    if not work:
        return ()
    try:
        clock = None if now is None else StoreClock(run.clock, run.clock.monotonic(), now)
        clock = clock or read_store_clock(run.store, run.clock)
        chosen = _choose(run, work, clock=clock, due_within=due_within, force=force)
        if not chosen:
            return tuple(
                _not_due(item, _judge(run, item, clock=clock, due_within=due_within)) for item in work
            )
        # Its age does not matter any more when it was just asked; when it was handed in, the store proves itself now.
        clock = clock if now is None else read_store_clock(run.store, run.clock)
        denied = denied_namespaces(run, [item for item, _ in chosen])
    except ReconcilerError as error:
        return tuple(
            failed_result(error, item.account.address, location=item.account.location) for item in work
        )
    counts = Counter(item.provider.desired.address for item in work) | Counter(fleet or {})
    results = _refresh_chosen(
        run,
        chosen,
        denied=denied,
        counts=counts,
        clock=clock,
        due_within=due_within,
        force=force,
        executor=executor,
    )
    return tuple(
        results.get(item.account.address)
        or _not_due(item, _judge(run, item, clock=clock, due_within=due_within))
        for item in work
    )


# ------------------------------------------------------------------------------------------------------ who is due


def _circuit(observed: ObservedProvider) -> Circuit | None:
    return observed.status.circuit if observed.status else None


def _view(run: Run, item: RefreshWork, *, clock: StoreClock, due_within: timedelta | None) -> AccountView:
    """The account by itself, whatever its provider's circuit says: who may be tried is the desk's question."""
    provider = item.provider_observed
    if provider.status is not None and provider.status.circuit is not None:
        provider = replace(provider, status=replace(provider.status, circuit=None))
    return AccountView(
        address=item.account.address,
        account=item.account,
        observed=item.observed,
        provider=item.provider.desired,
        provider_observed=provider,
        now=clock.now(),
        owner=run.owner,
        due_within=due_within,
        limits=run.limits,
    )


def _judge(run: Run, item: RefreshWork, *, clock: StoreClock, due_within: timedelta | None) -> Health:
    return judge_account(_view(run, item, clock=clock, due_within=due_within))


def _choose(
    run: Run, work: Sequence[RefreshWork], *, clock: StoreClock, due_within: timedelta | None, force: bool
) -> list[tuple[RefreshWork, bool]]:
    """What is to be tried, most urgent first; True: only if its provider's incident turns out to be over. During an
    incident those come last that were refused before: who is asked instead tells whether it is theirs alone."""
    ranked: list[tuple[bool, bool, datetime, Address, RefreshWork]] = []
    for item in work:
        view = _view(run, item, clock=clock, due_within=due_within)
        health = judge_account(view)
        rank, address = health.urgency or view.now, item.account.address
        if is_tried(view, health, force=force):
            doubted = _circuit(item.provider_observed) is not None and _was_refused(item)
            ranked.append((False, doubted, rank, address, item))
        elif _fell_in_incident(item, health):
            ranked.append((True, True, rank, address, item))
    if all(after_incident for after_incident, *_ in ranked):
        return []
    ranked.sort(key=lambda row: row[:4])
    return [(item, after_incident) for after_incident, _, _, _, item in ranked]


def _was_refused(item: RefreshWork) -> bool:
    return item.observed.status is not None and item.observed.status.not_before is not None


def _fell_in_incident(item: RefreshWork, health: Health) -> bool:
    circuit = _circuit(item.provider_observed)
    if circuit is None or circuit.reason is not Reason.PROVIDER_INCIDENT:
        return False
    refused = health.state is AccountState.NEEDS_CONSENT and health.not_before is not None
    return refused and health.since is not None and health.since >= circuit.since - _LOOK_BACK


def _not_due(item: RefreshWork, health: Health) -> Result:
    return Result(
        item.account.address,
        REFRESH,
        Outcome.SKIPPED,
        reason=health.reason.value,
        message=health.message,
        location=item.account.location,
    )


# -------------------------------------------------------------------------------------------------------- doing it


def _refresh_chosen(
    run: Run,
    chosen: Sequence[tuple[RefreshWork, bool]],
    *,
    denied: dict[str, ReconcilerError],
    counts: Mapping[Address, int],
    clock: StoreClock,
    due_within: timedelta | None,
    force: bool,
    executor: Executor | None,
) -> dict[Address, Result]:
    results: dict[Address, Result] = {}
    allowed: list[tuple[RefreshWork, bool]] = []
    for item, after_incident in chosen:
        error = denied.get(item.account.address.namespace)
        if error is None:
            allowed.append((item, after_incident))
        elif not after_incident:
            results[item.account.address] = failed_result(
                error, item.account.address, location=item.account.location
            )
    desks = _desks(run, [item for item, _ in allowed], counts=counts, now=clock.now())
    watch = StoreWatch()
    jobs = [
        Job(
            item.account.address,
            item.provider.desired.address,
            AccountRefresh(
                run=run,
                work=item,
                desk=desks[item.provider.desired.address],
                clock=clock,
                watch=watch,
                due_within=due_within,
                force=force or after_incident,
            ).result,
            after_incident=after_incident,
            doubted=after_incident or _was_refused(item),
        )
        for item, after_incident in allowed
    ]
    rates = {address: desk.provider.desired.behaviour.rate for address, desk in desks.items()}
    dispatcher: Dispatcher[Result] = Dispatcher(run, desks, rates, is_over=watch.is_over)
    pool = ThreadPoolExecutor(run.jobs, "refresh") if executor is None else nullcontext(executor)
    with pool as threads:
        ended = dispatcher.run_all(jobs, threads)
    record_desks(run, desks, now=clock.now())
    for item, _ in allowed:
        desk, came = desks[item.provider.desired.address], ended[item.account.address]
        result = _shown(came, item, desk=desk, watch=watch)
        if came is NotRun.HELD and desk.is_silent:
            result = _held_in_silence(run, item, desk=desk, clock=clock, due_within=due_within)
        if result is not None:
            results[item.account.address] = result
    return results


def _desks(
    run: Run, work: Sequence[RefreshWork], *, counts: Mapping[Address, int], now: datetime
) -> dict[Address, Desk]:
    providers = {item.provider.desired.address: item for item in work}
    return {
        address: Desk(
            provider=item.provider,
            recorded=item.provider_observed.status,
            limits=run.limits,
            started_at=now,
            accounts=counts[address],
        )
        for address, item in providers.items()
    }


def _shown(ended: Result | NotRun, item: RefreshWork, *, desk: Desk, watch: StoreWatch) -> Result | None:
    address, location = item.account.address, item.account.location
    if isinstance(ended, Result):
        return ended
    match ended:
        case NotRun.HELD:
            return incident_result(desk.hold_reason, address, location=location)
        case NotRun.STOPPED if watch.error is not None:
            return failed_result(watch.error, address, location=location)
        case NotRun.STOPPED:
            return Result(
                address,
                REFRESH,
                Outcome.SKIPPED,
                reason="Stopped",
                message="not started: the run was asked to stop",
                location=location,
                code=4,
            )
        case NotRun.NOT_NEEDED:
            return None


def _held_in_silence(
    run: Run, item: RefreshWork, *, desk: Desk, clock: StoreClock, due_within: timedelta | None
) -> Result:
    health = _judge(run, item, clock=clock, due_within=due_within)
    lives_on = lives_past_next_run(health.access_expires_at, now=clock.now(), due_within=due_within)
    account = item.account
    return silence_result(desk.hold_reason, account.address, lives_on=lives_on, location=account.location)
