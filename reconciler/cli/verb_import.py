"""`reconciler import ADDRESS`: take over a refresh token that another tool, or a person, holds.

The token comes on stdin, never as an argument: arguments are seen by every process on the machine.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import Any

import click

from reconciler.cli.options import common_flags, flag, manifests_flag, output_flag
from reconciler.errors import NeedsPerson
from reconciler.model.names import Address


@click.command("import", short_help="Take over a refresh token.")
@click.argument("address")
@manifests_flag
@output_flag("text", "json")
@flag(
    "--replace",
    "replaces",
    is_flag=True,
    help="Give up the grant that stands there; it stays as an older version.",
)
@common_flags
def import_(address: str, manifests: str, output: str, replaces: bool, **options: Any) -> int:
    """Take over the refresh token on stdin for the account ADDRESS: a JSON object with at least `refresh_token`.

    It is stored, proved by one refresh, and then published. Also understood: scope, client_id, subject, consented_at,
    refresh_token_expires_in or _at; other keys of a token answer are ignored.
    """
    from reconciler.adapters.system import SystemClock
    from reconciler.cli.calling import calling
    from reconciler.cli.output import write_run
    from reconciler.cli.session import TOOL, make_session, read_desired
    from reconciler.cli.whom import declared_account, this_person
    from reconciler.decide.commands import at_root
    from reconciler.decide.import_document import read_import
    from reconciler.decide.results import RunReport
    from reconciler.engine.importing import import_grant
    from reconciler.engine.observe import observe
    from reconciler.model.choices import Renewal

    session = make_session(options)
    desired = read_desired(manifests)
    account = declared_account(desired, address)
    provider = desired.providers[account.provider]
    token = read_import(
        _stdin(account.address),
        now=SystemClock(session.stop).now(),
        keep=provider.behaviour.response.keep,
        by_access_token=provider.behaviour.refresh_token.renewal is not Renewal.REFRESH_TOKEN,
        whose=account.address.short,
    )

    look = partial(observe, desired=desired, jobs=2, accounts={account.address})
    with calling(session, look=look) as work:
        result = import_grant(
            work.run,
            account,
            work.ready(provider),
            token=token,
            by=this_person(session.settings),
            replaces=replaces,
        )
        result = replace(result, hint=at_root(result.hint, root=manifests))
        report = RunReport(results=(result,), now=work.observed.now)
    write_run(report, output=output, console=session.console, tool=TOOL, commit=session.settings.commit)
    return report.exit_code()


def _stdin(account: Address) -> bytes:
    from reconciler.decide.import_document import LONGEST

    if sys.stdin is None or sys.stdin.isatty():
        raise NeedsPerson(
            "a refresh token is expected on stdin, as JSON",
            hint=f"pipe it in: reconciler import {account.short} < token.json, and remove the file",
        )
    return sys.stdin.buffer.read(LONGEST + 1)
