"""Signing in and out, where the page has a login of its own.

Rules: where a login leads afterwards is one of our own paths; a callback is taken with the browser that began it; signing
out is a form, and ends the session here (the identity provider's own is its own affair).
"""

from __future__ import annotations

from flask import Flask, redirect, request
from werkzeug.wrappers import Response

from reconciler.web.access import admit
from reconciler.web.consent_words import sentence_of
from reconciler.web.id_token import IdTokenRefused
from reconciler.web.oidc import CALLBACK, LoginFailed, OidcLogin
from reconciler.web.pages import Refused, address_with, check_rate, message_page, show
from reconciler.web.site_parts import Site, asking


def add_login_views(app: Flask, site: Site) -> None:
    login = site.login
    if login is None:
        return
    app.add_url_rule("/login", "login", lambda: _page(site, login), methods=["GET"])
    app.add_url_rule("/login/start", "login-start", lambda: _start(site, login), methods=["GET"])
    app.add_url_rule(CALLBACK, "login-callback", lambda: _finish(site, login), methods=["GET"])
    app.add_url_rule("/logout", "logout", lambda: _leave(site), methods=["POST"])


def own_path(text: str) -> str:
    """`text` where it is a path of ours; the list otherwise. No address of elsewhere passes (open redirect)."""
    fits = text.startswith("/") and not text.startswith(("//", "/login", "/logout", "/callback"))
    return text if fits and text.isascii() and text.isprintable() and "\\" not in text else "/"


def _page(site: Site, login: OidcLogin) -> Response:
    then = own_path(request.args.get("then", "/"))
    if asking().visitor is not None:
        return redirect(then, code=303)
    return show(
        site, "login.html", issuer=login.shown_issuer, start=address_with("/login/start", {"then": then})
    )


def _start(site: Site, login: OidcLogin) -> Response:
    check_rate(site, "login")
    begun = login.begin(then=own_path(request.args.get("then", "/")), sid=asking().browser.sid)
    response = redirect(begun.url, code=302)
    site.sessions.set_cookie(response, _cookie(site), begun.kept, path=CALLBACK)  # type: ignore[arg-type]  # werkzeug's response, as Flask makes it
    return response


def _finish(site: Site, login: OidcLogin) -> Response:
    if request.method != "GET":
        raise Refused("This address is not asked like that.", status=405)
    check_rate(site, "login")
    query = request.query_string.decode("ascii", "replace")
    try:
        who, then = login.finish(
            f"{site.settings.public}{CALLBACK}?{query}",
            kept=request.cookies.get(_cookie(site)),
            sid=asking().browser.sid,
        )
    except (LoginFailed, IdTokenRefused) as failed:
        said = Refused(
            "You are not signed in.",
            sentence_of(failed.message),
            hint=sentence_of(failed.hint or ""),
            status=403,
        )
        response = message_page(site, said, link=("/login", "Sign in again"))
    else:
        site.sessions.end(asking().browser)
        asking().browser = site.sessions.new(now=site.now(), login=who)
        asking().visitor = admit(who, site.settings.rules)
        site.run.events.info("signed-in", admitted=asking().visitor is not None)
        response = redirect(own_path(then), code=303)  # type: ignore[assignment]  # either is an answer
    site.sessions.drop_cookie(response, _cookie(site), path=CALLBACK)
    return response


def _leave(site: Site) -> Response:
    site.sessions.end(asking().browser)
    asking().browser = site.sessions.new(now=site.now())
    return redirect("/login", code=303)


def _cookie(site: Site) -> str:
    return "__Secure-login" if site.settings.secure else "login"
