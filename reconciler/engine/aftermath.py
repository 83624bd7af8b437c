"""Who is needed after a run, as things stand then: what went well is known, what did not is looked at once more.

Rules: a refresh that was done costs no further request; one that was not costs one metadata read (two for single-use),
and its provider one; a store that does not answer any more leaves the plan's own view in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.decide.account_view import AccountView
from reconciler.decide.changes import MAINTENANCE, Action
from reconciler.decide.diff import attention_of
from reconciler.decide.health import judge_account
from reconciler.decide.results import Attention, Outcome, Result
from reconciler.engine.account_phase import Accounts
from reconciler.engine.observe import observe_account, observe_provider
from reconciler.engine.provider_phase import ProviderOutcome
from reconciler.engine.settle import each
from reconciler.errors import ReconcilerError
from reconciler.model.names import Address, Kind
from reconciler.model.observed import ObservedProvider
from reconciler.model.state import AccountState, Reason
from reconciler.model.stored import KeyMetadata, VersionInfo

_KEPT = frozenset(action.value for action in MAINTENANCE)


def attention_after(accounts: Accounts, results: Sequence[Result]) -> tuple[Attention, ...]:
    """The attention list from the accounts' views as this run left them."""
    run, providers = accounts.run, accounts.providers
    tried = {r.address: r for r in results if r.address in accounts.views and r.action in _KEPT}
    wrong = [a for a, result in tried.items() if result.outcome is not Outcome.DONE]
    well = [a for a, r in tried.items() if r.outcome is Outcome.DONE and r.action != Action.WITHDRAW.value]
    for address in well:
        accounts.views[address] = _refreshed(accounts.views[address])
    each(run, lambda address: _look_again(accounts, address), wrong, stage="look again")
    closed = {p for p in _providers_of(accounts, well) if _is_open(providers.seen(p))}
    each(
        run,
        lambda address: _look_at_provider(accounts, address),
        sorted(closed | _providers_of(accounts, wrong)),
        stage="look again",
    )
    views = {address: _with_provider(accounts, view) for address, view in accounts.views.items()}
    healths = {address: judge_account(view) for address, view in views.items()}
    seen = {address: providers.seen(address) for address in providers.desired.providers}
    observed = replace(providers.observed, providers=seen)
    return attention_of(providers.desired, observed, views=views, healths=healths, options=providers.options)


def _refreshed(view: AccountView) -> AccountView:
    """The view of an account that was just refreshed: a new version stands there, and nothing is wrong with it."""
    tokens = view.observed.tokens or KeyMetadata(0)
    version = tokens.current_version + 1
    published = replace(tokens, current_version=version, versions={version: VersionInfo(version, view.now)})
    status = view.status
    if status is not None:
        status = replace(
            status, state=AccountState.READY, reason=Reason.FRESH, not_before=None, unsettled=False
        )
    return replace(view, observed=replace(view.observed, tokens=published, grants=None, status=status))


def _look_again(accounts: Accounts, address: Address) -> None:
    run, view = accounts.run, accounts.views[address]
    provider = view.provider
    single_use = (
        view.is_person and provider is not None and provider.behaviour.refresh_token.rotation.needs_intent
    )
    try:
        seen = observe_account(run.store, run.layout, address, single_use=single_use)
    except ReconcilerError:
        return
    accounts.views[address] = replace(view, observed=seen)


def _look_at_provider(accounts: Accounts, address: Address) -> None:
    """A circuit may have opened where something was refused, or closed where something went well."""
    run, providers = accounts.run, accounts.providers
    try:
        now = observe_provider(run.store, run.layout, address)
    except ReconcilerError:
        return
    known = providers.outcomes.get(address)
    providers.outcomes[address] = (
        replace(known, observed=now) if known else ProviderOutcome(address, None, None, now)
    )


def _providers_of(accounts: Accounts, addresses: Sequence[Address]) -> set[Address]:
    providers = (accounts.views[address].provider for address in addresses)
    return {provider.address for provider in providers if provider is not None}


def _is_open(seen: ObservedProvider) -> bool:
    return seen.status is not None and seen.status.circuit is not None


def _with_provider(accounts: Accounts, view: AccountView) -> AccountView:
    if view.provider is None or view.address.kind is not Kind.ACCOUNT:
        return view
    seen = accounts.providers.seen(view.provider.address)
    # The same view keeps what was worked out about it already.
    return view if view.provider_observed is seen else replace(view, provider_observed=seen)
