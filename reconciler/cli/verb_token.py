"""`reconciler token ADDRESS`: print an account's access token, refreshed where it must and may be."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import click

from reconciler.cli.options import DURATION, common_flags, flag, manifests_flag
from reconciler.errors import UsageError


@click.command(short_help="Print an access token.")
@click.argument("address")
@flag("--min-valid", type=DURATION, help="Fail rather than print one that dies sooner, like 10m.")
@flag("--json", "json_", is_flag=True, help="Print a JSON document with type, end and scopes.")
@flag("--header", is_flag=True, help="Print a whole header, for 'curl -H @-'.")
@flag("--env", is_flag=True, help="Print shell assignments: ACCESS_TOKEN and others.")
@manifests_flag
@common_flags
def token(
    address: str,
    min_valid: timedelta | None,
    json_: bool,
    header: bool,
    env: bool,
    manifests: str,
    **options: Any,
) -> int:
    """Print the access token of the account ADDRESS to stdout, and nothing else there.

    It reads what workloads read. The token is refreshed where it is past its last minutes, or has less than --min-valid left, and
    the manifests are here and the login may do it.
    """
    from reconciler.cli.accounts import Manifests
    from reconciler.cli.output import print_document
    from reconciler.cli.renewal import renewing
    from reconciler.cli.session import TOOL, make_session, open_store
    from reconciler.engine.handing_out import hand_out
    from reconciler.report.token_forms import TokenForm, render_token

    chosen = [
        form for form, is_set in zip(("json", "header", "env"), (json_, header, env), strict=True) if is_set
    ]
    if len(chosen) > 1:
        raise UsageError(f"--{chosen[0]} and --{chosen[1]} are two forms", hint="choose one")
    form = TokenForm(chosen[0]) if chosen else TokenForm.BARE
    session = make_session(options)
    declared = Manifests.of_command(session, manifests)
    account = declared.account(address)
    with open_store(session) as (store, layout):
        found = hand_out(store, layout, account, min_valid=min_valid, renew=renewing(session, declared))
    if found.warning:
        session.events.warning("token.not-refreshed", address=str(account), why=found.warning)
    text = render_token(found, account, form=form, tool=TOOL)
    if sys.stdout.isatty():
        session.events.warning("token.on-screen", hint="it is a secret, and now in this terminal's history")
    print_document(text)
    return 0
