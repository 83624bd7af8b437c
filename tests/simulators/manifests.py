"""Declared objects for tests, made directly: no YAML, no catalogue, no files.

Defaults tell one small story: team `team` has a provider `sandbox` (static client, secret under `clients/team/sandbox`,
single-use refresh tokens, http on loopback) and an account `drive` that Ana consents to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from reconciler.model.behaviour import (
    Behaviour,
    ClientAuth,
    Endpoints,
    RefreshTokenRules,
    Rotation,
    ScopeRules,
)
from reconciler.model.desired import (
    Desired,
    DesiredAccount,
    DesiredClient,
    DesiredProvider,
    Registration,
    SecretRef,
)
from reconciler.model.location import Location, Problem
from reconciler.model.names import Address, account_address, provider_address
from reconciler.model.state import DeletionPolicy, GrantType
from reconciler.model.store_path import reference_path

NAMESPACE = "team"
PROVIDER = provider_address(NAMESPACE, "sandbox")
ACCOUNT = account_address(NAMESPACE, "drive")
SERVER = "http://127.0.0.1:9400"


def secret_ref(
    path: str = "clients/team/sandbox", key: str = "client_secret", *, version: int | None = None
) -> SecretRef:
    return SecretRef(reference_path(path), key, version)


def make_endpoints(server: str = SERVER, **other: str | None) -> Endpoints:
    """Every usual endpoint below `server`; name one with another URL or None to change it."""
    urls: dict[str, str | None] = {
        "authorization": f"{server}/authorize",
        "token": f"{server}/token",
        "revocation": f"{server}/revoke",
        "introspection": f"{server}/introspect",
        "userinfo": f"{server}/userinfo",
        "jwks": f"{server}/jwks",
    }
    return Endpoints.model_validate(urls | other)


def make_behaviour(
    server: str = SERVER,
    *,
    rotation: Rotation = Rotation.SINGLE_USE,
    grace: timedelta | None = None,
    endpoints: Endpoints | None = None,
    client_auth: ClientAuth = ClientAuth.POST,
    mandatory: Iterable[str] = (),
    **other: Any,
) -> Behaviour:
    """`other`: any field of Behaviour, by its snake_case name, as a model or as plain data."""
    fields: dict[str, Any] = {
        "endpoints": endpoints or make_endpoints(server),
        "client_auth": client_auth,
        "refresh_token": RefreshTokenRules(rotation=rotation, grace=grace),
        "scopes": ScopeRules(mandatory=tuple(mandatory)),
    }
    return Behaviour.model_validate(fields | other)


def make_provider(
    address: Address | str = PROVIDER,
    *,
    behaviour: Behaviour | None = None,
    registration: Registration = Registration.STATIC,
    client: DesiredClient | None = None,
    client_id: str = "client-1",
    redirect_uris: Iterable[str] = ("http://127.0.0.1/callback",),
    default_scopes: Iterable[str] = (),
    allow_namespaces: Iterable[str] = (),
    base: str | None = None,
    base_shipped: bool = False,
    overridden: Iterable[str] = (),
    deletion_policy: DeletionPolicy = DeletionPolicy.ORPHAN,
    protect: bool = False,
    labels: Mapping[str, str] | None = None,
    parameters: Mapping[str, str] | None = None,
    digest: str = "1111111111111111",
    previous: Iterable[Address] = (),
    line: int = 1,
) -> DesiredProvider:
    """`address` may be a text `<namespace>/<name>`. A dynamic registration has no client of its own unless given."""
    where = provider_address(*address.split("/")) if isinstance(address, str) else address
    if client is None:
        static = registration is Registration.STATIC
        client = (
            DesiredClient(id=client_id, secret_ref=secret_ref(f"clients/{where.namespace}/{where.name}"))
            if static
            else DesiredClient()
        )
    return DesiredProvider(
        address=where,
        location=Location(f"manifests/{where.namespace}/{where.name}.yaml", line),
        base=base,
        base_shipped=base_shipped,
        behaviour=behaviour or make_behaviour(),
        overridden=frozenset(overridden),
        registration=registration,
        client=client,
        redirect_uris=tuple(redirect_uris),
        default_scopes=tuple(default_scopes),
        allow_namespaces=frozenset(allow_namespaces),
        deletion_policy=deletion_policy,
        protect=protect,
        labels=labels or {},
        digest=digest,
        parameters=parameters or {},
        previous=tuple(previous),
    )


def make_account(
    address: Address | str = ACCOUNT,
    *,
    provider: Address | str = PROVIDER,
    grant: GrantType = GrantType.AUTHORIZATION_CODE,
    scopes: Iterable[str] = ("read",),
    added_scopes: Iterable[str] = (),
    owner: str | None = "ana@example.com",
    description: str | None = "nightly backup of the shared drive",
    identity: str | None = None,
    window: timedelta | None = None,
    expires: datetime | None = None,
    suspend: bool = False,
    deletion_policy: DeletionPolicy = DeletionPolicy.ORPHAN,
    protect: bool = False,
    labels: Mapping[str, str] | None = None,
    digest: str = "2222222222222222",
    consent_digest: str = "3333333333333333",
    previous: Iterable[Address] = (),
    subject: str | None = None,
    delete_after_expiry: bool = False,
    line: int = 10,
) -> DesiredAccount:
    """`address` and `provider` may be texts `<namespace>/<name>`."""
    where = account_address(*address.split("/")) if isinstance(address, str) else address
    return DesiredAccount(
        address=where,
        location=Location(f"manifests/{where.namespace}/{where.name}.yaml", line),
        provider=provider_address(*provider.split("/")) if isinstance(provider, str) else provider,
        grant=grant,
        scopes=tuple(sorted({*scopes, *added_scopes})),
        added_scopes=tuple(added_scopes),
        owner=owner,
        description=description,
        identity=identity,
        window=window,
        expires=expires,
        suspend=suspend,
        deletion_policy=deletion_policy,
        protect=protect,
        labels=labels or {},
        digest=digest,
        consent_digest=consent_digest,
        previous=tuple(previous),
        subject=subject,
        delete_after_expiry=delete_after_expiry,
    )


def make_desired(
    *objects: DesiredProvider | DesiredAccount,
    root: str = "manifests",
    problems: Iterable[Problem] = (),
    broken: Iterable[Address] = (),
    unreadable: bool = False,
) -> Desired:
    """What one run declares. Without objects: one provider and one account, the defaults above."""
    shown = objects or (make_provider(), make_account())
    return Desired(
        root=root,
        providers={o.address: o for o in shown if isinstance(o, DesiredProvider)},
        accounts={o.address: o for o in shown if isinstance(o, DesiredAccount)},
        problems=tuple(problems),
        broken=frozenset(broken),
        unreadable=unreadable,
        file_count=len(shown),
    )


def without(desired: Desired, *gone: Address) -> Desired:
    """The same declaration with some objects deleted from Git."""
    return replace(
        desired,
        providers={a: p for a, p in desired.providers.items() if a not in gone},
        accounts={a: o for a, o in desired.accounts.items() if a not in gone},
    )
