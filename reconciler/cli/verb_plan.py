"""`reconciler plan`: what reconcile would do, from metadata alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.accounts_page import accounts_url_flag
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


@click.command(short_help="Show what reconcile would do.")
@manifests_flag
@output_flag("text", "json", "markdown", "github")
@flag("--detailed-exitcode", is_flag=True, help="Exit 2 where changes are pending.")
@flag(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Save the plan for 'reconcile --plan'. It holds references, versions and digests, never a secret.",
)
@flag("--prune", is_flag=True, help="Also plan the removal of what is no longer declared.")
@flag("--register-again", multiple=True, metavar="ADDRESS", help="Register anew despite an open intent.")
@report_flag
@selection_flags
@guard_flags
@due_within_flag
@frozen_flag
@jobs_flag
@accounts_url_flag
@common_flags
def plan(
    manifests: str,
    output: str,
    detailed_exitcode: bool,
    out: Path | None,
    reports: Reports,
    due_within: timedelta | None,
    jobs: int,
    **options: Any,
) -> int:
    """Show what reconcile would do. Writes nothing, reads no secret, contacts nothing but the store."""
    from reconciler.cli.looking import look_for_reading
    from reconciler.cli.output import write_plan
    from reconciler.cli.planning import plan_options
    from reconciler.cli.saved import save_whole
    from reconciler.cli.session import TOOL, make_session, read_desired
    from reconciler.decide.frozen import with_frozen
    from reconciler.decide.plan import make_plan
    from reconciler.report.json_document import plan_document

    session = make_session(options)
    desired = read_desired(manifests)
    observed = look_for_reading(session, desired, jobs=jobs)
    chosen = plan_options(session, options, due_within=due_within)
    chosen.check(desired, observed)
    whole = make_plan(desired, observed, chosen)
    made = with_frozen(whole, root=desired.root, restored=session.settings.frozen)
    if out is not None:
        save_whole(out, plan_document(made, tool=TOOL, commit=session.settings.commit))
    commit = session.settings.commit
    write_plan(made, output=output, console=session.console, tool=TOOL, commit=commit, reports=reports)
    return made.exit_code(detailed=detailed_exitcode)
