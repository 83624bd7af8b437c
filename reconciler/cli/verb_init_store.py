"""`reconciler init-store`: prepare a new store, with the first settings of trust."""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli.options import checked_hosts, common_flags, flag, was_typed

_RULES = {"--trust": "mode", "--loopback": "loopback", "--allow-host": "hosts"}
"""What is said of trust, by the parameter that holds it."""


@click.command("init-store", short_help="Prepare a new store.")
@flag(
    "--trust",
    "mode",
    type=click.Choice(["catalogue", "strict", "tofu"]),
    default="catalogue",
    show_default=True,
    envvar=None,
    help="What may be bound at first use: the shipped catalogue's origins, nothing, or anything (laptops).",
)
@flag(
    "--loopback",
    is_flag=True,
    envvar=None,
    help="Admit http and addresses of this machine (sandboxes, tests).",
)
@flag(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="HOST",
    envvar=None,
    help="Admit this host although its address is not public.",
)
@common_flags
def init_store(mode: str, loopback: bool, hosts: tuple[str, ...], **options: Any) -> int:
    """Prepare a new store. One that is there is left as it is."""
    from reconciler.cli.console import warn
    from reconciler.cli.session import make_session, make_store, open_store
    from reconciler.engine.initialise import is_made
    from reconciler.model.trust import TrustMode, TrustSettings

    session = make_session(options)
    settings = TrustSettings(mode=TrustMode(mode), allowed_hosts=checked_hosts(hosts), loopback=loopback)
    with open_store(session) as (store, layout):
        there = is_made(store, layout)
        made = make_store(session, store, layout, settings=settings)
        click.echo(f"{store.describe()}: store of format {made.format} under '{layout.prefix}' is ready")
    ruled = [flag for flag, name in _RULES.items() if was_typed(name)]
    if there and ruled:
        warn(
            f"it was there before: {' and '.join(ruled)} changed nothing",
            hint="the rules of a store that is there: reconciler trust settings",
            as_json=session.console.log_format == "json",
        )
    return 0
