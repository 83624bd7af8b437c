"""The list, one account, and the button that looks again.

Rules: a list is made from the last look, for whoever asks: what a visitor may not see is not counted, not offered in a
filter, and as absent as what does not exist; an account is looked at anew when it is opened.
"""

from __future__ import annotations

from flask import Flask, redirect, request
from werkzeug.wrappers import Response

from reconciler.model.names import Address, account_address, is_name
from reconciler.web.access import Visitor
from reconciler.web.history import history_of
from reconciler.web.lookout import Closeup
from reconciler.web.pages import Refused, address_with, check_rate, show, the_visitor
from reconciler.web.rows import NEEDS_YOU, WITHIN_DAYS, page_of, read_query, select
from reconciler.web.scopes import scope_lines
from reconciler.web.site_parts import Site
from reconciler.web.words import STATE_WORDS, summary

_MOST_CHOICES = 200


def add_account_views(app: Flask, site: Site) -> None:
    app.add_url_rule("/", "accounts", lambda: _list(site), methods=["GET"])
    app.add_url_rule("/look", "look", lambda: _look(site), methods=["POST"])
    app.add_url_rule(
        "/accounts/<namespace>/<name>",
        "account",
        lambda namespace, name: _account(site, namespace, name),
        methods=["GET"],
    )


def closeup(site: Site, namespace: str, name: str, *, visitor: Visitor | None) -> Closeup:
    """The account, looked at anew. Refused (404) where it is not there, or not for this visitor; None sees any."""
    check_rate(site, "account")
    found = None
    if is_name(namespace) and is_name(name):
        found = _for(site, account_address(namespace, name), visitor=visitor)
    if found is None:
        raise Refused("There is no such account.", "Look for it in the list.", status=404)
    return found


def _for(site: Site, address: Address, *, visitor: Visitor | None) -> Closeup | None:
    known = site.lookout.view.by_address.get(address)
    if known is None or (visitor is not None and not visitor.sees(address, owner=known.owner)):
        return None
    return site.lookout.look_at(address)


def _list(site: Site) -> Response:
    visitor, view, now = the_visitor(site), site.lookout.view, site.now()
    seen, query = view.seen_by(visitor), read_query(request.args)
    page = page_of(select(seen.rows, query, now=now), query.page)

    def other(number: int) -> str:
        return address_with("/", query.parameters(page=number if number > 1 else None))

    return show(
        site,
        "accounts.html",
        summary=summary(seen.needed, len(seen.rows), waiting=seen.waiting),
        needed=seen.needed,
        view=view,
        problems=view.desired.problems if visitor.sees_all else (),
        trust_changes=[b for b in view.trust_changes if visitor.sees_all or str(b.address) in seen.providers],
        query=query,
        page=page,
        states={NEEDS_YOU: "Needs you", **{s.value: words for s, words in STATE_WORDS.items()}},
        within=WITHIN_DAYS,
        namespaces=seen.namespaces[:_MOST_CHOICES],
        providers=seen.providers[:_MOST_CHOICES],
        needs_you=address_with("/", {"state": NEEDS_YOU}),
        previous=other(page.number - 1) if page.number > 1 else "",
        next=other(page.number + 1) if page.number < page.pages else "",
    )


def _look(site: Site) -> Response:
    the_visitor(site)
    check_rate(site, "look")
    site.lookout.look_again()
    return redirect("/", code=303)


def _account(site: Site, namespace: str, name: str) -> Response:
    close = closeup(site, namespace, name, visitor=the_visitor(site))
    report, status = close.report, close.observed.accounts.get(close.row.address)
    return show(
        site,
        "account.html",
        close=close,
        row=close.row,
        report=report,
        health=report.health,
        headline=close.row.headline(site.now()),
        recorded=status.status if status else None,
        scopes=scope_lines(close),
        history=history_of(close),
        problems=[p for p in site.lookout.view.desired.problems if p.address == str(close.row.address)],
    )
