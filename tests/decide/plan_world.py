"""Declared and stored side by side, for plans without an engine: `stored(…)` is what a run would have left behind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from reconciler.decide.plan import Plan, PlanOptions, make_plan
from reconciler.decide.provider_fields import declared_endpoints
from reconciler.model.desired import Desired, DesiredAccount, DesiredProvider
from reconciler.model.names import Address
from reconciler.model.observed import Observed, ObservedAccount, ObservedProvider, ObservedSecret
from reconciler.model.status import AccountStatus, ProviderStatus
from reconciler.model.store_path import StorePath
from reconciler.model.stored import KeyMetadata
from reconciler.model.trust import TrustMode, TrustSettings, TrustView
from tests.decide.health_world import CONSENTED, DAY, MARK, MINUTE, NOW, key

TRUSTING = TrustView(TrustSettings(mode=TrustMode.TOFU, loopback=True))


def applied_provider(provider: DesiredProvider, *, mark: str = MARK, **changes: Any) -> ObservedProvider:
    """The provider as a run that registered it left it."""
    ref = provider.client.secret_ref
    status = ProviderStatus(
        managed_by=mark,
        manifest_digest=provider.digest,
        registration=provider.registration.value,
        registered_at=NOW - 60 * DAY,
        client_id=provider.client.id or "",
        secret_path=str(ref.path) if ref else "",
        secret_version=1,
        good_secret_version=1,
        endpoints=declared_endpoints(provider.behaviour),
        redirect_uri=next(iter(provider.redirect_uris), ""),
        more_redirect_uris=provider.redirect_uris[1:],
        source=f"{provider.location.file}:{provider.location.line}",
    )
    status = replace(status, **changes)
    return ObservedProvider(provider.address, KeyMetadata(0, {}, status.to_metadata()), status)


def applied_account(account: DesiredAccount, *, mark: str = MARK, **changes: Any) -> ObservedAccount:
    """The account as a run and a consent left it, its token ten minutes old."""
    said: dict[str, Any] = {
        "managed_by": mark,
        "provider": str(account.provider),
        "manifest_digest": account.digest,
        "consent_digest": account.consent_digest,
        "granted_scopes": account.scopes,
        "requested_scopes": account.scopes,
        "owner": account.owner or "",
        "source": f"{account.location.file}:{account.location.line}",
    }
    status: AccountStatus = replace(CONSENTED, **(said | changes))
    return ObservedAccount(account.address, key(10 * MINUTE, custom=status.to_metadata()), status=status)


def stored(
    *parts: ObservedProvider | ObservedAccount, desired: Desired, trust: TrustView | None = TRUSTING
) -> Observed:
    """The store holding `parts`, and version 1 of every secret that is referenced."""
    paths = {
        ref.path for p in desired.providers.values() for ref in (p.client.secret_ref,) if ref is not None
    }
    return Observed(
        store="memory",
        now=NOW,
        providers={p.address: p for p in parts if isinstance(p, ObservedProvider)},
        accounts={a.address: a for a in parts if isinstance(a, ObservedAccount)},
        secrets={path: secret(path) for path in paths},
        trust=trust,
    )


def secret(path: StorePath, *, versions: int = 1) -> ObservedSecret:
    return ObservedSecret(path, key(*[DAY] * versions))


def all_applied(desired: Desired) -> Observed:
    """The store as a run that did everything left it."""
    providers = [applied_provider(p) for p in desired.providers.values()]
    accounts = [applied_account(a) for a in desired.accounts.values()]
    return stored(*providers, *accounts, desired=desired)


def plan(desired: Desired, observed: Observed, **options: Any) -> Plan:
    return make_plan(desired, observed, PlanOptions(**options))


def actions(made: Plan) -> list[tuple[str, str]]:
    return [(change.action.value, str(change.address)) for change in made.changes]


def guards(made: Plan) -> list[str]:
    return [guard.name.value for guard in made.guards]


def gone(desired: Desired, addresses: Iterable[Address]) -> Desired:
    missing = set(addresses)
    return replace(
        desired,
        providers={a: p for a, p in desired.providers.items() if a not in missing},
        accounts={a: o for a, o in desired.accounts.items() if a not in missing},
    )
