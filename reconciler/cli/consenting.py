"""Wiring of `consent`: the manifests, the store and the provider of one account, or of a round of them, and who is asked.

Rules: only what is asked about is observed; the listener of each consent is closed at its end; results go to stdout at the
end as of every verb, and during a round each is also told on stderr as it comes.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import click

from reconciler.cli.calling import Calling, calling
from reconciler.cli.output import write_run
from reconciler.cli.person import TerminalPerson
from reconciler.cli.planning import plan_options
from reconciler.cli.session import TOOL, Session, read_desired
from reconciler.cli.signals import asking
from reconciler.cli.whom import declared_account
from reconciler.decide.commands import at_root
from reconciler.decide.consent_round import plan_round
from reconciler.decide.results import Outcome, Result, RunReport
from reconciler.engine.consent import consent
from reconciler.engine.consent_all import Choice, consent_all
from reconciler.engine.consent_device import consent_by_device
from reconciler.engine.observe import observe
from reconciler.errors import NeedsPerson, clean
from reconciler.model.desired import DesiredAccount
from reconciler.model.ready import ReadyProvider
from reconciler.model.state import GrantType


@dataclass(frozen=True, slots=True)
class Manner:
    """How people are asked. `device`: also where the account's grant would come through a browser."""

    device: bool
    paste: bool
    browser: bool
    lasts: timedelta
    despite_incident: bool


def consent_to_one(session: Session, typed: str, *, manifests: str, output: str, manner: Manner) -> int:
    """Ask for the one account that `typed` means; the exit code."""
    desired = read_desired(manifests)
    account = declared_account(desired, typed)
    if account.grant.needs_person and not session.console.interactive:
        raise NeedsPerson(
            f"{account.address}: a person must consent, and there is no terminal to ask at",
            hint=at_root(
                f"on a machine with a browser, run: reconciler consent {account.address.short}",
                root=manifests,
            ),
        )

    look = partial(observe, desired=desired, jobs=2, accounts={account.address})
    with calling(session, look=look) as work:
        ready = work.ready(desired.providers[account.provider])
        result = _ask(session, work, account=account, ready=ready, manner=manner)
        report = RunReport(results=(_rooted(result, manifests),), now=work.observed.now)
    write_run(report, output=output, console=session.console, tool=TOOL, commit=session.settings.commit)
    return report.exit_code()


def consent_to_round(
    session: Session, options: dict[str, Any], *, manifests: str, output: str, manner: Manner
) -> int:
    """Ask for every account that a consent helps and that `options` select; the exit code."""
    desired = read_desired(manifests)
    chosen = plan_options(session, options, due_within=None)

    def look(store: Any, layout: Any) -> Any:
        # The bar must be gone before anybody is asked anything.
        with session.events.showing_progress():
            return observe(store, layout, desired, jobs=8, events=session.events)

    with calling(session, look=look) as work:
        chosen.selection.check(desired, work.observed)
        walk = plan_round(desired, work.observed, options=chosen)
        results = consent_all(
            work.run,
            walk,
            ready=lambda provider: work.ready(desired.providers[provider]),
            choose=lambda account, number, total: _choose(account, number=number, total=total),
            consent=lambda account, ready: _ask(session, work, account=account, ready=ready, manner=manner),
            tell=_tell,
        )
        report = RunReport(
            results=tuple(_rooted(result, manifests) for result in (*results, *walk.waiting)),
            attention=walk.others,
            problems=desired.problems,
            now=work.observed.now,
        )
    write_run(report, output=output, console=session.console, tool=TOOL, commit=session.settings.commit)
    return report.exit_code()


def _ask(
    session: Session, work: Calling, *, account: DesiredAccount, ready: ReadyProvider, manner: Manner
) -> Result:
    person = TerminalPerson(
        account,
        ready.desired,
        console=session.console,
        browser=manner.browser,
        seconds=manner.lasts.total_seconds(),
        stop=session.stop,
    )
    with closing(person):
        if manner.device or account.grant is GrantType.DEVICE_CODE:
            return consent_by_device(
                work.run,
                account,
                ready,
                ask=person,
                lasts=manner.lasts,
                despite_incident=manner.despite_incident,
            )
        return consent(
            work.run,
            account,
            ready,
            ask=person,
            paste=manner.paste,
            despite_incident=manner.despite_incident,
        )


def _choose(account: DesiredAccount, *, number: int, total: int) -> Choice:
    """Before each account of a round: a moment to change the browser's profile, to skip it, or to stop."""
    owner = f", {clean(account.owner)}" if account.owner else ""
    click.echo(f"\n{number} of {total} · {account.address} at {account.provider}{owner}", err=True)
    try:
        with asking():
            said = click.prompt(
                "Enter goes on, s skips it, q stops here",
                default="",
                show_default=False,
                prompt_suffix=" ",
                err=True,
            )
    except click.Abort:
        return Choice.STOP
    match str(said).strip().lower()[:1]:
        case "s":
            return Choice.SKIP
        case "q":
            return Choice.STOP
        case _:
            return Choice.GO


def _tell(result: Result) -> None:
    word = "" if result.outcome is Outcome.DONE else f"{result.outcome.value}: "
    click.echo(f"{result.address} {word}{result.message or result.error}", err=True)


def _rooted(result: Result, manifests: str) -> Result:
    return replace(result, hint=at_root(result.hint, root=manifests))
