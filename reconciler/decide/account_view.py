"""One account as the store's metadata and the manifest show it together: the facts that `decide/health` judges.

Rules:
- nothing is judged here; each property is one fact, and says what it is taken from;
- ages are judged by the store's clock: `now` and `created_time` are its own;
- what is not recorded is unknown, and unknown is never taken for a reason to ask a person;
- facts that many rules ask for are worked out once (so the class has no slots): a plan judges ten thousand of these.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from reconciler.decide.digests import account_digests
from reconciler.decide.incidents import standing_incident
from reconciler.decide.timing import Timing, allowed_from, assess_account, idle_limit
from reconciler.model.behaviour import AccessTokenRules, RefreshTokenRules, ScopeRules
from reconciler.model.desired import DesiredAccount, DesiredProvider
from reconciler.model.limits import REFRESH_LIMITS, RefreshLimits
from reconciler.model.names import Address
from reconciler.model.observed import ObservedAccount, ObservedProvider
from reconciler.model.status import MANAGED_BY, AccountStatus, Circuit, ownership_mark
from reconciler.model.stored import VersionInfo


@dataclass(frozen=True)
class AccountView:
    """`account` None: not declared. `not_ready`: why its provider may not be called in this run ('' it may)."""

    address: Address
    account: DesiredAccount | None
    observed: ObservedAccount
    provider: DesiredProvider | None
    provider_observed: ObservedProvider | None
    now: datetime
    owner: str
    broken: bool = False
    not_ready: str = ""
    due_within: timedelta | None = None
    limits: RefreshLimits = REFRESH_LIMITS
    renamed_from: Address | None = None
    """Its former name, where the store knows it by that only: `observed` is then what stands there."""

    @property
    def status(self) -> AccountStatus | None:
        return self.observed.status

    @property
    def known(self) -> bool:
        """Somebody declares it, or the store has a key of it."""
        return self.account is not None or self.broken or self.observed.tokens is not None

    @cached_property
    def foreign(self) -> str:
        """The mark on the account's key where it is not ours (`nobody` for none); '' where it is, or there is no key."""
        tokens = self.observed.tokens
        if tokens is None:
            return ""
        mark = tokens.custom.get(MANAGED_BY, "")
        return "" if mark == ownership_mark(self.owner) else (mark or "nobody")

    @cached_property
    def published(self) -> VersionInfo | None:
        """The newest token version, where workloads can read it."""
        newest = self.observed.tokens.newest if self.observed.tokens else None
        return newest if newest is not None and newest.alive else None

    @cached_property
    def is_person(self) -> bool:
        """True where a person's consent stands behind the grant."""
        return self.account is None or self.account.grant.needs_person

    @property
    def has_grant(self) -> bool:
        """A grant is on record, by its projection. A version alone proves nothing: it may be a tombstone's."""
        status = self.status
        return status is not None and (status.client_id != "" or status.consented_at is not None)

    @cached_property
    def circuit(self) -> Circuit | None:
        """The provider's open incident, where it outranks what is known of the account itself."""
        observed = self.provider_observed
        circuit = observed.status.circuit if observed and observed.status else None
        return standing_incident(circuit, now=self.now, limits=self.limits)

    # ------------------------------------------------------------------------------------------------------- time

    @cached_property
    def timing(self) -> Timing | None:
        """Thresholds of the published token; None where there is none."""
        if self.published is None:
            return None
        return assess_account(
            self.address,
            lifetime=self._lifetime,
            issued_at=self.published.created_time,
            now=self.now,
            access=self._access_rules,
            refresh=self.refresh_rules,
            window=self.account.window if self.account else None,
            due_within=self.due_within,
            limits=self.limits,
        )

    @property
    def may_be_refreshed_from(self) -> datetime | None:
        """From when on the provider lets the published token be refreshed, however much somebody wants it; None: at any
        time."""
        rules = self._access_rules
        if self.published is None or (rules.min_age is None and rules.last_of_life is None):
            return None
        issued_at = self.published.created_time
        return allowed_from(
            issued_at,
            issued_at + self._lifetime,
            min_age=rules.min_age,
            last_of_life=rules.last_of_life,
        )

    @property
    def access_expires_at(self) -> datetime | None:
        return None if self.published is None else self.published.created_time + self._lifetime

    @property
    def unfinished_since(self) -> datetime | None:
        """When a grant was written that is newer than both its projection and what is published (DESIGN §5)."""
        grants = self.observed.grants
        newest = grants.newest if grants else None
        if newest is None or not newest.alive:
            return None
        known = self.status.grant_version if self.status else 0
        if newest.version <= known:
            return None
        if self.published is not None and self.published.created_time >= newest.created_time:
            return None
        return newest.created_time

    @property
    def idle_death(self) -> datetime | None:
        """When the grant dies unless it is used before; None: not of idleness, or unknown."""
        idle = self.status.refresh_idle if self.status else None
        idle = idle or idle_limit(self.refresh_rules)
        used = self.observed.tokens.newest if self.observed.tokens else None
        return None if idle is None or used is None or not self.is_person else used.created_time + idle

    @property
    def grant_dies_at(self) -> datetime | None:
        """The earlier of the date that no refresh moves and the end by idleness."""
        ends = self.status.refresh_expires_at if self.status else None
        known = [moment for moment in (ends, self.idle_death) if moment is not None]
        return min(known) if known else None

    @property
    def _lifetime(self) -> timedelta:
        recorded = self.status.lifetime if self.status else None
        if recorded is not None:
            return recorded
        return self._access_rules.lifetime or self.limits.default_lifetime

    @property
    def _access_rules(self) -> AccessTokenRules:
        return self.provider.behaviour.access_token if self.provider else AccessTokenRules()

    @property
    def refresh_rules(self) -> RefreshTokenRules:
        return self.provider.behaviour.refresh_token if self.provider else RefreshTokenRules()

    # ----------------------------------------------------------------------------------------------------- consent

    @cached_property
    def provider_differs(self) -> bool:
        """The grant on record came from another provider than the manifest names."""
        status = self.status
        return (
            self.account is not None
            and status is not None
            and self.has_grant
            and status.provider not in ("", *self._provider_names)
        )

    @property
    def _provider_names(self) -> tuple[str, ...]:
        """What the account's provider is called, and was."""
        if self.account is None:
            return ()
        former = self.provider.previous if self.provider else ()
        return tuple(str(address) for address in (self.account.provider, *former))

    @property
    def client_differs(self) -> bool:
        """The grant on record was given to another client than the provider has, or will have."""
        status = self.status
        return status is not None and status.client_id != "" and self._client_id not in ("", status.client_id)

    @property
    def _client_id(self) -> str:
        declared = self.provider.client.id if self.provider else None
        recorded = self.provider_observed.status if self.provider_observed else None
        return declared or (recorded.client_id if recorded else "")

    @property
    def widened(self) -> tuple[str, ...]:
        """Scopes that the manifest asks for and the consent on record was not asked for. Nothing recorded: none."""
        status = self.status
        if self.account is None or status is None or not status.requested_scopes:
            return ()
        return tuple(s for s in self.account.scopes if s not in status.requested_scopes)

    @property
    def speaks_for_another(self) -> bool:
        """Nobody consents, and the manifest asks for somebody else's token than the last run got."""
        status = self.status
        if self.account is None or status is None or self.is_person or not status.on_behalf_of:
            return False
        return (self.account.subject or status.client_id) != status.on_behalf_of

    @property
    def narrowed(self) -> tuple[str, ...]:
        """Scopes that a person granted because the manifest asked for them then, and that it asks for no more."""
        status = self.status
        if self.account is None or status is None or not self.is_person:
            return ()
        given = set(status.granted_scopes) & set(status.requested_scopes)
        return tuple(sorted(given - set(self.account.scopes)))

    @cached_property
    def missing_scopes(self) -> tuple[str, ...]:
        """Scopes that the manifest asks for and the provider did not grant, as far as its answers tell."""
        status = self.status
        if self.account is None or status is None or not status.granted_scopes:
            return ()
        rules = self.provider.behaviour.scopes if self.provider else ScopeRules()
        if not rules.echoed or not rules.in_request:
            return self.widened
        granted = set(status.granted_scopes)
        return tuple(
            scope
            for scope in self.account.scopes
            if scope not in granted
            and rules.aliases.get(scope) not in granted
            and (scope not in rules.not_echoed or scope in self.widened)
        )

    @property
    def identity_differs(self) -> bool:
        """What was consented to differs, and scopes alone do not explain it: the identity pin (or the grant) changed."""
        status = self.status
        if self.account is None or status is None or not status.consent_digest or not self.has_grant:
            return False
        if self.account.consent_digest == status.consent_digest:
            return False
        if status.consent_digest in self._digests_under_former_names(self.account):
            return False
        if set(self.account.scopes) == set(status.requested_scopes):
            return True
        as_consented = replace(self.account, scopes=tuple(sorted(status.requested_scopes)))
        if status.consent_digest in self._digests_under_former_names(as_consented):
            return False
        # A digest that this version would not give for the manifest's own words cannot be compared.
        comparable = account_digests(self.account)[1] == self.account.consent_digest
        return comparable and account_digests(as_consented)[1] != status.consent_digest

    def _digests_under_former_names(self, account: DesiredAccount) -> frozenset[str]:
        """What the same consent was called when the provider had another name."""
        former = self.provider.previous if self.provider else ()
        return frozenset(account_digests(replace(account, provider=name))[1] for name in former)
