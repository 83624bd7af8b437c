"""Desired and observed, joined: what changes, what is kept alive, what is blocked, who is needed (DESIGN §8).

Rules:
- providers are judged first: what is wrong with one decides whether its accounts may be touched;
- the order of files and of the store's answers never matters: everything is sorted by address;
- only selected objects are listed; removals are found among what bears our mark and nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from reconciler.decide.account_changes import account_change, account_removal
from reconciler.decide.account_view import AccountView
from reconciler.decide.attention import (
    account_attention,
    circuit_attention,
    provider_attention,
    sort_attention,
)
from reconciler.decide.changes import Action, Blocked, Change
from reconciler.decide.commands import at_root
from reconciler.decide.former_names import is_vacated, left_behind
from reconciler.decide.health import Health, judge_account
from reconciler.decide.health_words import brief
from reconciler.decide.plan_options import PlanOptions
from reconciler.decide.provider_changes import provider_change
from reconciler.decide.results import Attention
from reconciler.model.desired import Desired
from reconciler.model.names import Address, Kind
from reconciler.model.observed import Observed, ObservedAccount
from reconciler.model.state import AccountState, Reason


@dataclass(frozen=True, slots=True)
class Diff:
    """`removals`: not declared any more, whether or not they will be pruned. `foreign`: declared accounts at a path
    that another owner wrote. `views` and `healths` hold every account, selected or not."""

    changes: tuple[Change, ...]
    removals: tuple[Change, ...]
    maintenance: tuple[Change, ...]
    blocked: tuple[Blocked, ...]
    attention: tuple[Attention, ...]
    foreign: tuple[Address, ...]
    views: Mapping[Address, AccountView]
    healths: Mapping[Address, Health]
    unchanged: int


def diff(desired: Desired, observed: Observed, *, options: PlanOptions) -> Diff:
    """Everything that differs. Pure; raises nothing for content."""
    provider_parts = _providers(desired, observed, options)
    blocked = {b.address: b for b in provider_parts.values() if isinstance(b, Blocked)}
    views = account_views(desired, observed, options=options, not_ready=_not_ready(blocked))
    moving = {view.renamed_from for view in views.values()}
    healths = {address: judge_account(view) for address, view in views.items()}
    listed = {
        a for a in _known(desired, observed) if _is_selected(a, desired, observed=observed, options=options)
    }

    changes = [part for a, part in provider_parts.items() if isinstance(part, Change) and a in listed]
    removals = [change for change in changes if change.removes]
    changes = [change for change in changes if not change.removes]
    maintenance: list[Change] = []
    held_back = [b for b in blocked.values() if b.address in listed]
    for address in sorted(a for a in views if a in listed):
        view = views[address]
        change, removal = account_change(view), account_removal(view)
        changes += [change] if change else []
        removals += [removal] if removal and address not in moving and not desired.unreadable else []
        kept = upkeep(view, healths[address])
        maintenance += [kept] if kept else []
        held_back += [_unreadable(view)] if view.observed.unreadable and view.account else []
    attention = attention_of(desired, observed, views=views, healths=healths, options=options)
    parts: tuple[Change | Blocked | Attention, ...] = (*changes, *maintenance, *held_back, *attention)
    touched = {part.address for part in parts}
    declared = {a for a in (*desired.providers, *desired.accounts) if a in listed}
    return Diff(
        changes=tuple(sorted(changes, key=_order)),
        removals=() if desired.unreadable else tuple(sorted(removals, key=_removal_order)),
        maintenance=tuple(sorted(maintenance, key=_order)),
        blocked=tuple(
            replace(b, hint=at_root(b.hint, root=desired.root))
            for b in sorted(held_back, key=lambda b: (not b.trust_change, b.address))
        ),
        attention=attention,
        foreign=tuple(sorted(a for a in listed if a in views and _is_foreign(views[a]))),
        views=views,
        healths=healths,
        unchanged=len(declared - touched),
    )


def account_views(
    desired: Desired, observed: Observed, *, options: PlanOptions, not_ready: Mapping[Address, str]
) -> dict[Address, AccountView]:
    """One view an account that is declared, broken or stored. `not_ready`: provider -> why it may not be called."""
    views: dict[Address, AccountView] = {}
    broken = {address for address in desired.broken if address.kind is Kind.ACCOUNT}
    stored = {address for address, seen in observed.accounts.items() if not is_vacated(seen)}
    for address in sorted({*desired.accounts, *broken, *stored}):
        account = desired.accounts.get(address)
        seen = observed.accounts.get(address, ObservedAccount(address))
        former = left_behind(account, observed.accounts, owner=options.owner)
        provider = desired.provider_of(account) if account else None
        views[address] = AccountView(
            address=address,
            account=account,
            observed=seen if former is None else replace(former, address=address, grants=None),
            provider=provider,
            provider_observed=observed.providers.get(provider.address) if provider else None,
            now=observed.now,
            owner=options.owner,
            broken=desired.lacks_word_of(address),
            not_ready=not_ready.get(provider.address, "") if provider else "",
            due_within=options.due_within,
            limits=options.limits,
            renamed_from=former.address if former else None,
        )
    return views


def upkeep(view: AccountView, health: Health) -> Change | None:
    """What keeps an account's token alive, or takes it away while the account is suspended."""
    if view.account is None or view.observed.unreadable or view.foreign or view.broken:
        return None
    if view.renamed_from is not None:
        return None
    if health.state is AccountState.SUSPENDED:
        return (
            None
            if view.published is None
            else _kept(view, Action.WITHDRAW, reason=health.reason, message="suspended")
        )
    if not health.due:
        return None
    unpublished = health.state is AccountState.IN_DOUBT
    action = Action.REPUBLISH if unpublished else Action.REFRESH
    return _kept(view, action, reason=health.reason, message=brief(view, health.state, health.reason))


