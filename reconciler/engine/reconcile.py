"""`reconcile` and `refresh`: carries a plan out, object by object, and says what became of each (DESIGN §8).

Rules:
- providers first, then what is tracked, then refreshes, most urgent first; removals last and only with `--prune`;
- one bad file never starves the rest: with invalid manifests, or a guard, no change and no delete is made, but due
  refreshes of accounts go on whose own documents are unchanged since they were last applied;
- nothing to do costs nothing: no secret is read, no provider asked, nothing written;
- what failed is looked at once more at the end, so that the report names whom it needs as things stand then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from reconciler.decide.changes import Action, Blocked, Change, GuardHit, GuardName
from reconciler.decide.commands import at_root
from reconciler.decide.plan import Plan, make_plan
from reconciler.decide.plan_options import PlanOptions
from reconciler.decide.results import Outcome, Result, RunReport
from reconciler.decide.saved_plan import SavedPlan, hold_unless, narrow_to
from reconciler.engine.account_phase import Accounts, untouched
from reconciler.engine.aftermath import attention_after
from reconciler.engine.provider_phase import ProviderOutcome, Providers
from reconciler.engine.provider_ports import ProviderPorts
from reconciler.engine.run import Run
from reconciler.model.desired import Desired
from reconciler.model.names import Address, Kind
from reconciler.model.observed import Observed
from reconciler.model.state import Reason


@dataclass(frozen=True, slots=True)
class ReconcileOptions:
    """`purge`: what is removed is destroyed, not set aside. `saved`: do only what this plan holds and still holds.
    `digest`: make changes only where the plan bears this digest ('' any)."""

    plan: PlanOptions = field(default_factory=PlanOptions)
    purge: bool = False
    saved: SavedPlan | None = None
    digest: str = ""

    @property
    def reviewed(self) -> bool:
        """True where somebody said which plan they mean."""
        return self.saved is not None or self.digest != ""


def reconcile(
    run: Run,
    desired: Desired,
    *,
    observed: Observed,
    plan: Plan,
    options: ReconcileOptions,
    ports: ProviderPorts,
) -> RunReport:
    """Make it so. `plan` was made from `desired` and `observed` with `options.plan`. Never raises for what one object,
    the store or a provider does: that becomes a Result with its exit code."""
    moved: tuple[Result, ...] = ()
    if options.saved is not None:
        plan, moved = narrow_to(plan, options.saved)
    if options.digest:
        plan, held = hold_unless(plan, options.digest)
        moved += held
    providers, accounts = _phases(run, desired, observed=observed, plan=plan, options=options, ports=ports)
    results = [*moved, *(_blocked(blocked) for blocked in plan.blocked)]
    if plan.frozen:
        results += [_not_made(change, plan) for change in plan.changes]
        going_on = untouched(accounts.views, providers)
    else:
        todo = [change for change in plan.changes if not change.removes]
        results += providers.apply(c for c in todo if c.address.kind is Kind.PROVIDER)
        results += accounts.track(c for c in todo if c.address.kind is Kind.ACCOUNT)
        # What was not reviewed is not used either: a refresh would act by the manifest as it is now.
        going_on = untouched(accounts.views, providers) if options.reviewed else frozenset(accounts.views)
    selected = [a for a in _selected(accounts, options.plan) if a in going_on]
    results += _kept_alive(accounts, selected)
    if not plan.frozen:
        results += _removed(providers, accounts, plan, purge=options.purge)
    return replace(_report(accounts, plan, results), notes=_kept_notes(plan))


def refresh_due(
    run: Run,
    desired: Desired,
    observed: Observed,
    *,
    options: PlanOptions,
    ports: ProviderPorts,
    addresses: frozenset[Address] = frozenset(),
    force: bool = False,
) -> RunReport:
    """Refresh what is due and nothing else: nothing is registered, tracked or removed. `addresses` empty: everything
    that is selected; given: these, and a line for each even where it is not due. `force`: now, whatever the time."""
    plan = make_plan(desired, observed, options)
    # What a plan would refuse to change does not matter here, where nothing is changed; but a machine's refresh asks for
    # what its manifest says: scopes, and on whose behalf.
    further = (GuardName.SCOPES_WIDENED, GuardName.SUBJECT_CHANGED)
    wider = {hit for hit in plan.guards if hit.name in further}
    plan = replace(plan, guards=())
    providers, accounts = _phases(
        run, desired, observed=observed, plan=plan, options=ReconcileOptions(options), ports=ports
    )
    selected = [a for a in _selected(accounts, options) if not addresses or a in addresses]
    if plan.frozen:
        going_on = untouched(accounts.views, providers)
        selected = [address for address in selected if address in going_on]
    if addresses:
        accounts.views = {a: view for a, view in accounts.views.items() if a in addresses}
    used = {_provider_of(accounts, address) for address in selected}
    results = [_blocked(b) for b in plan.blocked if b.address in accounts.views or b.address in used]
    refused = {a: hit for hit in wider for a in hit.addresses if a in selected}
    due = accounts.due(refused)
    results += [
        _not_widened(plan, a, hit) for a, hit in refused.items() if force or a in due or a in addresses
    ]
    selected = [address for address in selected if address not in refused]
    named = addresses & frozenset(selected)
    results += _refreshed(accounts, selected, named=named, force=force)
    return _report(accounts, plan, results)


def _phases(
    run: Run,
    desired: Desired,
    *,
    observed: Observed,
    plan: Plan,
    options: ReconcileOptions,
    ports: ProviderPorts,
) -> tuple[Providers, Accounts]:
    providers = Providers(run, desired, observed, options.plan, ports, purge=options.purge)
    for blocked in plan.blocked:
        if blocked.address.kind is Kind.PROVIDER:
            seen = providers.seen(blocked.address)
            providers.outcomes[blocked.address] = ProviderOutcome(
                blocked.address, None, None, seen, blocked.message
            )
    return providers, Accounts(run, providers, plan)


def _selected(accounts: Accounts, options: PlanOptions) -> list[Address]:
    """Declared accounts that may be refreshed at all, as things stand now."""
    return [
        address
        for address, view in accounts.views.items()
        if view.account is not None
        and not (view.broken or view.observed.unreadable or view.foreign or view.renamed_from)
        and options.selection.includes(address, view.account.labels)
    ]


def _kept_alive(accounts: Accounts, selected: list[Address]) -> list[Result]:
    """What is suspended is withdrawn, what is due is refreshed."""
    suspended = []
    for address in selected:
        view = accounts.views[address]
        if view.account is not None and view.account.suspend and view.published is not None:
            suspended.append(address)
    return accounts.withdraw(suspended) + _refreshed(accounts, selected, named=frozenset(), force=False)


def _refreshed(
    accounts: Accounts, selected: list[Address], *, named: frozenset[Address], force: bool
) -> list[Result]:
    due = accounts.due(selected)
    wanted = frozenset(due) | named | (frozenset(selected) if force else frozenset())
    if not wanted:
        return []
    asked = {view.account.provider for a in wanted if (view := accounts.views[a]).account is not None}
    declared = accounts.providers.desired.providers
    results = accounts.providers.make_ready(sorted(a for a in asked if a in declared))
    fellows = [a for a in selected if _provider_of(accounts, a) in asked]
    return results + accounts.refresh(fellows, wanted=wanted, force=force)


def _provider_of(accounts: Accounts, address: Address) -> Address | None:
    account = accounts.views[address].account
    return account.provider if account else None


def _removed(providers: Providers, accounts: Accounts, plan: Plan, *, purge: bool) -> list[Result]:
    removals = [change for change in plan.changes if change.removes]
    from_accounts = [c for c in removals if c.address.kind is Kind.ACCOUNT]
    results = providers.make_ready(accounts.providers_to_revoke_at(from_accounts))
    results += accounts.remove(from_accounts, purge=purge)
    kept = {r.address for r in results if r.outcome is not Outcome.DONE}
    if kept:
        # An account that could not be removed still needs its provider's record.
        blocked = [c for c in removals if c.address.kind is Kind.PROVIDER]
        return results + [_after_failure(change) for change in blocked]
    return results + providers.apply(c for c in removals if c.address.kind is Kind.PROVIDER)


def _after_failure(change: Change) -> Result:
    line = "kept: not all accounts could be removed, and one of them may need it"
    return Result(
        change.address, change.action.value, Outcome.SKIPPED, "AccountsRemain", line, location=change.location
    )


def _blocked(blocked: Blocked) -> Result:
    outcome = Outcome.REFUSED if blocked.code == 3 else Outcome.FAILED
    action = Action.TRACK if blocked.address.kind is Kind.ACCOUNT else Action.UPDATE
    return Result(
        blocked.address,
        action.value,
        outcome,
        blocked.reason,
        blocked.message,
        error=blocked.message,
        hint=blocked.hint,
        location=blocked.location,
        code=blocked.code,
    )


_NAMED = 5


def _kept_notes(plan: Plan) -> tuple[str, ...]:
    """What is no longer declared is told of at every run, and kept until somebody prunes it."""
    kept = [str(change.address) for change in plan.removable]
    if not kept:
        return ()
    more = f" and {len(kept) - _NAMED} more" if len(kept) > _NAMED else ""
    return (f"no longer declared, kept until --prune: {', '.join(kept[:_NAMED])}{more}",)


def _not_widened(plan: Plan, address: Address, hit: GuardHit) -> Result:
    account = plan.views[address].account
    return Result(
        address,
        Action.REFRESH.value,
        Outcome.REFUSED,
        hit.name.value,
        f"not refreshed, because of guard {hit.name.value}: {hit.message}",
        hint=f"a person who means it runs: reconciler reconcile {hit.flag}",
        location=account.location if account else None,
        code=3,
    )


def _not_made(change: Change, plan: Plan) -> Result:
    names = ", ".join(guard.name.value for guard in plan.guards)
    why = f"guard {names}" if names else "some manifests are invalid"
    reason = plan.guards[0].name.value if plan.guards else Reason.MANIFEST_INVALID.value
    line = f"not done, because of {why}: {change.action.value}: {change.message}"
    return Result(
        change.address, change.action.value, Outcome.SKIPPED, reason, line, location=change.location
    )


def _report(accounts: Accounts, plan: Plan, results: Iterable[Result]) -> RunReport:
    root = accounts.providers.desired.root
    told = tuple(_told(result, root=root) for result in results)
    attention = attention_after(accounts, told)
    return RunReport(
        results=told, attention=attention, problems=plan.problems, guards=plan.guards, now=plan.now
    )


def _told(result: Result, *, root: str) -> Result:
    """As a line that begins with the address: not said twice, and with commands that mean the same manifests."""
    subject = f"{result.address}: "
    return replace(
        result,
        message=result.message.removeprefix(subject),
        error=result.error.removeprefix(subject),
        hint=at_root(result.hint, root=root),
    )
