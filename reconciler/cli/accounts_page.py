"""Where the Accounts page is (RECONCILER_ACCOUNTS_URL): what messages, calendars and comments may link to."""

from __future__ import annotations

from reconciler.cli.settings import Settings
from reconciler.errors import UsageError
from reconciler.model.endpoint import parse_url

VARIABLE = "RECONCILER_ACCOUNTS_URL"


def accounts_page(settings: Settings) -> str:
    """'' where none is configured. UsageError where it is no address that a person may be sent to."""
    text = settings.get("RECONCILER_ACCOUNTS_URL")
    if text is None:
        return ""
    try:
        parse_url(text, allow_loopback_http=True)
    except ValueError as problem:
        raise UsageError(f"{VARIABLE} is no address of a page: {problem}") from None
    if "?" in text:
        # A link that carries a ticket would be sent to everybody who gets a message.
        raise UsageError(f"{VARIABLE} has a query", hint="write the page's plain address, behind its login")
    return text
