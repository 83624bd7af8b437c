"""`reconciler show FILE`: a saved plan, as `plan` showed it when it was made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reconciler.cli.options import common_flags, output_flag


@click.command(short_help="Show a saved plan.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@output_flag("text", "json", "markdown", "github")
@common_flags
def show(file: Path, output: str, **options: Any) -> int:
    """Show the plan that 'plan --out' saved in FILE, in any format. Asks nobody: not the store, not the manifests."""
    from reconciler.cli.output import write_plan
    from reconciler.cli.saved import read_document
    from reconciler.cli.session import make_session
    from reconciler.report.plan_reading import read_plan

    session = make_session(options)
    plan, tool, commit = read_plan(read_document(file))
    write_plan(plan, output=output, console=session.console, tool=tool, commit=commit)
    return 0