def _kept(view: AccountView, action: Action, *, reason: Reason, message: str) -> Change:
    location = view.account.location if view.account else None
    return Change(view.address, action, reason.value, message, location=location)


def _providers(
    desired: Desired, observed: Observed, options: PlanOptions
) -> dict[Address, Change | Blocked | None]:
    known = sorted({*desired.providers, *observed.providers} - desired.broken)
    return {address: provider_change(address, desired, observed, options=options) for address in known}


def _not_ready(blocked: Mapping[Address, Blocked]) -> dict[Address, str]:
    return {address: part.message for address, part in blocked.items()}


def _known(desired: Desired, observed: Observed) -> set[Address]:
    return {*desired.providers, *desired.accounts, *desired.broken, *observed.providers, *observed.accounts}


def _is_selected(address: Address, desired: Desired, *, observed: Observed, options: PlanOptions) -> bool:
    declared = desired.providers.get(address) or desired.accounts.get(address)
    if declared is not None:
        return options.selection.includes(address, declared.labels)
    seen = observed.accounts.get(address)
    recorded = seen.status.labels if seen and seen.status else {}
    return options.selection.includes(address, recorded)


def attention_of(
    desired: Desired,
    observed: Observed,
    *,
    views: Mapping[Address, AccountView],
    healths: Mapping[Address, Health],
    options: PlanOptions,
) -> tuple[Attention, ...]:
    """Everybody who is needed among what is selected. Only `providers` and `now` of `observed` are looked at."""
    lines: list[Attention | None] = [
        account_attention(views[a], healths[a])
        for a in views
        if _is_selected(a, desired, observed=observed, options=options)
    ]
    held = (views[a].account for a, health in healths.items() if health.state is AccountState.HELD)
    waiting = Counter(account.provider for account in held if account is not None)
    for address, provider in desired.providers.items():
        seen = observed.providers.get(address)
        if seen is not None and options.selection.includes(address, provider.labels):
            lines.append(circuit_attention(provider, seen, accounts=waiting[address]))
            lines.append(provider_attention(provider, seen, now=observed.now))
    rooted = (replace(line, command=at_root(line.command, root=desired.root)) for line in lines if line)
    return sort_attention(rooted, now=observed.now)


def _unreadable(view: AccountView) -> Blocked:
    return Blocked(
        view.address,
        Reason.STORE_UNREADABLE.value,
        f"the store does not let us read it: {view.observed.unreadable}",
        hint="give the login's policy read and list on the metadata of this path",
        location=view.account.location if view.account else None,
    )


def _is_foreign(view: AccountView) -> bool:
    return view.account is not None and view.foreign != "" and not view.observed.unreadable


def _order(change: Change) -> tuple[int, Address]:
    return list(Action).index(change.action), change.address


def _removal_order(change: Change) -> tuple[int, Address]:
    """Accounts first: taking a grant back needs its provider."""
    return list(Action).index(change.action), change.address
