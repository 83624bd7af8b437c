"""The README's picture of a plan: real manifests and the shipped catalogue over a store that a week of runs left behind.

Written by hand are the manifests beside this file and what the store holds; everything that the picture says is said by
the code. `python -m tests.docs.picture.world` prints it.
"""

from contextlib import chdir
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from reconciler.adapters.manifest_catalogue import load_catalogue
from reconciler.adapters.manifests import load
from reconciler.decide.desired import resolve
from reconciler.decide.plan import Plan, PlanOptions, make_plan
from reconciler.decide.trust_origins import shipped_origins
from reconciler.model.desired import Desired
from reconciler.model.names import Address, account_address, provider_address
from reconciler.model.observed import Observed, ObservedAccount
from reconciler.model.state import AccountState, Reason
from reconciler.model.store_path import reference_path
from reconciler.model.trust import Binding, TrustSettings, TrustView
from reconciler.report.style import Style
from reconciler.report.text import render_plan
from tests.decide.health_world import NOW, key
from tests.decide.plan_world import applied_account, applied_provider, secret, stored

WIDTH = 110
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)


def picture() -> str:
    return render_plan(plan(), Style(width=WIDTH))


def plan() -> Plan:
    with chdir(Path(__file__).parent):
        desired = resolve(load(Path("manifests")), load_catalogue(), root="manifests")
    return make_plan(desired, _observed(desired), PlanOptions())


def _observed(desired: Desired) -> Observed:
    """Google's client secret was renewed; the Brazilian seller took access back two days ago; a calendar is due."""
    google, ml = provider_address("marketing", "google"), provider_address("sales", "mercadolivre")
    bound = {"clients/marketing/google": google, "clients/sales/ml": ml}
    seen = stored(
        applied_provider(desired.providers[google], issuer=desired.providers[google].behaviour.issuer),
        applied_provider(desired.providers[ml]),
        _account(desired, "marketing", "calendar", age=56 * _MINUTE, refresh_idle=180 * _DAY),
        _account(
            desired,
            "sales",
            "store-br",
            age=2 * _DAY,
            state=AccountState.NEEDS_CONSENT,
            reason=Reason.GRANT_REVOKED,
            since=NOW - 2 * _DAY,
            code="invalid_grant",
            not_before=NOW + 600 * _MINUTE,
            lifetime=360 * _MINUTE,
        ),
        _account(desired, "sales", "store-ar", age=10 * _MINUTE, lifetime=360 * _MINUTE),
        desired=desired,
        trust=TrustView(TrustSettings(), {name: _bound(desired, name, to=p) for name, p in bound.items()}),
    )
    path = reference_path("clients/marketing/google")
    return replace(
        seen, store="vault oauth/reconciler", secrets={**seen.secrets, path: secret(path, versions=2)}
    )


def _bound(desired: Desired, credential: str, *, to: Address) -> Binding:
    return Binding(credential, shipped_origins(desired.providers[to]), version=1)


def _account(
    desired: Desired, namespace: str, name: str, *, age: timedelta, **changes: Any
) -> ObservedAccount:
    account = desired.accounts[account_address(namespace, name)]
    client = desired.providers[account.provider].client.id or ""
    seen = applied_account(account, client_id=client, **changes)
    assert seen.status is not None
    return replace(seen, tokens=key(age, custom=seen.status.to_metadata()))


if __name__ == "__main__":
    print(picture(), end="")
