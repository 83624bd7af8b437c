"""What `status` says of everything that the store knows, as values; and the conditions of an account.

Rules:
- conditions follow Kubernetes (`type`, `status`, `reason`, `message`, `lastTransitionTime`, `observedGeneration`), so
  that what watches those can watch these; `observedGeneration` is the KV version of the grant that was judged;
- a status is what the store says, at its own clock; nothing is tried for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from reconciler.decide.account_view import AccountView
from reconciler.decide.changes import Blocked
from reconciler.decide.health import Health
from reconciler.decide.results import Attention, exit_code
from reconciler.model.location import Location, Problem
from reconciler.model.names import Address
from reconciler.model.state import AccountState, Reason


class Truth(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    type: str
    status: Truth
    reason: Reason
    message: str
    last_transition: datetime | None
    observed_generation: int


@dataclass(frozen=True, slots=True)
class GrantOrigin:
    """Where a grant came from. `by`: who imported it; '' where a person consented through us."""

    at: datetime
    by: str = ""


@dataclass(frozen=True, slots=True)
class AccountReport:
    """`remedy`, `command` '' where nothing is to be done. `origin` None: there is no grant on record."""

    health: Health
    provider: str
    owner: str
    description: str
    remedy: str
    command: str
    page: str
    conditions: tuple[Condition, ...]
    location: Location | None
    origin: GrantOrigin | None = None
    frozen: bool = False
    """Its refresh token is held back since the store was restored; the message says so too."""

    @property
    def address(self) -> Address:
        return self.health.address


class ProviderState(StrEnum):
    READY = "ready"
    NOT_REGISTERED = "not-registered"
    CHANGED = "changed"
    BLOCKED = "blocked"
    INCIDENT = "incident"
    ORPHANED = "orphaned"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ProviderReport:
    """`redirect_uris`: to be allowed at the provider's console, whose page is `console`."""

    address: Address
    state: ProviderState
    message: str
    base: str
    registration: str
    client_id: str
    issuer: str
    redirect_uris: tuple[str, ...]
    console: str
    secret: str
    secret_version: int
    good_secret_version: int
    secret_expires_at: datetime | None
    since: datetime | None
    accounts: int
    location: Location | None


@dataclass(frozen=True, slots=True)
class StatusReport:
    store: str
    root: str
    now: datetime
    providers: tuple[ProviderReport, ...]
    accounts: tuple[AccountReport, ...]
    attention: tuple[Attention, ...]
    blocked: tuple[Blocked, ...] = ()
    problems: tuple[Problem, ...] = ()
    since: datetime | None = None
    """Only what changed from then on is part of it; None: everything."""

    def counts(self) -> Mapping[str, int]:
        """Accounts by state, in the order of the states."""
        counted = {state.value: 0 for state in AccountState}
        for account in self.accounts:
            counted[account.health.state.value] += 1
        return {name: count for name, count in counted.items() if count}

    def exit_code(self, *, fail_on_attention: bool = False) -> int:
        unknown = any(a.health.state is AccountState.UNKNOWN for a in self.accounts) or any(
            p.state is ProviderState.UNKNOWN for p in self.providers
        )
        codes = [4] if unknown else []
        codes += [65] if self.problems else []
        codes += [5] if fail_on_attention and self.attention else []
        return exit_code(codes)


def changed_since(status: StatusReport, moment: datetime) -> StatusReport:
    """What is in its state only since `moment`, was consented to or imported since, or, of a provider, was applied or
    had an incident since. Refreshes are no change. The exit code follows from what is left."""
    accounts = tuple(
        account
        for account in status.accounts
        if (account.health.since is not None and account.health.since >= moment)
        or (account.origin is not None and account.origin.at >= moment)
    )
    providers = tuple(p for p in status.providers if p.since is not None and p.since >= moment)
    kept = {account.address for account in accounts} | {provider.address for provider in providers}
    return replace(
        status,
        accounts=accounts,
        providers=providers,
        attention=tuple(line for line in status.attention if line.address in kept),
        blocked=tuple(part for part in status.blocked if part.address in kept),
        since=moment,
    )


def conditions_of(view: AccountView, health: Health) -> tuple[Condition, ...]:
    """`Ready`: workloads have a token that lives. `Consented`: the grant is there and is what the manifest asks for.
    `Refreshable`: the next refresh may be tried."""
    generation = view.status.grant_version if view.status else 0
    unknown = health.state in (AccountState.UNKNOWN, AccountState.IN_DOUBT)
    living = health.access_expires_at is not None and health.access_expires_at > view.now
    asks = health.state in (AccountState.PENDING_CONSENT, AccountState.NEEDS_CONSENT)
    stopped = asks or health.state in (
        AccountState.SUSPENDED,
        AccountState.ORPHANED,
        AccountState.NEEDS_ADMIN,
        AccountState.MISCONFIGURED,
        AccountState.HELD,
    )

    def condition(name: str, true: bool, *, known: bool = True) -> Condition:
        truth = Truth.UNKNOWN if not known else (Truth.TRUE if true else Truth.FALSE)
        return Condition(name, truth, health.reason, health.message, health.since, generation)

    readable = health.state is not AccountState.UNKNOWN
    return (
        condition("Ready", living, known=readable),
        condition("Consented", not asks, known=not unknown and view.is_person),
        condition("Refreshable", not stopped, known=not unknown),
    )
