"""Wiring of `doctor`: which files the settings name, what the login is for, and the ports that look.

Rules: nothing is made that could change a thing; a store that cannot be opened is a finding, and not the end.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from reconciler.adapters.file_facts import look_at
from reconciler.adapters.sqlite_sealing import is_shared
from reconciler.adapters.vault_settings import (
    AppRoleLogin,
    JwtLogin,
    KubernetesLogin,
    TokenFileLogin,
    TokenLogin,
    VaultSettings,
)
from reconciler.cli.session import Session
from reconciler.cli.settings import Settings, SqliteLocation, VaultLocation, store_location
from reconciler.cli.vault_env import vault_settings
from reconciler.decide.access import Reach, Role
from reconciler.engine.doctor import Expected
from reconciler.errors import StoreNotInitialised, clean
from reconciler.model.inspection import FileFacts
from reconciler.model.store_path import Layout
from reconciler.ports import SecretStore, StoreInspector


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the settings alone say. `files`: (what was found, whether it holds a secret). `address`: scheme, host."""

    name: str
    files: tuple[tuple[FileFacts, bool], ...]
    address: tuple[str, str] | None = None
    skips_verification: bool = False
    expected: Expected | None = None


def surroundings(
    session: Session,
    *,
    role: Role | None,
    namespaces: tuple[str, ...],
    jwt_roles: tuple[str, ...],
) -> Surroundings:
    """UsageError where the variables do not make a store and one login."""
    location = store_location(session.settings)
    match location:
        case SqliteLocation(path=path):
            return Surroundings(f"sqlite {path}", tuple(_embedded(path, session.settings)))
        case VaultLocation(mount=mount, layout=layout):
            vault = vault_settings(session.settings, mount=mount)
            url = urlsplit(vault.address)
            return Surroundings(
                f"vault {url.scheme}://{url.hostname}{f':{url.port}' if url.port else ''} {mount}",
                tuple(_of_vault(vault, session.settings)),
                address=(url.scheme, url.hostname or ""),
                skips_verification=vault.skip_verify,
                expected=Expected(
                    Reach(mount, layout, namespaces),
                    role=role,
                    jwt_roles=_jwt_roles(vault, session.settings, jwt_roles),
                    repeatable=_repeatable(vault),
                    needed=2 * session.settings.limits.http_deadline,
                ),
            )


def _repeatable(vault: VaultSettings) -> bool:
    return not isinstance(vault.login, TokenLogin)


def _jwt_roles(
    vault: VaultSettings, settings: Settings, named: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    mount = settings.get("VAULT_AUTH_MOUNT") or "jwt"
    own = [(vault.login.mount, vault.login.role)] if isinstance(vault.login, JwtLogin) else []
    return tuple(dict.fromkeys([*own, *((mount, name) for name in named)]))


def _embedded(path: Path, settings: Settings) -> Iterator[tuple[FileFacts, bool]]:
    if not os.path.exists(path):
        return  # made by its first use
    folder = look_at(path.parent, what="the folder of the store")
    yield replace(folder, shared=folder.exists and is_shared(path.parent, folder.mode)), True
    yield look_at(path, what="the store's file"), True
    if settings.get("RECONCILER_KEY") is None:
        yield look_at(path.with_suffix(".key"), what="the key file"), True
    yield from _of_traffic(settings)


def _of_vault(vault: VaultSettings, settings: Settings) -> Iterator[tuple[FileFacts, bool]]:
    login = vault.login
    secret_file = None
    match login:
        case TokenFileLogin(path=path):
            secret_file = path, "the token file"
        case AppRoleLogin(secret_id_file=path) if path is not None:
            secret_file = path, "the file of the secret id"
        case JwtLogin(jwt_file=path) if path is not None:
            secret_file = path, "the file of the ID token"
        case TokenLogin() | AppRoleLogin() | JwtLogin() | KubernetesLogin():
            pass
    if secret_file is not None:
        yield look_at(secret_file[0], what=secret_file[1]), True
    if vault.client_key is not None:
        yield look_at(vault.client_key, what="the key of the client certificate"), True
    for path, what in (
        (vault.ca_file, "the authority"),
        (vault.ca_folder, "the folder of authorities"),
        (vault.client_cert, "the client certificate"),
    ):
        if path is not None:
            yield look_at(path, what=what, certificates=True), False
    yield from _of_traffic(settings)


def _of_traffic(settings: Settings) -> Iterator[tuple[FileFacts, bool]]:
    authority = settings.get("RECONCILER_CA_FILE")
    if authority is not None:
        yield look_at(Path(authority), what="the providers' authority", certificates=True), False


def refuse_unmade(session: Session) -> None:
    """StoreNotInitialised where an embedded store is not there: what only looks makes none."""
    location = store_location(session.settings)
    if isinstance(location, SqliteLocation) and not os.path.exists(location.path):
        raise StoreNotInitialised(
            f"sqlite {clean(location.path)}: there is no store yet",
            hint="the first command that needs it makes it",
        )


@contextmanager
def opened(session: Session) -> Iterator[tuple[SecretStore, Layout, StoreInspector | None]]:
    """The store, and what can be asked of its server. StoreError where it cannot even be opened."""
    from reconciler.cli.session import open_store

    refuse_unmade(session)
    with open_store(session) as (store, layout):
        yield store, layout, inspector_of(store)


def inspector_of(store: SecretStore) -> StoreInspector | None:
    """What can be asked of the store's server, with the store's own login; None for an embedded one."""
    from reconciler.adapters.vault import VaultStore
    from reconciler.adapters.vault_inspect import VaultInspector
    from reconciler.engine.stamping import StampingStore

    below = store.below if isinstance(store, StampingStore) else store
    return VaultInspector(below) if isinstance(below, VaultStore) else None
