"""Wires the two stores of `store copy`: the embedded one that the environment names, and the Vault that the flag names."""

from __future__ import annotations

from contextlib import closing

from reconciler.cli.session import Session, sealing_key
from reconciler.cli.settings import VaultLocation, embedded_location, named_location
from reconciler.cli.vault_env import vault_settings
from reconciler.engine.store_copy import Copied, copy_store
from reconciler.errors import StoreNotInitialised, UsageError, clean


def move_store(session: Session, to: str) -> tuple[Copied, str, str]:
    """What was copied, where to, and from where, as people call them."""
    from reconciler.adapters.sqlite_movable import MovableSqliteStore
    from reconciler.adapters.vault import VaultStore

    source = embedded_location(session.settings)
    target = named_location(to, name="--to")
    if not isinstance(target, VaultLocation):
        raise UsageError("--to names no Vault", hint="write vault://<mount>/<prefix>")
    if not source.path.exists():
        raise StoreNotInitialised(
            f"there is no embedded store at {clean(source.path)}",
            hint="name it: RECONCILER_STORE=sqlite:///<path>",
        )
    settings = vault_settings(session.settings, mount=target.mount)
    with (
        closing(MovableSqliteStore(source.path, key=sealing_key(session.settings))) as embedded,
        closing(VaultStore(settings)) as vault,
    ):
        copied = copy_store(
            embedded,
            vault,
            ours=source.layout,
            theirs=target.layout,
            to=f"vault://{target.mount}/{target.layout.prefix}",
            events=session.events,
        )
        return copied, vault.describe(), embedded.describe()
