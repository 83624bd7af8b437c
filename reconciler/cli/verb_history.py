"""`reconciler history ADDRESS`: when, what and who, as versions and metadata in the store tell it."""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli.options import common_flags, flag, output_flag


@click.command(short_help="Tell the story of one object.")
@click.argument("address")
@output_flag("text", "json")
@flag(
    "--versions",
    is_flag=True,
    help="Also read how each version came about, and who wrote it. Needs the role reconcile.",
)
@common_flags
def history(address: str, output: str, versions: bool, **options: Any) -> int:
    """Tell the story of ADDRESS, newest first, from versions and metadata. The role plan is enough; no secret is shown.

    The object need not be declared any more.
    """
    from reconciler.cli.examining import refuse_unmade
    from reconciler.cli.output_ops import write_history
    from reconciler.cli.session import TOOL, make_session, open_made_store
    from reconciler.engine.history import Historian, find_stored
    from reconciler.engine.metadata_only import MetadataOnly
    from reconciler.model.names import parse_address

    pattern = parse_address(address)
    session = make_session(options)
    refuse_unmade(session)
    with open_made_store(session) as (store, layout):
        only = MetadataOnly(store, layout=layout)
        found = find_stored(only, layout, pattern)
        story = Historian(only, layout, versions=store if versions else None).tell(found)
    write_history(story, output=output, console=session.console, tool=TOOL)
    return 0
