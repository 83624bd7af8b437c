"""The forecast of everything, by calendar month: how many people's acts each month asks for, and which come first.

Rules:
- by metadata alone, from the same views and states as `plan`; nothing is read, tried or written for it;
- months are calendar months in UTC; what was due before the first one is counted in it;
- a need that comes again is counted each time: whoever acts on the day is asked again `every` later;
- what the forecast takes for granted, and what it cannot know, is part of it.
"""

from __future__ import annotations

import calendar
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from reconciler.decide.account_view import AccountView
from reconciler.decide.commands import at_root
from reconciler.decide.forecast import LimitKind, Need, account_needs, provider_need
from reconciler.decide.health import Health, judge_account
from reconciler.decide.plan import PlanOptions, make_plan
from reconciler.decide.results import exit_code
from reconciler.model.desired import Desired
from reconciler.model.location import Problem
from reconciler.model.observed import Observed, ObservedProvider
from reconciler.model.state import AccountState

LONGEST_MONTHS = 120
_SHORTEST = timedelta(hours=1)
"""A need that comes again sooner than this comes with each refresh, and is no date in a calendar."""


@dataclass(frozen=True, slots=True)
class Month:
    """`counts`: how many acts of a person it asks for, by kind."""

    first: datetime
    counts: Mapping[LimitKind, int]

    @property
    def name(self) -> str:
        return f"{self.first:%Y-%m}"

    @property
    def people(self) -> int:
        return sum(count for kind, count in self.counts.items() if kind is not LimitKind.LAPSE)


@dataclass(frozen=True, slots=True)
class Forecast:
    """`needs`: the first of each within the horizon, soonest first. `unknown`: why, and how many accounts it is so for."""

    store: str
    root: str
    now: datetime
    start: datetime
    end: datetime
    accounts: int
    refresh_every: timedelta | None
    needs: tuple[Need, ...] = ()
    months: tuple[Month, ...] = ()
    unknown: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    @property
    def asked(self) -> tuple[Need, ...]:
        return tuple(need for need in self.needs if need.asks)

    @property
    def people(self) -> int:
        """How many accounts and providers need somebody."""
        return len({need.address for need in self.asked})

    def exit_code(self) -> int:
        unread = self.unknown.get("the store would not tell", 0)
        return exit_code([*([4] if unread else []), *([65] if self.problems else [])])


def make_forecast(
    desired: Desired,
    observed: Observed,
    options: PlanOptions,
    *,
    months: int,
    at: datetime | None = None,
    refresh_every: timedelta | None = None,
) -> Forecast:
    """`at`: the day it is seen from, not before now. `months`: 1 to LONGEST_MONTHS."""
    plan = make_plan(desired, observed, options)
    start = max(at or observed.now, observed.now)
    end = _later(start, months)
    needs: list[Need] = []
    unknown: Counter[str] = Counter()
    accounts = 0
    for address, view in plan.views.items():
        labels = view.account.labels if view.account else (view.status.labels if view.status else {})
        if (view.account is None and view.foreign) or not options.selection.includes(address, labels):
            continue
        accounts += 1
        view, health = _beyond_today(view, plan.healths[address])
        found, why = account_needs(view, health, refresh_every=refresh_every)
        needs += found
        if why:
            unknown[why] += 1
    for address, provider in desired.providers.items():
        if options.selection.includes(address, provider.labels):
            need = provider_need(provider, observed.providers.get(address, ObservedProvider(address)))
            needs += [need] if need is not None else []
    within = [
        replace(need, command=at_root(need.command, root=desired.root)) for need in needs if need.at <= end
    ]
    return Forecast(
        store=observed.store,
        root=desired.root,
        now=observed.now,
        start=start,
        end=end,
        accounts=accounts,
        refresh_every=refresh_every,
        needs=tuple(sorted(within, key=lambda need: (need.at, str(need.address), need.kind))),
        months=tuple(_months(within, start=start, end=end)),
        unknown=dict(sorted(unknown.items())),
        problems=desired.problems,
    )


def _beyond_today(view: AccountView, health: Health) -> tuple[AccountView, Health]:
    """What holds an account today passes: what it will need of a person is asked as if its provider were ready."""
    if health.state is not AccountState.HELD or view.provider is None:
        return view, health
    seen = view.provider_observed
    if seen is not None and seen.status is not None:
        seen = replace(seen, status=replace(seen.status, circuit=None))
    free = replace(view, not_ready="", provider_observed=seen)
    return free, judge_account(free)


def _months(needs: list[Need], *, start: datetime, end: datetime) -> Iterator[Month]:
    counted: dict[datetime, Counter[LimitKind]] = {}
    month = _month_of(start)
    while month <= end:
        counted[month] = Counter()
        month = _later(month, 1)
    for need in needs:
        for at in _each_time(need, end=end):
            counted[_month_of(max(at, start))][need.kind] += 1
    for first, counts in counted.items():
        yield Month(first, {kind: counts[kind] for kind in LimitKind if counts[kind]})


def _each_time(need: Need, *, end: datetime) -> Iterator[datetime]:
    at = need.at
    while at <= end:
        yield at
        if need.every is None or need.every < _SHORTEST or not need.asks:
            return
        at += need.every


def _month_of(moment: datetime) -> datetime:
    return datetime(moment.year, moment.month, 1, tzinfo=UTC)


def _later(moment: datetime, months: int) -> datetime:
    """So many calendar months later; the 31st becomes a shorter month's last day."""
    count = moment.year * 12 + moment.month - 1 + months
    year, month = divmod(count, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)
