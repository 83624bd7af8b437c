"""The page as a WSGI application: what holds for every request, and the list of its views.

Rules (OWASP ASVS 5.0 V3, V4; RFC 9700 §4):
- only the site's own Host is answered, so that no other name that leads here (DNS rebinding) reads or does anything;
- a form counts only with its session's token and from our own origin; what changes something is a POST;
- no script runs and nothing is loaded from elsewhere: the policy says so on every answer; nothing is kept by caches;
- an error is a page in words with a next step; one that nobody foresaw shows its type and no value.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from urllib.parse import quote

from flask import Flask, Response, g, redirect, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from reconciler.errors import ReconcilerError, StoreError, TrustRefused
from reconciler.model.address import is_loopback_host
from reconciler.web.access import LOCAL, Visitor, admit
from reconciler.web.consent_words import next_step, sentence_of
from reconciler.web.pages import NotIn, Refused, check_rate, message_page
from reconciler.web.proxied import proxied_login
from reconciler.web.site import LoginMode
from reconciler.web.site_parts import Asking, Site, asking
from reconciler.web.views_accounts import add_account_views
from reconciler.web.views_consent import add_consent_views
from reconciler.web.views_login import add_login_views

_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    # `no-referrer` would make browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_ASSETS = ("style.css", "icon.svg")
_TYPES = {"css": "text/css; charset=utf-8", "svg": "image/svg+xml"}


def make_app(site: Site) -> Flask:
    """The application; everything that it needs is in `site`."""
    app = Flask("reconciler.web", static_folder=None)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.config["MAX_CONTENT_LENGTH"] = 32 * 1024
    app.config["MAX_FORM_PARTS"] = 50
    _add_assets(app)
    app.add_url_rule("/healthz", "healthz", _alive, methods=["GET"])
    app.before_request(lambda: _let_in(site))
    app.after_request(lambda response: _finish(site, response))
    app.register_error_handler(NotIn, lambda _: _to_login())
    app.register_error_handler(Refused, lambda error: message_page(site, error))
    app.register_error_handler(ReconcilerError, lambda error: _show_error(site, error))
    app.register_error_handler(HTTPException, lambda error: _show_status(site, error))
    app.register_error_handler(Exception, lambda error: _show_bug(site, error))
    add_account_views(app, site)
    add_consent_views(app, site)
    add_login_views(app, site)
    return app


def _alive() -> Response:
    return Response("ok\n", content_type="text/plain; charset=utf-8")


def _add_assets(app: Flask) -> None:
    """The style sheet and the icon, read once; a changed one has another address, so that it may be kept for long."""
    folder = files("reconciler.web") / "static"
    bodies = {name: (folder / name).read_bytes() for name in _ASSETS}
    tags = {name: hashlib.sha256(body).hexdigest()[:12] for name, body in bodies.items()}
    app.jinja_env.globals["asset"] = lambda name: f"/static/{tags[name]}/{name}"

    def asset(tag: str, name: str) -> Response:
        if tags.get(name) != tag:
            raise Refused("There is nothing here.", status=404)
        response = Response(bodies[name], content_type=_TYPES[name.rpartition(".")[2]])
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        asking().keep_session = False
        return response

    app.add_url_rule("/static/<tag>/<name>", "asset", asset, methods=["GET"])


# ------------------------------------------------------------------------------------------------------ before and after


def _let_in(site: Site) -> AnyResponse | None:
    """Every request passes here first."""
    now = site.now()
    g.asking = Asking(site.sessions.new(now=now), None, keep_session=False)
    if request.endpoint == "healthz":
        return None
    elsewhere = _other_host(site)
    if elsewhere is not None:
        return elsewhere
    check_rate(site, "page")
    g.asking = Asking(site.sessions.of(request, now=now), None)
    g.asking.visitor = _visitor(site)
    if request.method == "POST":
        _check_form(site)
    return None


def _other_host(site: Site) -> AnyResponse | None:
    """None for the site's own Host; a redirect for another name of this machine; refused otherwise."""
    if request.host == site.settings.host:
        return None
    name, _, port = request.host.rpartition(":")
    same_port = port == str(site.settings.public.port)
    ours = site.settings.public.is_loopback and same_port and is_loopback_host(name.strip("[]"))
    if ours and request.method == "GET":
        return redirect(f"{site.settings.public}{quote(request.path)}", code=307)
    raise Refused("This page answers to another name.", f"Open {site.settings.public}/ instead.", status=421)


def _visitor(site: Site) -> Visitor | None:
    """Who asks, by the way that this site lets people in."""
    settings = site.settings
    if settings.login is LoginMode.NONE:
        return LOCAL
    if settings.login is LoginMode.PROXY:
        login = None if settings.proxy is None else proxied_login(request.headers, settings.proxy)
    else:
        login = asking().browser.login
    return None if login is None else admit(login, settings.rules)


def _check_form(site: Site) -> None:
    """A form of ours, sent from a page of ours, in this session (ASVS 3.5.1)."""
    origin = request.headers.get("Origin")
    site_said = request.headers.get("Sec-Fetch-Site", "same-origin")
    token = request.form.get("form_token", "")
    foreign = origin is not None and origin != str(site.settings.public)
    if foreign or site_said not in ("same-origin", "none"):
        raise Refused(
            "This form was not sent by this page.", "Go back to the page and use its button.", status=403
        )
    if not site.sessions.is_our_form(asking().browser, token):
        raise Refused(
            "This page was open for too long, or in another session.",
            "Go back, load the page again, and press the button once more. Nothing was changed.",
            status=403,
        )


def _finish(site: Site, response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if site.settings.secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    who: Asking | None = g.get("asking")
    if who is not None and who.keep_session and who.browser.fresh:
        site.sessions.write(response, who.browser)
    return response


# ---------------------------------------------------------------------------------------------------------------- errors


def _to_login() -> AnyResponse:
    then = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect(f"/login?then={quote(then, safe='')}", code=303)


def _show_error(site: Site, error: ReconcilerError) -> AnyResponse:
    site.run.events.warning("page-error", error=type(error).__name__)
    status = 503 if isinstance(error, StoreError) else (403 if isinstance(error, TrustRefused) else 409)
    title = "The store cannot be used now." if isinstance(error, StoreError) else "This cannot be done now."
    return message_page(
        site, Refused(title, sentence_of(error.message), hint=next_step(error.hint or ""), status=status)
    )


def _show_status(site: Site, error: HTTPException) -> AnyResponse:
    status = error.code or 500
    words = {
        404: ("There is nothing here.", "Look for the account in the list."),
        405: ("This address is not asked like that.", "Go back to the list and use its buttons."),
        413: ("That was too large.", "Go back and try again."),
    }
    title, text = words.get(status, ("The request could not be understood.", "Go back and try again."))
    response = message_page(site, Refused(title, text, status=status))
    if status == 405 and isinstance(getattr(error, "valid_methods", None), list | set):
        response.headers["Allow"] = ", ".join(sorted(set(error.valid_methods) - {"HEAD", "OPTIONS"}))  # type: ignore[attr-defined]  # werkzeug's MethodNotAllowed has it
    return response


def _show_bug(site: Site, error: Exception) -> AnyResponse:
    """Its text could hold a secret, so that only its type is told."""
    site.run.events.warning("page-bug", error=type(error).__name__)
    return message_page(
        site,
        Refused(
            "Something went wrong here.", f"It is a bug of this page ({type(error).__name__}).", status=500
        ),
    )
