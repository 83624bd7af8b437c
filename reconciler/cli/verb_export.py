"""`reconciler export`: manifests of what is there, from the store's metadata."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reconciler.cli.options import common_flags, flag, jobs_flag


@click.command(short_help="Write manifests of what is there.")
@flag("--namespace", metavar="NAME", help="Only this namespace's objects.")
@flag(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write a file for each object into DIR; nothing is overwritten.",
)
@jobs_flag
@common_flags
def export(namespace: str | None, out: Path | None, jobs: int, **options: Any) -> int:
    """Write manifests of the providers and accounts that are in the store, from its metadata. The role plan is enough.

    No secret is read. Comments name what the store does not record. Exit 4 where an object could not be written as a
    valid manifest; its comment says why.
    """
    from reconciler.adapters.skeleton import NewFile, write_new
    from reconciler.cli.exporting import export_manifests
    from reconciler.cli.session import make_session
    from reconciler.errors import clean

    session = make_session(options)
    made = export_manifests(session, namespace=namespace, jobs=jobs)
    if out is None:
        click.echo("---\n".join(one.text for one in made if one.written), nl=False)
    else:
        write_new(out, [NewFile(one.file, one.text.encode()) for one in made if one.written])
    for one in made:
        if not one.sound:
            click.echo(f"{one.address}: {clean(one.why, cap=400)}", err=True)
    written = sum(one.written for one in made)
    where = "" if out is None else f" in {clean(out)}"
    click.echo(f"{written} of {len(made)} objects{where}", err=True)
    return 0 if all(one.sound for one in made) else 4
