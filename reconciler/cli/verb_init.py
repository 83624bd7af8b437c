"""`reconciler init`: a repository of manifests that works at once."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from reconciler.cli.options import common_flags, flag


@click.command(short_help="Begin a repository of manifests.")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@flag(
    "--ci",
    type=click.Choice(["github", "gitlab", "hook", "none"]),
    default="none",
    show_default=True,
    help="What runs plan and reconcile: a workflow, a pipeline, a git server's hook, or nothing yet.",
)
@common_flags
def init(folder: Path, ci: str, **options: Any) -> int:
    """Begin a repository of manifests in DIR: manifests for the local sandbox, a README with the next three commands,
    and the files around them. Nothing is ever overwritten: where a name is taken, nothing is written.
    """
    from reconciler.adapters.skeleton import skeleton, write_new
    from reconciler.cli.session import make_session
    from reconciler.errors import clean
    from reconciler.model.schema import manifest_schemas, schema_text

    make_session(options)
    new = skeleton(ci, schema=schema_text(manifest_schemas()["manifest"]))
    write_new(folder, new)
    for file in new:
        click.echo(f"+ {clean(folder / file.name)}")
    click.echo(f"next: cd {clean(shlex.quote(str(folder)))}, and the three commands of README.md", err=True)
    return 0
