"""Where the Accounts page is (`--accounts-url`): what messages and calendars link to. Never a link that lets somebody in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from reconciler.cli.options import flag
from reconciler.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])


def accounts_url_flag(function: F) -> F:
    return flag(
        "--accounts-url",
        metavar="URL",
        default="",
        help="The Accounts page, for the link. Never a consent link.",
    )(function)


def checked_page(text: str) -> str:
    """'' where none is given. UsageError where it is no address that a person may be sent to."""
    from reconciler.model.endpoint import parse_url

    if not text:
        return ""
    try:
        parse_url(text, allow_loopback_http=True)
    except ValueError as problem:
        raise UsageError(
            f"--accounts-url is no address of a page: {problem}", hint="write https://accounts.acme.example"
        ) from None
    if "?" in text:
        # A link that carries a ticket would be sent to everybody who gets a message.
        raise UsageError(
            "--accounts-url has a query", hint="write the page's plain address, behind its login"
        )
    return text
