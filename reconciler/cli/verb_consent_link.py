"""`reconciler consent-link`: a link for the owner of one account, who needs no login to consent by it; which are open; and
their end.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from reconciler.cli.options import DURATION, common_flags, flag, manifests_flag, output_flag
from reconciler.errors import ReconcilerError, UsageError


@click.command(short_help="Make a link by which an account's owner consents.")
@click.argument("address", required=False)
@manifests_flag
@output_flag("text", "json")
@flag("--accounts-url", metavar="URL", help="Where browsers find the page: https://accounts.acme.example.")
@flag("--valid", type=DURATION, default="7d", show_default=True, help="How long the link works; 30d at most.")
@flag("--print", "show", is_flag=True, help="Print the link, for you to hand to the owner and nobody else.")
@flag(
    "--list",
    "listed",
    is_flag=True,
    envvar=None,
    help="List the links that are open; of ADDRESS alone, if given.",
)
@flag(
    "--withdraw",
    is_flag=True,
    envvar=None,
    help="Withdraw every open link of ADDRESS: they open nothing any more.",
)
@common_flags
def consent_link(
    address: str | None,
    manifests: str,
    output: str,
    accounts_url: str | None,
    valid: timedelta,
    show: bool,
    listed: bool,
    withdraw: bool,
    **options: Any,
) -> int:
    """Make a link by which the owner of the account ADDRESS consents on the Accounts page, without a login, and mail it
    to them.

    It works once, until it expires, for this account and what it asks for now. The mail server is that of notify
    (RECONCILER_NOTIFY_SMTP, _FROM, and _OWNERS for the domains that may be written to); without one, --print shows the link.
    """
    from reconciler.cli.session import make_session

    session = make_session(options)
    if listed and withdraw:
        raise UsageError("--list and --withdraw do not go together")
    if address is None and not listed:
        raise UsageError("which account?", hint="give its address; --list lists the links that are open")
    if listed or withdraw:
        return _open(session, manifests, output, address=address, withdraw=withdraw)
    assert address is not None  # noqa: S101 - said above
    return _make(
        session, manifests, output, address=address, accounts_url=accounts_url, valid=valid, show=show
    )


def _make(
    session: Any,
    manifests: str,
    output: str,
    *,
    address: str,
    accounts_url: str | None,
    valid: timedelta,
    show: bool,
) -> int:
    from reconciler.cli.link_mail import post_to, send
    from reconciler.cli.link_words import link_document, link_text, sent_text
    from reconciler.cli.serving import backstage
    from reconciler.cli.session import TOOL, read_desired
    from reconciler.cli.whom import declared_account
    from reconciler.decide.consent_link import LONGEST_LIFE
    from reconciler.engine.consent_links import make_link, withdraw_links
    from reconciler.web.site import parse_public

    if accounts_url is None:
        raise UsageError(
            "where is the page?", hint="give --accounts-url or RECONCILER_ACCOUNTS_URL, as for serve"
        )
    public = str(parse_public(accounts_url))
    if not timedelta(minutes=1) <= valid <= LONGEST_LIFE:
        raise UsageError(f"--valid is between 1m and {LONGEST_LIFE.days}d")
    desired = read_desired(manifests)
    account = declared_account(desired, address)
    provider = desired.providers[account.provider]
    with backstage(session, manifests, jobs=1) as back:
        post = None if show else post_to(account, session.settings, back.run)
        link = make_link(back.run, account, provider=provider, public=public, valid=valid)
        if post is not None:
            try:
                send(post, link, account=account, now=back.run.clock.now())
            except ReconcilerError:
                # Whether it arrived after all is not known, and nobody is told of it as one that works.
                withdraw_links(back.run, [(link.mark, link.until)])
                raise
    if output == "json":
        click.echo(link_document(link, account=account, sent=not show, shown=show, tool=TOOL), nl=False)
        return 0
    if not show:
        click.echo(sent_text(link, account=account))
        return 0
    click.echo(link_text(link, account=account), err=True)
    click.echo(link.url)
    return 0


def _open(session: Any, manifests: str, output: str, *, address: str | None, withdraw: bool) -> int:
    """Asks the store alone: an account need not be declared any more."""
    from reconciler.cli.link_words import links_document, links_text, withdrawn_text
    from reconciler.cli.serving import backstage
    from reconciler.cli.session import TOOL
    from reconciler.engine.consent_links import open_links, withdraw_links
    from reconciler.model.names import parse_address

    pattern = None if address is None else parse_address(address)
    with backstage(session, manifests, jobs=1) as back:
        found = [link for link in open_links(back.run) if pattern is None or pattern.matches(link.account)]
        accounts = sorted({link.account for link in found})
        if withdraw and len(accounts) > 1:
            raise UsageError(
                f"'{address}' could be {len(accounts)} accounts",
                hint=f"write one of {', '.join(account.short for account in accounts[:5])}",
            )
        withdrawn = withdraw_links(back.run, ((one.mark, one.until) for one in found)) if withdraw else None
        now = back.run.clock.now()
    if output == "json":
        still = [] if withdraw else found
        click.echo(links_document(still, withdrawn=withdrawn, now=now, tool=TOOL), nl=False)
    elif withdrawn is not None:
        click.echo(withdrawn_text(withdrawn, accounts))
    else:
        click.echo(links_text(found))
    return 0
