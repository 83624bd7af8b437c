"""Refreshes one account because somebody needs its token now: by the protocol, where it is due or may be hastened.

Rules:
- nothing is refreshed that `refresh` would leave alone: suspended, held, refused and waiting, foreign, in doubt;
- more than half of the token's life may be asked for; then the thresholds of time are passed over, those of the
  provider (minimum age, waiting times, its incidents) are not;
- what another run has refreshed meanwhile is taken as it is.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from reconciler.decide.account_view import AccountView
from reconciler.decide.health import ANSWERED, Health
from reconciler.decide.plan import make_plan
from reconciler.decide.plan_options import PlanOptions
from reconciler.decide.results import Outcome, RunReport
from reconciler.engine.provider_ports import ProviderPorts
from reconciler.engine.reconcile import refresh_due
from reconciler.engine.run import Run
from reconciler.errors import (
    GuardRefused,
    HeldByAnother,
    ManifestError,
    NeedsPerson,
    ObjectFailed,
    ReconcilerError,
    StoreError,
    TrustRefused,
)
from reconciler.model.desired import Desired
from reconciler.model.names import Address
from reconciler.model.observed import Observed
from reconciler.model.state import NEEDS_PERSON, AccountState, Reason

_LEFT_ALONE = frozenset(
    {AccountState.SUSPENDED, AccountState.ORPHANED, AccountState.UNKNOWN, AccountState.IN_DOUBT}
)
_KINDS: dict[int, type[ReconcilerError]] = {
    3: TrustRefused, 4: ObjectFailed, 5: NeedsPerson, 6: HeldByAnother, 8: StoreError, 65: ManifestError,
}  # fmt: skip


def renew(
    run: Run,
    desired: Desired,
    observed: Observed,
    *,
    account: Address,
    min_valid: timedelta | None,
    options: PlanOptions,
    ports: ProviderPorts,
) -> None:
    """Refresh `account`, so that `min_valid` is left where that can be had. Raises why it was not refreshed."""
    declared(desired, account)
    options = replace(options, due_within=min_valid)
    plan = make_plan(desired, observed, options)
    view, health = plan.views[account], plan.healths[account]
    if min_valid is not None and view.access_expires_at is not None:
        if view.access_expires_at - view.now >= min_valid and not health.due:
            return
        hastened = not health.due and _may_be_hastened(view, health)
    else:
        hastened = False
    report = refresh_due(
        run,
        desired,
        observed,
        options=options,
        ports=ports,
        addresses=frozenset({account}),
        force=hastened,
    )
    _raise_unless_done(report, account)


def declared(desired: Desired, account: Address) -> None:
    """ManifestError where it is declared and invalid, ObjectFailed where it is not declared."""
    if account in desired.broken:
        raise ManifestError(f"{account} is declared, but not valid", problems=desired.problems)
    if account not in desired.accounts:
        raise ObjectFailed(
            f"{account}: it is not declared in {desired.root}, so nothing can be done for it from here",
            hint="check the address, or name the folder of its manifests with -f",
        )


def _may_be_hastened(view: AccountView, health: Health) -> bool:
    if health.state in _LEFT_ALONE or health.reason in ANSWERED or view.foreign or view.broken:
        return False
    if health.not_before is not None or view.circuit is not None or view.published is None:
        return False
    allowed = view.may_be_refreshed_from
    return allowed is None or allowed <= view.now


def _raise_unless_done(report: RunReport, account: Address) -> None:
    result = next((found for found in report.results if found.address == account), None)
    if result is not None and result.outcome is Outcome.DONE:
        return
    person = next((line for line in report.attention if line.address == account), None)
    if person is not None and person.state in NEEDS_PERSON:
        raise NeedsPerson(f"{account}: {person.message}", hint=f"run: {person.command}")
    told = result
    if result is None or result.reason == Reason.PROVIDER_NOT_READY.value:
        # The provider's own line says what is the matter and what helps.
        told = next((found for found in report.results if found.address != account and found.code), result)
    if told is None:
        raise ObjectFailed(
            f"{account}: nothing was refreshed", hint=f"run: reconciler refresh {account.short}"
        )
    if told.code == GuardRefused.exit_code and told.reason.endswith("Replaced"):
        raise GuardRefused(f"{told.address}: {told.message}", hint=told.hint or None, reason=told.reason)
    kind = _KINDS.get(told.code, ObjectFailed)
    raise kind(f"{told.address}: {told.message}", hint=told.hint or None)
