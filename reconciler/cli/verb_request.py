"""`reconciler request ADDRESS URL`: call an API with an account's token."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from reconciler.cli.options import DURATION, common_flags, flag, manifests_flag
from reconciler.errors import UsageError, clean

_MOST_SENT = 16 * 1024 * 1024


@click.command(short_help="Call an API with an account's token.")
@click.argument("address")
@click.argument("url")
@flag("-X", "--method", metavar="METHOD", help="GET where nobody says, POST with -d.")
@flag("-H", "--request-header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A further header.")
@flag("-q", "--query", multiple=True, metavar="NAME=VALUE", help="A query parameter; encoded for you.")
@flag(
    "-d",
    "--data",
    cls=click.Option,  # an empty body is a body
    metavar="TEXT",
    help="The body; @FILE reads a file, @- stdin. A JSON object or array is sent as such.",
)
@flag("-i", "--include", is_flag=True, help="Write status and headers before the body.")
@flag(
    "-o",
    "--write-to",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the body to this file, whole or not at all.",
)
@flag(
    "--max-mib", type=click.IntRange(1, 16384), default=64, show_default=True, help="Refuse a larger answer."
)
@flag("--max-time", type=DURATION, help="For the whole request. Default: RECONCILER_HTTP_DEADLINE.")
@manifests_flag
@common_flags
def request(
    address: str,
    url: str,
    method: str | None,
    headers: tuple[str, ...],
    query: tuple[str, ...],
    data: str | None,
    include: bool,
    write_to: Path | None,
    max_mib: int,
    max_time: timedelta | None,
    manifests: str,
    **options: Any,
) -> int:
    """Call URL with the token of the account ADDRESS; the Authorization header is added by itself.

    URL is whole, or a path at the first API origin of the account's base. The token goes to origins that the base lists and that
    are trusted, and to no other; redirects are not followed. The body of the answer goes to stdout. Exit 0 for 2xx, 4 for others.
    """
    from reconciler.cli.accounts import Manifests
    from reconciler.cli.answer_sink import AnswerSink
    from reconciler.cli.api_call import ApiCall
    from reconciler.cli.session import make_session
    from reconciler.decide import api_request

    body = None if data is None else _body(data)
    sent = api_request.checked_headers(headers)
    pairs = api_request.checked_query(query)
    verb = api_request.checked_method(method, with_body=body is not None)
    if body is not None:
        sent.setdefault("content-type", api_request.content_type(body))
    session = make_session(options)
    declared = Manifests.of_command(session, manifests)
    call = ApiCall(session, declared, declared.account(address), cap=max_mib * 1024 * 1024, max_time=max_time)
    call.make(
        url,
        method=verb,
        headers=sent,
        query=pairs,
        body=body,
        sink=AnswerSink(file=write_to, with_head=include),
    )
    return 0


def _body(text: str) -> bytes:
    if not text.startswith("@"):
        return text.encode()
    name = text[1:]
    try:
        if name == "-":
            found = sys.stdin.buffer.read(_MOST_SENT + 1)
        else:
            with Path(name).open("rb") as source:
                found = source.read(_MOST_SENT + 1)
    except OSError as error:
        raise UsageError(f"-d: {clean(name)} cannot be read: {error.strerror}") from None
    if len(found) > _MOST_SENT:
        raise UsageError(f"-d: more than {_MOST_SENT // (1024 * 1024)} MiB are not sent")
    return found
