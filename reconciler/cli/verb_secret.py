"""`reconciler secret`: put client secrets into the store, list their names, remove them.

A value comes from a prompt or from stdin, never from an argument: arguments are seen by every process on the machine.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from reconciler.cli.options import common_flags, output_flag
from reconciler.errors import NeedsPerson, UsageError
from reconciler.model.secret import Secret
from reconciler.model.store_path import StorePath, reference_path

_VALUE_BYTES = 64 * 1024
_PIPE = "pipe the value in, and nothing else, or run it at a terminal to be asked"


@click.group(short_help="Client secrets in the store.")
def secret() -> None:
    """Client secrets in the store: set, list, remove. A list shows names and versions, never values."""


@secret.command("set")
@click.argument("path")
@click.argument("key")
@common_flags
def set_(path: str, key: str, **options: Any) -> int:
    """Put a secret under KEY of PATH. The value is asked for, or read from stdin where that is no terminal."""
    from reconciler.cli.session import make_session, open_made_store
    from reconciler.engine.secrets import set_secret

    session = make_session(options)
    where = _path(path)
    value = secret_value(interactive=session.console.interactive)
    with open_made_store(session) as (store, layout):
        version = set_secret(store, layout, path=where, key=key, value=value)
    click.echo(f"{where}#{key} is version {version}")
    return 0


@secret.command("list")
@click.argument("folder", default="clients")
@output_flag("text", "json")
@common_flags
def list_(folder: str, output: str, **options: Any) -> int:
    """List secrets at and below FOLDER: path, version, names of keys."""
    from reconciler.cli.output import print_document
    from reconciler.cli.session import TOOL, make_session, open_made_store
    from reconciler.engine.secrets import list_secrets
    from reconciler.report.secrets import SecretLine, render_secrets, secrets_document

    session = make_session(options)
    where = _path(folder)
    with open_made_store(session) as (store, layout):
        found = list_secrets(store, layout, folder=where)
        name = store.describe()
    lines = [SecretLine(str(one.path), one.version, one.keys, one.written, one.deleted) for one in found]
    if output == "json":
        print_document(secrets_document(lines, store=name, folder=str(where), tool=TOOL))
        return 0
    print_document(render_secrets(lines))
    if not lines:
        click.echo(f"no secrets under {where}", err=True)
    return 0


@secret.command("rm")
@click.argument("path")
@click.argument("key", required=False)
@common_flags
def remove(path: str, key: str | None, **options: Any) -> int:
    """Remove KEY of PATH, or all of PATH. An operator can undo it in the store."""
    from reconciler.cli.session import make_session, open_made_store
    from reconciler.engine.secrets import remove_secret

    session = make_session(options)
    where = _path(path)
    with open_made_store(session) as (store, layout):
        remove_secret(store, layout, path=where, key=key)
    click.echo(f"{where}{'' if key is None else f'#{key}'} is removed")
    return 0


def _path(text: str) -> StorePath:
    try:
        return reference_path(text)
    except ValueError as error:
        raise UsageError(
            f"no path of a secret: {error}", hint="write it like clients/<namespace>/<name>"
        ) from None


def secret_value(*, interactive: bool) -> Secret:
    """Asked for at a terminal, else read from stdin. NeedsPerson, UsageError where nothing usable comes."""
    if interactive:
        return Secret(click.prompt("value", hide_input=True, confirmation_prompt="the same again", err=True))
    if sys.stdin is None or sys.stdin.isatty():
        raise NeedsPerson("a secret is asked for, and there is nobody to answer", hint="pipe it in on stdin")
    raw = sys.stdin.buffer.read(_VALUE_BYTES + 1)
    if len(raw) > _VALUE_BYTES:
        raise UsageError(f"the value on stdin is longer than {_VALUE_BYTES // 1024} KiB", hint=_PIPE)
    try:
        text = raw.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise UsageError("the value on stdin is not UTF-8 text", hint=_PIPE) from None
    if not text:
        raise UsageError("the value on stdin is empty", hint=_PIPE)
    return Secret(text)
