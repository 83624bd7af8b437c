"""`reconciler reconcile` (alias `apply`): make it so."""

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
    guard_flags,
    jobs_flag,
    manifests_flag,
    output_flag,
    report_flag,
    selection_flags,
)

if TYPE_CHECKING:
    from reconciler.cli.output import Reports


@click.command(short_help="Make it so.")
@manifests_flag
@output_flag("text", "json", "markdown", "github")
@flag("--fail-on-attention", is_flag=True, help="Exit 5 where an account needs a person.")
@flag("--init-store", "init", is_flag=True, help="Make the store where there is none.")
@flag(
    "--plan",
    "saved",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Do only what this saved plan holds; what has moved since is refused, exit 6.",
)
@flag(
    "--expect-digest",
    "digest",
    metavar="DIGEST",
    help="Make changes only where the plan made now has this digest; else none, exit 6.",
)
@flag("--prune", is_flag=True, help="Remove what is no longer declared. Nothing is removed without it.")
@flag("--purge", is_flag=True, help="With --prune: destroy what is removed, instead of setting it aside.")
@flag("--register-again", multiple=True, metavar="ADDRESS", help="Register anew despite an open intent.")
@report_flag
@metrics_file_flag
@selection_flags
@guard_flags
@due_within_flag
@frozen_flag
@jobs_flag
@accounts_url_flag
@common_flags
def reconcile(
    manifests: str,
    output: str,
    fail_on_attention: bool,
    init: bool,
    purge: bool,
    saved: Path | None,
    digest: str | None,
    due_within: timedelta | None,
    reports: Reports,
    metrics_file: Path | None,
    jobs: int,
    **options: Any,
) -> int:
    """Register providers, track accounts, refresh what is due, write tokens, report who must consent."""
    from reconciler.cli.calling import calling
    from reconciler.cli.metrics_file import MetricsFile
    from reconciler.cli.output import write_run
    from reconciler.cli.planning import plan_options
    from reconciler.cli.saved import load_plan
    from reconciler.cli.session import TOOL, make_session, read_desired
    from reconciler.decide.plan import make_plan
    from reconciler.decide.saved_plan import read_digest
    from reconciler.engine.observe import observe
    from reconciler.engine.reconcile import ReconcileOptions
    from reconciler.engine.reconcile import reconcile as carry_out
    from reconciler.errors import UsageError

    if purge and not options["prune"]:
        raise UsageError("--purge destroys what --prune removes", hint="write both, or neither")
    metrics = MetricsFile(metrics_file, verb="reconcile")
    wanted = "" if digest is None else read_digest(digest)
    expected = None if saved is None else load_plan(saved, prune=options["prune"])
    session = make_session(options)
    desired = read_desired(manifests)
    chosen = plan_options(session, options, due_within=due_within)

    look = partial(observe, desired=desired, jobs=jobs, events=session.events)
    with calling(session, look=look, jobs=jobs, progress=True, init=init, discover=True) as work:
        chosen.check(desired, work.observed)
        plan = make_plan(desired, work.observed, chosen)
        report = carry_out(
            work.run,
            desired,
            observed=work.observed,
            plan=plan,
            options=ReconcileOptions(plan=chosen, purge=purge, saved=expected, digest=wanted),
            ports=work.ports,
        )
    metrics.write(report, plan=plan)
    commit = session.settings.commit
    write_run(report, output=output, console=session.console, tool=TOOL, commit=commit, reports=reports)
    return report.exit_code(fail_on_attention=fail_on_attention)
