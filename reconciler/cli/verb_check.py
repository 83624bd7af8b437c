"""`reconciler check ADDRESS…`: is the account fit for work, for as long and with the scopes as a pipeline needs?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import click

from reconciler.cli.options import DURATION, common_flags, flag, frozen_flag, manifests_flag, output_flag


@click.command(short_help="Tell whether accounts are fit for work.")
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@flag("--min-valid", type=DURATION, help="The token must live this long yet, like 30m.")
@flag("--scopes", metavar="A,B", help="These scopes must have been granted.")
@flag("--live", is_flag=True, help="Also ask the provider whether it accepts the token.")
@frozen_flag
@manifests_flag
@output_flag("text", "json")
@common_flags
def check(
    addresses: tuple[str, ...],
    min_valid: timedelta | None,
    scopes: str | None,
    live: bool,
    manifests: str,
    output: str,
    **options: Any,
) -> int:
    """Tell whether the accounts ADDRESS… are fit for work: one line each on stdout, and one exit code.

    0: all are. 5: a person is needed. 4: no token lives for as long, or nothing is known. Reads metadata only; refreshes nothing.
    With --live the token is read and the provider asked. Without manifests, what the last run recorded is all that is known.
    """
    from reconciler.cli.accounts import Manifests
    from reconciler.cli.checking import Checking
    from reconciler.cli.output import print_document, style_of
    from reconciler.cli.session import TOOL, make_session
    from reconciler.decide.checking import Wanted
    from reconciler.decide.commands import at_root
    from reconciler.decide.results import exit_code
    from reconciler.report.json_use import check_document
    from reconciler.report.text_check import render_checks

    session = make_session(options)
    declared = Manifests.of_command(session, manifests)
    named = list(dict.fromkeys(declared.account(text) for text in addresses))
    wanted = Wanted(min_valid or timedelta(0), tuple((scopes or "").replace(",", " ").split()))
    now: datetime
    found, now = Checking(session, declared, wanted, live=live).each(named)
    found = [replace(one, command=at_root(one.command, root=manifests)) for one in found]
    code = exit_code(one.code for one in found)
    if output == "json":
        print_document(check_document(found, now=now, tool=TOOL, exit_code=code))
    else:
        print_document(render_checks(found, style_of(session.console)))
    return code
