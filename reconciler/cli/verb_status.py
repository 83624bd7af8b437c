"""`reconciler status`: every provider and account as the store knows it, and who must consent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import click

from reconciler.cli.accounts_page import accounts_url_flag
from reconciler.cli.options import (
    SINCE,
    common_flags,
    flag,
    frozen_flag,
    jobs_flag,
    manifests_flag,
    output_flag,
    selection_flags,
)


@click.command(short_help="Show every provider and account.")
@manifests_flag
@output_flag("text", "json", "markdown")
@flag(
    "--since",
    type=SINCE,
    default=None,
    metavar="2d|TIME",
    help="Only what changed since then: a time, or how long ago.",
)
@flag("--fail-on-attention", is_flag=True, help="Exit 5 where an account needs a person.")
@selection_flags
@frozen_flag
@jobs_flag
@accounts_url_flag
@common_flags
def status(
    manifests: str,
    output: str,
    since: timedelta | datetime | None,
    fail_on_attention: bool,
    jobs: int,
    **options: Any,
) -> int:
    """Show every provider and account as the store knows it. Reads metadata only."""
    from reconciler.cli.looking import look_for_reading
    from reconciler.cli.output import write_status
    from reconciler.cli.planning import plan_options
    from reconciler.cli.session import TOOL, make_session, read_desired
    from reconciler.decide.status_view import changed_since
    from reconciler.engine.status import make_status

    session = make_session(options)
    desired = read_desired(manifests)
    observed = look_for_reading(session, desired, jobs=jobs)
    chosen = plan_options(session, options, due_within=None)
    chosen.check(desired, observed)
    report = make_status(desired, observed, chosen, frozen=session.settings.frozen)
    if since is not None:
        report = changed_since(report, since if isinstance(since, datetime) else observed.now - since)
    write_status(report, output=output, console=session.console, tool=TOOL, commit=session.settings.commit)
    return report.exit_code(fail_on_attention=fail_on_attention)
