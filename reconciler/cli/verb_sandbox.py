"""`reconciler sandbox`: the same command line as `python -m reconciler.sandbox`, which owns its options.

`--like NAME` alone is ours: the sandbox knows no base providers, so a base of the catalogue is told to it in its own words.
"""

from __future__ import annotations

import json

import click

from reconciler.cli.options import flag
from reconciler.cli.sandbox_extra import sandbox_missing
from reconciler.errors import UsageError
from reconciler.model.behaviour import Behaviour
from reconciler.model.suggestion import suggest


@click.command(
    short_help="Run a local authorization server for trying things out.",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True},
)
@flag("--like", metavar="NAME", help="Play a base provider from its data.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...], like: str | None) -> int:
    """A local authorization server: consent page, rotation, registration, revocation, and a resource server.

    `--like NAME` plays a base provider: its rotation, lifetimes, odd requests, answers and refusals. `--fault NAME` lets
    something go wrong.
    """
    try:
        from reconciler.sandbox.__main__ import main
    except ModuleNotFoundError as error:
        raise sandbox_missing() from error
    given = list(arguments)
    if like is not None:
        from reconciler.decide.likeness import likeness

        given += ["--likeness", json.dumps(likeness(like, _base(like)))]
    try:
        return main(given, program="reconciler sandbox")
    except SystemExit as stopped:
        # argparse ends with 2 where it has already said what is wrong; that number means something else here.
        return UsageError.exit_code if stopped.code == 2 else int(stopped.code or 0)


def _base(name: str) -> Behaviour:
    from reconciler.adapters.manifest_catalogue import load_catalogue

    bases = load_catalogue().bases
    if name not in bases:
        hint = suggest(name, sorted(bases)) or "they are listed by: reconciler base list"
        raise UsageError(f"there is no base '{name}' to be like", hint=hint)
    return bases[name]
