"""Mails a consent link to the owner of its account, and to nobody else.

Rules: an owner stands in a manifest, and whoever has the link can connect the account: it is mailed only to the domains that the
operator named (RECONCILER_NOTIFY_OWNERS); it is checked before the link is made that it can be.
"""

from __future__ import annotations

from datetime import datetime

from reconciler.adapters.smtp import mail_domain, send_letter
from reconciler.cli.link_words import mail_of
from reconciler.cli.notify_settings import Kept, Post, post_of
from reconciler.cli.settings import Settings
from reconciler.engine.consent_links import MadeLink
from reconciler.engine.run import Run
from reconciler.engine.secret_reader import SecretReader
from reconciler.errors import ObjectFailed, UsageError, clean
from reconciler.model.desired import DesiredAccount


def post_to(account: DesiredAccount, settings: Settings, run: Run) -> Post:
    """UsageError where there is no mail server, or the owner may not be written to."""
    post = post_of(Kept(settings, SecretReader(run.store), run.layout))
    if post is None:
        raise UsageError(
            "there is no mail server to send the link by",
            hint="set RECONCILER_NOTIFY_SMTP; or --print shows it, for you to hand to the owner and nobody else",
        )
    domain = mail_domain(account.owner or "")
    if domain not in post.owner_domains:
        where = clean(domain or account.owner or "nobody", cap=80)
        raise UsageError(
            f"{account.address}: its owner may not be written to at {where}",
            hint="RECONCILER_NOTIFY_OWNERS names the domains of owners; or --print shows the link",
        )
    return post


def send(post: Post, link: MadeLink, *, account: DesiredAccount, now: datetime) -> None:
    """ObjectFailed where the mail server did not take it; the link was shown to nobody then."""
    subject, text = mail_of(link, account=account)
    why = send_letter(post.server, sender=post.sender, to=link.owner, subject=subject, text=text, now=now)
    if why:
        raise ObjectFailed(
            f"{account.address}: the link was not mailed: {why}", hint="make another one when that is mended"
        )
