"""What of a provider one account's token may be sent to, by what is declared, recorded and bound. Asks nobody, binds nothing.

Rules (DESIGN §8):
- a first use is bound by whoever registers and refreshes, never here: a token exists, so its provider was bound before;
- endpoints are those on record or declared; whatever trust refuses of the provider stops everything of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.decide.account_view import AccountView
from reconciler.decide.api_request import api_origins, api_url, refuse_strange_token, trusted_api_url
from reconciler.decide.plan import make_plan
from reconciler.decide.plan_options import PlanOptions
from reconciler.decide.trust import TrustDecision, judge
from reconciler.engine.discover import find_endpoints
from reconciler.engine.renewing import declared
from reconciler.errors import PathDenied, ProviderFailed, TrustRefused
from reconciler.model.desired import Desired, DesiredProvider
from reconciler.model.endpoint import Origin, TrustedUrl, parse_url
from reconciler.model.names import Address
from reconciler.model.observed import Observed


@dataclass(frozen=True, slots=True)
class Reach:
    """`endpoints` by role, as text; `decision` is what trust says of all of them."""

    view: AccountView
    provider: DesiredProvider
    decision: TrustDecision
    endpoints: Mapping[str, str]
    loopback: bool

    def api(self, text: str, query: Iterable[tuple[str, str]] = ()) -> TrustedUrl:
        """UsageError for what is no URL, TrustRefused where the token may not go there."""
        url = api_url(text, self.provider, query=query, loopback=self.loopback)
        return trusted_api_url(url, self.provider, decision=self.decision)

    def api_origins(self) -> frozenset[Origin]:
        """All that the base lists. TrustRefused where one of them is not bound."""
        listed = api_origins(self.provider, loopback=self.loopback)
        return frozenset(self.api(f"{origin}/").url.origin for origin in listed)

    def endpoint(self, role: str) -> TrustedUrl | None:
        """An endpoint of the provider's own, like `userinfo`; None where it has none."""
        text = self.endpoints.get(role)
        if text is None:
            return None
        url = parse_url(text, allow_loopback_http=self.loopback)
        return trusted_api_url(url, self.provider, decision=self.decision)


def reach_of(desired: Desired, observed: Observed, account: Address, *, options: PlanOptions) -> Reach:
    """ManifestError, ObjectFailed, TrustRefused, PathDenied where the account's token may be sent nowhere."""
    declared(desired, account)
    view = make_plan(desired, observed, options).views[account]
    refuse_strange_token(view)
    provider = desired.providers[desired.accounts[account].provider]
    if observed.trust is None:
        raise PathDenied(f"{provider.address}: {observed.trust_unreadable}")
    refused = observed.refused_references.get(provider.address)
    if refused is not None:
        raise TrustRefused(f"{provider.address}: {refused.message}", hint=refused.hint)
    endpoints = _endpoints(provider, observed)
    decision = judge(observed.trust, provider, discovered=endpoints)
    return Reach(view, provider, decision, endpoints, observed.trust.settings.loopback)


def _endpoints(provider: DesiredProvider, observed: Observed) -> Mapping[str, str]:
    seen = observed.providers.get(provider.address)
    loopback = observed.trust is not None and observed.trust.settings.loopback
    try:
        return find_endpoints(
            provider,
            status=seen.status if seen else None,
            metadata=None,
            now=observed.now,
            loopback=loopback,
        ).endpoints
    except ProviderFailed:
        return {}
