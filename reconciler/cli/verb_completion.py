"""`reconciler completion`: a shell's completion script, made by click."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from reconciler.errors import UsageError


@click.command(short_help="Print a shell completion script.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> int:
    """Print the completion script for SHELL; source it from your shell's start-up file."""
    made = get_completion_class(shell)
    if made is None:
        raise UsageError(f"no completion for {shell}")
    root = ctx.find_root()
    click.echo(made(root.command, {}, "reconciler", "_RECONCILER_COMPLETE").source())
    return 0
