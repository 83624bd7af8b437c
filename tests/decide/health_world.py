"""An account as the store shows it, for the state table: `view(…)` says only what is special about this one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.decide.account_view import AccountView
from reconciler.model.behaviour import Rotation
from reconciler.model.desired import DesiredAccount, DesiredProvider
from reconciler.model.observed import ObservedAccount, ObservedProvider
from reconciler.model.state import AccountState, ErrorClass, GrantType, Reason
from reconciler.model.status import AccountStatus, Circuit, ProviderStatus, ownership_mark
from reconciler.model.stored import KeyMetadata, VersionInfo
from tests.simulators.manifests import ACCOUNT, PROVIDER, make_account, make_behaviour, make_provider

NOW = datetime(2030, 6, 1, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MARK = ownership_mark("default")
UNSET: Any = object()

CONSENTED = AccountStatus(
    managed_by=MARK,
    provider=str(PROVIDER),
    state=AccountState.READY,
    reason=Reason.FRESH,
    since=NOW - 30 * DAY,
    manifest_digest="2222222222222222",
    consent_digest="3333333333333333",
    grant_version=3,
    lifetime=HOUR,
    rotation="single-use",
    granted_scopes=("read",),
    requested_scopes=("read",),
    consented_at=NOW - 30 * DAY,
    client_id="client-1",
    owner="ana@example.com",
    source="manifests/team/drive.yaml:10",
)
NEVER = AccountStatus(
    managed_by=MARK,
    provider=str(PROVIDER),
    state=AccountState.PENDING_CONSENT,
    reason=Reason.NEVER_CONSENTED,
    since=NOW - DAY,
    manifest_digest="2222222222222222",
)
MACHINE = make_account(grant=GrantType.CLIENT_CREDENTIALS, owner=None)


def key(*ages: timedelta, custom: dict[str, str] | None = None, deleted: bool = False) -> KeyMetadata:
    """A key whose versions are this old, oldest first."""
    versions = {n: VersionInfo(n, NOW - age) for n, age in enumerate(ages, 1)}
    if deleted and versions:
        last = len(versions)
        versions[last] = replace(versions[last], deletion_time=NOW)
    return KeyMetadata(len(ages), versions, custom or {})


def registered(**status: Any) -> ObservedProvider:
    said = ProviderStatus(
        managed_by=MARK,
        manifest_digest="1111111111111111",
        registration="static",
        registered_at=NOW - 60 * DAY,
        client_id="client-1",
        **status,
    )
    return ObservedProvider(PROVIDER, KeyMetadata(0, {}, said.to_metadata()), said)


def circuit(
    judge: ErrorClass, reason: Reason, *, probe_in: timedelta = HOUR, since: timedelta = HOUR
) -> Circuit:
    return Circuit(judge, reason, NOW - since, NOW + probe_in, "invalid_client", 3)


def view(
    *,
    account: DesiredAccount | None = UNSET,
    status: AccountStatus | None = CONSENTED,
    token_age: timedelta | None = 10 * MINUTE,
    tokens: KeyMetadata | None = UNSET,
    grants: KeyMetadata | None = None,
    provider: DesiredProvider | None = UNSET,
    provider_observed: ObservedProvider | None = UNSET,
    rotation: Rotation = Rotation.SINGLE_USE,
    unreadable: str = "",
    **more: Any,
) -> AccountView:
    declared = make_account() if account is UNSET else account
    if tokens is UNSET:
        custom = status.to_metadata() if status else {}
        tokens = key(*([token_age] if token_age is not None else []), custom=custom) if status else None
    known = make_provider(behaviour=make_behaviour(rotation=rotation)) if provider is UNSET else provider
    return AccountView(
        address=ACCOUNT,
        account=declared,
        observed=ObservedAccount(ACCOUNT, tokens, grants, status, unreadable),
        provider=known,
        provider_observed=registered() if provider_observed is UNSET else provider_observed,
        now=NOW,
        owner="default",
        **more,
    )
