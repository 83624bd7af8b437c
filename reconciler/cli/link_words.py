"""What `consent-link` says: whose link it is and until when it works, which are open, and which were withdrawn, as text and
as JSON. Links themselves are in none of it but where one is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from reconciler.engine.consent_links import MadeLink, OpenLink
from reconciler.errors import clean
from reconciler.model.desired import DesiredAccount
from reconciler.model.duration import format_instant
from reconciler.model.names import Address
from reconciler.report.contract_use import ConsentLinkDocument, ConsentLinksDocument
from reconciler.report.json_text import json_text


def link_text(link: MadeLink, *, account: DesiredAccount) -> str:
    """For people, beside the link: what may be done with it."""
    return (
        f"a link by which {clean(link.owner)} connects {account.address.short}, once, until {format_instant(link.until)}\n"
        "warning: whoever has it can connect the account: hand it to the owner and nobody else"
    )


def sent_text(link: MadeLink, *, account: DesiredAccount) -> str:
    """What is said once it was mailed; the link itself is not."""
    until = format_instant(link.until)
    return f"mailed to {clean(link.owner)}: a link that connects {account.address.short}, once, until {until}"


def mail_of(link: MadeLink, *, account: DesiredAccount) -> tuple[str, str]:
    """(subject, text) of the letter to the owner. Nothing in it comes from the manifest's free text."""
    subject = f"Connect {account.address.short}"
    text = (
        f"You are asked to connect the account {account.address.short} ({account.provider}), of which you are the owner.\n"
        f"The page says what is asked for before it sends you to the provider:\n\n{link.url}\n\n"
        f"The link works once, until {format_instant(link.until)}. It is for you alone: do not pass it on.\n"
        "If you did not expect this, do nothing, and nothing happens.\n"
    )
    return subject, text


def link_document(link: MadeLink, *, account: DesiredAccount, sent: bool, shown: bool, tool: str) -> str:
    document: ConsentLinkDocument = {
        "format_version": 1,
        "kind": "consent-link",
        "tool": tool,
        "address": str(account.address),
        "owner": clean(link.owner),
        "expires_at": format_instant(link.until),
        "sent": sent,
        "url": link.url if shown else None,
    }
    return json_text(document)


def links_text(links: Sequence[OpenLink]) -> str:
    """One line each, the first to expire first."""
    if not links:
        return "no consent link is open"
    wide = max(len(link.account.short) for link in links)
    return "\n".join(
        f"{link.account.short:<{wide}}  for {clean(link.owner)}, made {format_instant(link.made_at)}, "
        f"works until {format_instant(link.until)}"
        for link in links
    )


def withdrawn_text(count: int, accounts: Sequence[Address]) -> str:
    """`accounts`: of which there were open links, one at most."""
    if not accounts:
        return "no consent link of it is open"
    return f"{accounts[0].short}: {count} link{'' if count == 1 else 's'} withdrawn"


def links_document(links: Sequence[OpenLink], *, withdrawn: int | None, now: datetime, tool: str) -> str:
    """`links` are those that are open afterwards."""
    document: ConsentLinksDocument = {
        "format_version": 1,
        "kind": "consent-links",
        "tool": tool,
        "time": format_instant(now),
        "withdrawn": withdrawn,
        "links": [
            {
                "address": str(link.account),
                "owner": clean(link.owner),
                "made_at": format_instant(link.made_at),
                "expires_at": format_instant(link.until),
            }
            for link in links
        ],
    }
    return json_text(document)
