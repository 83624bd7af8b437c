"""`reconciler schema`: the JSON Schemas of manifests, of our JSON output, and of what workloads read in the store."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.options import flag
from reconciler.errors import UsageError, clean


@click.command(short_help="Print JSON Schemas.")
@click.argument("name", default="manifest")
@flag("--list", "list_", is_flag=True, help="List the names of all schemas.")
@flag("--out", type=click.Path(file_okay=False, path_type=Path), help="Write all of them into this folder.")
def schema(name: str, list_: bool, out: Path | None) -> int:
    """Print the schema NAME: manifest (all kinds), or one of --list."""
    from reconciler.model.schema import manifest_schemas, schema_file_name, schema_text
    from reconciler.report.contract import SCHEMA_NAMES, schema_of
    from reconciler.report.contract_stored import stored_schemas

    printed = {each: schema_of(each) for each in SCHEMA_NAMES}
    schemas = {**manifest_schemas(), **printed, **stored_schemas()}
    if list_:
        click.echo("\n".join(sorted(schemas)))
        return 0
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for each, body in schemas.items():
            (out / schema_file_name(each)).write_text(schema_text(body), encoding="utf-8")
        click.echo(f"{len(schemas)} schemas written to {clean(out)}", err=True)
        return 0
    if name not in schemas:
        raise UsageError(f"there is no schema '{clean(name)}'", hint=f"one of {', '.join(sorted(schemas))}")
    click.echo(schema_text(schemas[name]), nl=False)
    return 0
