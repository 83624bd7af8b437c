"""`reconciler consent ADDRESS`: let a person grant access for one account."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import click

from reconciler.cli.options import DURATION, common_flags, flag, manifests_flag, output_flag
from reconciler.errors import ManifestError, NeedsPerson, PathDenied


@click.command(short_help="Let a person grant access.")
@click.argument("address")
@manifests_flag
@output_flag("text", "json")
@flag("--paste", is_flag=True, help="Nobody listens here: the address that the browser ended at is pasted.")
@flag("--no-browser", is_flag=True, help="Print the link; do not open a browser.")
@flag("--timeout", type=DURATION, default="10m", show_default=True, help="How long to wait for the person.")
@common_flags
def consent(
    address: str,
    manifests: str,
    output: str,
    paste: bool,
    no_browser: bool,
    timeout: timedelta,
    **options: Any,
) -> int:
    """Let a person grant access for the account ADDRESS, in a browser on this machine or by paste."""
    from reconciler.cli.calling import calling
    from reconciler.cli.output import write_run
    from reconciler.cli.person import TerminalPerson
    from reconciler.cli.session import TOOL, make_session, read_desired
    from reconciler.decide.commands import at_root
    from reconciler.decide.results import RunReport
    from reconciler.decide.selection import resolve_one
    from reconciler.engine.consent import consent as ask_person
    from reconciler.engine.observe import observe
    from reconciler.engine.ready import ready_provider
    from reconciler.model.names import parse_address

    session = make_session(options)
    desired = read_desired(session, manifests)
    pattern = parse_address(address)
    broken = [found for found in desired.broken if pattern.matches(found)]
    if broken:
        raise ManifestError(f"{broken[0]} is declared, but not valid", problems=desired.problems)
    account = desired.accounts[resolve_one(pattern, desired.accounts)]
    if account.grant.needs_person and not session.console.interactive:
        raise NeedsPerson(
            f"{account.address}: a person must consent, and there is no terminal to ask at",
            hint=at_root(
                f"on a machine with a browser, run: reconciler consent {account.address.short}",
                root=manifests,
            ),
        )
    provider = desired.providers[account.provider]

    def look(store: Any, layout: Any) -> Any:
        return observe(store, layout, desired, jobs=2, accounts={account.address})

    with calling(session, look=look) as work:
        trust = work.observed.trust
        seen = work.observed.providers[provider.address]
        if trust is None:
            raise PathDenied(f"{provider.address}: {work.observed.trust_unreadable}")
        ready = ready_provider(work.run, provider, observed=seen, trust=trust, ports=work.ports)
        person = TerminalPerson(
            account,
            provider,
            browser=not no_browser,
            seconds=timeout.total_seconds(),
            stop=session.stop,
        )
        with closing(person):
            result = ask_person(work.run, account, ready, ask=person, paste=paste)
        result = replace(result, hint=at_root(result.hint, root=manifests))
        report = RunReport(results=(result,), now=work.observed.now)
    write_run(report, output=output, console=session.console, tool=TOOL, commit=session.settings.commit)
    return report.exit_code()
