"""`reconciler refresh [ADDRESS…]`: refresh what is due, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.accounts_page import accounts_url_flag
from reconciler.cli.metrics_file import metrics_file_flag
from reconciler.cli.options import (
    common_flags,
    due_within_flag,
    flag,
    frozen_flag,
    jobs_flag,
    manifests_flag,
    output_flag,
    report_flag,
    selection_flags,
)

if TYPE_CHECKING:
    from reconciler.cli.output import Reports


@click.command(short_help="Refresh what is due.")
@click.argument("addresses", nargs=-1)
@manifests_flag
@output_flag("text", "json", "markdown", "github")
@flag("--fail-on-attention", is_flag=True, help="Exit 5 where an account needs a person.")
@flag("--force", is_flag=True, help="Ignore the thresholds of time, nothing else.")
@report_flag
@metrics_file_flag
@selection_flags
@due_within_flag
@frozen_flag
@jobs_flag
@accounts_url_flag
@common_flags
def refresh(
    addresses: tuple[str, ...],
    manifests: str,
    output: str,
    fail_on_attention: bool,
    force: bool,
    due_within: timedelta | None,
    reports: Reports,
    metrics_file: Path | None,
    jobs: int,
    **options: Any,
) -> int:
    """Refresh the grants of ADDRESS…, or all that are due. Registers and removes nothing."""
    from reconciler.cli.calling import calling
    from reconciler.cli.metrics_file import MetricsFile
    from reconciler.cli.output import write_run
    from reconciler.cli.planning import plan_options
    from reconciler.cli.session import TOOL, make_session, read_desired
    from reconciler.decide.selection import resolve_one
    from reconciler.decide.trying import Sparing
    from reconciler.engine.observe import observe
    from reconciler.engine.reconcile import refresh_due
    from reconciler.errors import UsageError
    from reconciler.model.names import parse_address

    metrics = MetricsFile(metrics_file, verb="refresh")
    session = make_session(options)
    desired = read_desired(manifests)
    known = {*desired.accounts, *(a for a in desired.broken if a not in desired.providers)}
    named = frozenset(resolve_one(parse_address(text), known, beside=desired.providers) for text in addresses)
    chosen = plan_options(session, options, due_within=due_within)
    if named and chosen.selection.narrow:
        raise UsageError(
            "ADDRESS… says what is refreshed, and so do --only, --exclude and -l", hint="give one of the two"
        )

    frozen = session.settings.frozen is not None
    sparing = None if frozen else Sparing(desired, chosen, force=force)
    look = partial(
        observe,
        desired=desired,
        jobs=jobs,
        accounts=named or None,
        events=session.events,
        sparing=sparing,
    )
    with calling(session, look=look, jobs=jobs, progress=True) as work:
        chosen.check(desired, work.observed)
        report = refresh_due(
            work.run,
            desired,
            work.observed,
            options=chosen,
            ports=work.ports,
            addresses=named,
            force=force,
        )
    metrics.write(report, plan=None)
    commit = session.settings.commit
    write_run(report, output=output, console=session.console, tool=TOOL, commit=commit, reports=reports)
    return report.exit_code(fail_on_attention=fail_on_attention)
