"""`reconciler consent-link ADDRESS`: a link for the owner of one account, who needs no login to consent by it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from reconciler.cli.options import DURATION, common_flags, flag, manifests_flag, output_flag


@click.command(short_help="Make a link by which an account's owner consents.")
@click.argument("address")
@manifests_flag
@output_flag("text", "json")
@flag("--accounts-url", metavar="URL", help="Where browsers find the page: https://accounts.acme.example.")
@flag("--valid", type=DURATION, default="7d", show_default=True, help="How long the link works; 30d at most.")
@flag("--print", "show", is_flag=True, help="Print the link, for you to hand to the owner and nobody else.")
@common_flags
def consent_link(
    address: str,
    manifests: str,
    output: str,
    accounts_url: str | None,
    valid: timedelta,
    show: bool,
    **options: Any,
) -> int:
    """Make a link by which the owner of the account ADDRESS consents on the Accounts page, without a login, and mail it
    to them.

    It works once, until it expires, for this account and what it asks for now. The mail server is that of notify
    (RECONCILER_NOTIFY_SMTP, _FROM, and _OWNERS for the domains that may be written to); without one, --print shows the link.
    """
    from reconciler.cli.link_mail import post_to, send
    from reconciler.cli.link_words import link_document, link_text, sent_text
    from reconciler.cli.serving import backstage
    from reconciler.cli.session import TOOL, make_session, read_desired
    from reconciler.decide.consent_link import LONGEST_LIFE
    from reconciler.decide.selection import resolve_one
    from reconciler.engine.consent_links import make_link
    from reconciler.errors import ManifestError, UsageError
    from reconciler.model.names import parse_address
    from reconciler.web.site import parse_public

    session = make_session(options)
    if accounts_url is None:
        raise UsageError(
            "where is the page?", hint="give --accounts-url or RECONCILER_ACCOUNTS_URL, as for serve"
        )
    public = str(parse_public(accounts_url))
    if not timedelta(minutes=1) <= valid <= LONGEST_LIFE:
        raise UsageError(f"--valid is between 1m and {LONGEST_LIFE.days}d")
    desired = read_desired(manifests)
    pattern = parse_address(address)
    broken = [found for found in desired.broken if pattern.matches(found)]
    if broken:
        raise ManifestError(f"{broken[0]} is declared, but not valid", problems=desired.problems)
    account = desired.accounts[resolve_one(pattern, desired.accounts)]
    provider = desired.providers[account.provider]
    with backstage(session, manifests, jobs=1) as back:
        post = None if show else post_to(account, session.settings, back.run)
        link = make_link(back.run, account, provider=provider, public=public, valid=valid)
        if post is not None:
            send(post, link, account=account, now=back.run.clock.now())
    if output == "json":
        click.echo(link_document(link, account=account, sent=not show, shown=show, tool=TOOL), nl=False)
        return 0
    if not show:
        click.echo(sent_text(link, account=account))
        return 0
    click.echo(link_text(link, account=account), err=True)
    click.echo(link.url)
    return 0
