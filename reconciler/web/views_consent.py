"""Connect, the callback, how it ended, and consent links.

Rules:
- GET shows and changes nothing, links included (mail scanners follow them); POST begins; the callback, and it alone, ends;
- the code and the state leave the address bar at once: the callback answers with a redirect to a page of its own;
- the provider's page is reached by a page of ours that leads there at once, since a form may be sent to ourselves only;
- whoever came by a link sees that one account's consent page and how it ended, and nothing else.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

from flask import Flask, redirect, request
from werkzeug.wrappers import Response

from reconciler.decide.consent_link import ConsentLink, read_link
from reconciler.engine.used_marks import is_used
from reconciler.errors import ReconcilerError
from reconciler.model.names import Address, account_address
from reconciler.web.consent_words import Ending, ending_of, next_step, sentence_of, what_is_asked
from reconciler.web.consents import Begun, ConsentStopped, refuse_callback
from reconciler.web.lookout import Closeup
from reconciler.web.pages import NotIn, Refused, address_with, check_rate, show, the_visitor
from reconciler.web.scopes import scope_lines
from reconciler.web.site import CALLBACK
from reconciler.web.site_parts import Site, asking
from reconciler.web.views_accounts import closeup
from reconciler.web.words import Tone

_RESULT = "result"
_RESULT_LASTS = timedelta(hours=1)


def add_consent_views(app: Flask, site: Site) -> None:
    rules: list[tuple[str, str, Any, list[str]]] = [
        ("/accounts/<namespace>/<name>/connect", "connect", _connect, ["GET"]),
        ("/accounts/<namespace>/<name>/connect", "connecting", _connecting, ["POST"]),
        ("/c/<text>", "link", _link, ["GET"]),
        ("/c/<text>", "linking", _linking, ["POST"]),
        (CALLBACK, "callback", _callback, ["GET"]),
        (f"{CALLBACK}/<namespace>/<name>", "callback-of-one", _callback, ["GET"]),
        ("/result", "result", _result, ["GET"]),
    ]
    for path, name, view, methods in rules:
        app.add_url_rule(path, name, _bound(view, site), methods=methods)


def _bound(view: Any, site: Site) -> Any:
    return lambda **parts: view(site, **parts)


# --------------------------------------------------------------------------------------------------------------- connect


def _connect(site: Site, *, namespace: str, name: str) -> Response:
    return _ask(site, closeup(site, namespace, name, visitor=the_visitor(site)), until=None)


def _connecting(site: Site, *, namespace: str, name: str) -> Response:
    visitor = the_visitor(site)
    check_rate(site, "consent")
    close = closeup(site, namespace, name, visitor=visitor)
    return _go(site, site.consents.begin(close, browser=asking().browser), close)


def _ask(site: Site, close: Closeup, *, until: Any) -> Response:
    """The page that says what will be asked for. `until`: of the link that led here."""
    if close.account is None or close.provider is None or not close.row.may_connect:
        raise Refused(
            f"{close.row.address.short} cannot be connected now.",
            sentence_of(close.report.health.message),
            hint=close.report.remedy,
            status=409,
        )
    refuse_callback(close, site.settings)
    return show(
        site,
        "connect.html",
        row=close.row,
        asked=what_is_asked(close, close.account, close.provider),
        scopes=[line for line in scope_lines(close) if line.wanted],
        again=close.report.health.granted_scopes != (),
        by_link=until is not None,
        until=until,
        blocked=close.blocked,
    )


def _go(site: Site, begun: Begun, close: Closeup) -> Response:
    """On to the provider: a page that leads there by itself, with a link for who is not led."""
    assert close.account is not None and close.provider is not None  # noqa: PT018, S101 - `begin` has refused it
    asked = what_is_asked(close, close.account, close.provider)
    response = show(site, "going.html", url=begun.url, asked=asked, row=close.row)
    name, value = begun.cookie
    site.sessions.set_cookie(response, name, value, path=CALLBACK)
    return response


# ------------------------------------------------------------------------------------------------------------------ links


def _opened(site: Site, text: str) -> tuple[ConsentLink, Closeup]:
    """The link and its account. Refused, in words, where it does not open anything any more."""
    link = read_link(text, key=site.master)
    if link is None:
        raise Refused(
            "This link is none of ours.",
            "It may have been cut by a mail program: copy all of it into the address bar. Otherwise ask for a new one.",
            status=404,
        )
    if link.until <= site.now():
        raise Refused("This link has expired.", "Ask whoever sent it for a new one.", status=410)
    used = is_used(site.run, link.mark, until=link.until)
    if used is not None and used.withdrawn:
        raise Refused("This link was withdrawn.", "Ask whoever sent it for a new one.", status=410)
    if used is not None:
        raise Refused(
            "This link was used already.",
            f"The account {link.account.short} was connected by it. There is nothing more to do; you may close this page.",
            status=410,
        )
    close = closeup(site, link.account.namespace, link.account.name, visitor=None)
    if close.account is None or close.account.consent_digest != link.digest:
        raise Refused(
            "What this link asks for has changed since it was sent.",
            "Ask whoever sent it for a new one.",
            status=410,
        )
    return link, close


def _link(site: Site, *, text: str) -> Response:
    check_rate(site, "link")
    link, close = _opened(site, text)
    return _ask(site, close, until=link.until)


def _linking(site: Site, *, text: str) -> Response:
    check_rate(site, "consent")
    link, close = _opened(site, text)
    return _go(site, site.consents.begin(close, browser=asking().browser, link=link), close)


# --------------------------------------------------------------------------------------------------------------- callback


def _callback(site: Site, **_: str) -> Response:
    """The address that it came to, a provider's own or that of all, is judged with all else of it."""
    if request.method != "GET":
        # Flask answers HEAD like GET; here that would exchange a code for a scanner.
        raise Refused("This address is not asked like that.", status=405)
    check_rate(site, "consent")
    query = request.query_string.decode("ascii", "replace")
    url = f"{site.settings.public}{quote(request.path)}?{query}"
    cookie, address, by_link = "", None, False
    try:
        kept = site.consents.account_of(
            request.args.getlist("state"), cookies=request.cookies, browser=asking().browser
        )
        cookie, address, by_link = kept.cookie, kept.pending.account, kept.link is not None
        ending = ending_of(site.consents.finish(kept, callback_url=url).result)
    except ConsentStopped as stopped:
        address = stopped.account or address
        ending = _stopped(stopped)
    except ReconcilerError as error:
        site.run.events.warning("consent-failed", error=type(error).__name__)
        ending = _stopped(error)
    response = redirect(_result_address(site, ending, address=address, by_link=by_link), code=303)
    if cookie:
        site.sessions.drop_cookie(response, cookie, path=CALLBACK)  # type: ignore[arg-type]  # werkzeug's response, as Flask makes it
    return response


