"""`reconciler store copy`: move everything from the embedded store to a Vault, and freeze the embedded one."""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli.options import common_flags, flag


@click.group(short_help="Move an embedded store to a Vault.")
def store() -> None:
    """The store itself."""


@store.command("copy", short_help="Move everything to a Vault, and freeze this store.")
@flag(
    "--to",
    "to",
    required=True,
    envvar=None,
    metavar="URL",
    help="Where to: vault://<mount>/<prefix>, a place where nothing is; login by the variables of Vault.",
)
@common_flags
def copy(to: str, **options: Any) -> int:
    """Move everything from the embedded store to a Vault, read it back, and freeze the embedded store.

    Grants, tokens, trust, and client secrets under their own paths. From then on every verb refuses the embedded store
    (exit 8): two stores that refresh one single-use grant would kill it. Interrupted, it goes on when it is run again.
    """
    from reconciler.cli.moving import move_store
    from reconciler.cli.session import make_session

    session = make_session(options)
    with session.events.showing_progress():
        copied, where, source = move_store(session, to)
    if copied.already:
        click.echo(f"{source} was moved to {where} before; nothing was done")
        return 0
    secrets = f"{copied.secrets} client secret{'' if copied.secrets == 1 else 's'}"
    click.echo(f"{where}: {copied.keys} keys and {secrets} are there, and read back the same")
    click.echo(f"{source} is frozen; from now on: RECONCILER_STORE={to}")
    return 0
