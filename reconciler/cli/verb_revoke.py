"""`reconciler revoke ADDRESS`: give one account's grant back at its provider, on purpose."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import click

from reconciler.cli.options import common_flags, flag, jobs_flag, manifests_flag, output_flag
from reconciler.errors import NeedsPerson, ReconcilerError


@click.command(short_help="Give a grant back.")
@click.argument("address")
@manifests_flag
@output_flag("text", "json")
@flag("--yes", is_flag=True, envvar=None, help="Do not ask; needed where nobody is there to answer.")
@jobs_flag
@common_flags
def revoke(address: str, manifests: str, output: str, yes: bool, jobs: int, **options: Any) -> int:
    """Give the grant of the account ADDRESS back at its provider, withdraw what is published, and set the grant aside.

    What will end is said before. The account stays declared; its owner may consent again.
    """
    from reconciler.cli.calling import calling
    from reconciler.cli.output import write_run
    from reconciler.cli.session import TOOL, make_session, read_desired
    from reconciler.cli.whom import declared_account
    from reconciler.decide.commands import at_root
    from reconciler.decide.results import RunReport
    from reconciler.decide.revoke_words import foretell
    from reconciler.engine.observe import observe
    from reconciler.engine.revoke import refuse_protected, revoke_account

    session = make_session(options)
    desired = read_desired(manifests)
    account = declared_account(desired, address)
    provider = desired.providers[account.provider]
    refuse_protected(account)
    if not yes and not session.console.interactive:
        raise NeedsPerson(
            f"{account.address}: nobody is there to say yes to its revocation",
            hint=at_root(f"if it is meant: reconciler revoke {account.address.short} --yes", root=manifests),
        )

    look = partial(observe, desired=desired, jobs=jobs, events=session.events)
    with calling(session, look=look, jobs=jobs) as work:
        ready = work.ready(provider)
        foretold = foretell(
            account.address,
            behaviour=provider.behaviour,
            can_revoke=ready.endpoints.revocation is not None,
            observed=work.observed.accounts,
        )
        statuses = {other: work.observed.accounts[other].status for other in foretold.others}
        refuse_protected(account, others=((a, s is not None and s.protect) for a, s in statuses.items()))
        for line in foretold.lines:
            click.echo(line, err=True)
        if not yes:
            _agree(account.address)
        result = revoke_account(work.run, account, ready)
        result = replace(result, hint=at_root(result.hint, root=manifests))
        report = RunReport(results=(result,), now=work.observed.now)
    write_run(report, output=output, console=session.console, tool=TOOL, commit=session.settings.commit)
    return report.exit_code()


def _agree(address: object) -> None:
    from reconciler.cli.signals import asking

    with asking():
        agreed = click.confirm(f"Revoke {address}?", err=True)
    if not agreed:
        raise ReconcilerError(f"{address}: nothing was revoked")