def _stopped(error: ReconcilerError) -> Ending:
    return Ending(Tone.BAD, "It is not connected.", sentence_of(error.message), next_step(error.hint or ""))


def _result_address(site: Site, ending: Ending, *, address: Address | None, by_link: bool) -> str:
    value = {
        "sid": asking().browser.sid,
        "tone": ending.tone.value,
        "words": [ending.title, ending.text, ending.next],
        "notes": list(ending.notes),
        "account": "" if address is None else address.short,
        "by_link": by_link,
    }
    sealed = site.sealer.seal(value, purpose=_RESULT, until=site.now() + _RESULT_LASTS)
    return address_with("/result", {"r": sealed})


def _result(site: Site) -> Response:
    """How it ended, told from the address alone, so that each tab has its own, restarts included."""
    value = site.sealer.open(request.args.get("r"), purpose=_RESULT, now=site.now())
    if value is None or value["sid"] != asking().browser.sid:
        if asking().visitor is None:
            raise Refused(
                "This page is over.",
                "What it told is kept with the account. You may close it.",
                status=410,
            )
        return redirect("/", code=303)
    title, text, following = value["words"]
    ending = Ending(Tone(value["tone"]), title, text, following, tuple(value["notes"]))
    namespace, _, name = value["account"].partition("/")
    address = account_address(namespace, name) if name else None
    return show(
        site,
        "result.html",
        ending=ending,
        address=address,
        by_link=value["by_link"],
        may_see=_may_see(site, address),
    )


def _may_see(site: Site, address: Address | None) -> bool:
    known = None if address is None else site.lookout.view.by_address.get(address)
    try:
        visitor = the_visitor(site)
    except (NotIn, Refused):
        return False
    return address is not None and visitor.sees(address, owner=known.owner if known else "")
