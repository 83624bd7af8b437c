"""`reconciler validate`: check manifests without a store, a network or a clock."""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli.options import common_flags, manifests_flag, output_flag


@click.command(short_help="Check manifests.")
@manifests_flag
@output_flag("text", "json", "github")
@common_flags
def validate(manifests: str, output: str, **options: Any) -> int:
    """Check manifests; report everything that is wrong, with file:line:column. Exit 65 where something is."""
    from reconciler.cli.output import write_problems
    from reconciler.cli.session import TOOL, make_session, read_desired

    session = make_session(options)
    desired = read_desired(manifests)
    write_problems(desired, output=output, console=session.console, tool=TOOL)
    return 65 if desired.problems else 0
