"""`reconciler sandbox`: the same command line as `python -m reconciler.sandbox`, which owns its options."""

from __future__ import annotations

import click

from reconciler.errors import UsageError


@click.command(
    short_help="Run a local authorization server for trying things out.",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> int:
    """A local authorization server: consent page, rotation, registration, revocation, and a resource server."""
    try:
        from reconciler.sandbox.__main__ import main
    except ModuleNotFoundError as error:
        raise UsageError(
            "the sandbox is not installed",
            hint="in a checkout: pip install --require-hashes -r requirements/sandbox.txt",
        ) from error
    try:
        return main(list(arguments))
    except SystemExit as stopped:
        # argparse ends with 2 where it has already said what is wrong; that number means something else here.
        return UsageError.exit_code if stopped.code == 2 else int(stopped.code or 0)
