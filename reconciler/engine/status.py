"""`status`: every provider and account as the store knows it, joined with what Git declares. Reads nothing itself.

Rules: the same views and the same state table as `plan`; nothing is tried; orphans are listed with when they die.
"""

from __future__ import annotations

from datetime import datetime

from reconciler.decide.account_view import AccountView
from reconciler.decide.attention import account_remedy, sentence, source_location
from reconciler.decide.changes import Action
from reconciler.decide.commands import at_root
from reconciler.decide.frozen import is_frozen, told_frozen
from reconciler.decide.health import Health
from reconciler.decide.plan import Plan, PlanOptions, make_plan
from reconciler.decide.status_view import (
    AccountReport,
    GrantOrigin,
    ProviderReport,
    ProviderState,
    StatusReport,
    conditions_of,
)
from reconciler.errors import clean
from reconciler.model.desired import Desired
from reconciler.model.names import Address
from reconciler.model.observed import Observed, ObservedProvider
from reconciler.model.state import AccountState, Reason
from reconciler.model.status import MANAGED_BY, AccountStatus, ownership_mark

_NOTHING_TO_DO = frozenset({Reason.FRESH, Reason.RECOVERED, Reason.SUSPENDED})


def make_status(
    desired: Desired, observed: Observed, options: PlanOptions, *, frozen: datetime | None = None
) -> StatusReport:
    """One report of everything that is selected and declared, or bears our mark. `frozen`: when the store was restored."""
    plan = make_plan(desired, observed, options)
    providers = sorted(
        a
        for a in {*desired.providers, *observed.providers}
        if _shown(a, desired, observed=observed, options=options)
    )
    accounts = [
        _account(view, plan.healths[address], root=desired.root, frozen=frozen)
        for address, view in plan.views.items()
        if _is_listed(view, options)
    ]
    return StatusReport(
        store=observed.store,
        root=desired.root,
        now=observed.now,
        providers=tuple(_provider(address, desired, observed, plan=plan) for address in providers),
        accounts=tuple(accounts),
        attention=plan.attention,
        blocked=plan.blocked,
        problems=desired.problems,
    )


def _is_listed(view: AccountView, options: PlanOptions) -> bool:
    if view.account is None and view.foreign:
        return False
    status = view.status
    labels = view.account.labels if view.account else (status.labels if status else {})
    return options.selection.includes(view.address, labels)


def _shown(address: Address, desired: Desired, *, observed: Observed, options: PlanOptions) -> bool:
    provider = desired.providers.get(address)
    if provider is not None:
        return options.selection.includes(address, provider.labels)
    seen = observed.providers[address]
    ours = seen.metadata is not None and seen.metadata.custom.get(MANAGED_BY) == ownership_mark(options.owner)
    removed = seen.status is not None and seen.status.removed_at is not None
    return ours and not removed and options.selection.includes(address, {})


def _account(view: AccountView, health: Health, *, root: str, frozen: datetime | None) -> AccountReport:
    remedy = account_remedy(view, health)
    status = view.status
    quiet = health.state is AccountState.READY or health.reason in _NOTHING_TO_DO
    owner = view.account.owner if view.account else (status.owner if status else "")
    recorded = source_location(status.source) if status else None
    report = AccountReport(
        health=health,
        provider=str(view.account.provider) if view.account else (status.provider if status else ""),
        owner=clean(owner or ""),
        description=clean((view.account.description if view.account else "") or ""),
        remedy="" if quiet else sentence(remedy),
        command="" if quiet else at_root(remedy.command, root=root),
        page="" if quiet else remedy.page,
        conditions=conditions_of(view, health),
        location=view.account.location if view.account else recorded,
        origin=_origin(status) if view.has_grant else None,
    )
    if frozen is None or not is_frozen(view, restored=frozen):
        return report
    return told_frozen(report, root=root, restored=frozen)


def _origin(status: AccountStatus | None) -> GrantOrigin | None:
    if status is None or status.consented_at is None:
        return None
    if status.imported_at is not None:
        return GrantOrigin(status.imported_at, clean(status.imported_by) or "somebody")
    return GrantOrigin(status.consented_at)


def _provider(address: Address, desired: Desired, observed: Observed, *, plan: Plan) -> ProviderReport:
    provider = desired.providers.get(address)
    seen = observed.providers.get(address, ObservedProvider(address))
    status = seen.status
    state, message = _provider_state(address, seen, desired=desired, plan=plan)
    ref = provider.client.credential_ref if provider else None
    recorded = status.client_id if status else ""
    declared_id = provider.client.id if provider else None
    return ProviderReport(
        address=address,
        state=state,
        message=message,
        base=clean((provider.base if provider else "") or ""),
        registration=provider.registration.value if provider else (status.registration if status else ""),
        client_id=clean(declared_id or recorded),
        issuer=clean(
            (status.issuer if status else "") or (provider.behaviour.issuer if provider else "") or ""
        ),
        redirect_uris=provider.redirect_uris if provider else (),
        console=(provider.behaviour.console.url or "") if provider else "",
        secret=str(ref) if ref else "",
        secret_version=status.secret_version if status else 0,
        good_secret_version=status.good_secret_version if status else 0,
        secret_expires_at=status.client_secret_expires_at if status else None,
        since=status.registered_at if status else None,
        accounts=len(desired.accounts_of(address)),
        location=provider.location if provider else (source_location(status.source) if status else None),
    )


def _provider_state(
    address: Address, seen: ObservedProvider, *, desired: Desired, plan: Plan
) -> tuple[ProviderState, str]:
    """The most pressing thing first."""
    if seen.unreadable:
        return ProviderState.UNKNOWN, seen.unreadable
    if desired.lacks_word_of(address):
        return ProviderState.BLOCKED, "its manifest is invalid, or in a file that cannot be read"
    if address not in desired.providers:
        return ProviderState.ORPHANED, "no longer declared"
    blocked = next((part for part in plan.blocked if part.address == address), None)
    if blocked is not None:
        return ProviderState.BLOCKED, blocked.message
    circuit = seen.status.circuit if seen.status else None
    if circuit is not None:
        return (
            ProviderState.INCIDENT,
            f"{circuit.reason.value}{f' ({clean(circuit.code)})' if circuit.code else ''}",
        )
    change = next((part for part in plan.changes if part.address == address), None)
    if change is None:
        return ProviderState.READY, "ready"
    if change.action is Action.REGISTER:
        return ProviderState.NOT_REGISTERED, change.message
    return ProviderState.CHANGED, change.message
