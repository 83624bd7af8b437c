"""The frame of every page: the sandbox's banner, its style sheet, its policy for browsers, and the start page.

Every page says loudly that nobody's real account is behind it. Text that came from outside (a client's name, a
subject) is escaped by Jinja, always.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from flask import Flask, Response
from jinja2 import Environment, FunctionLoader, StrictUndefined

from reconciler.sandbox.world import World

_HERE = files("reconciler.sandbox.pages")


def _load(name: str) -> str:
    return _HERE.joinpath(name).read_text(encoding="utf-8")


_TEMPLATES = Environment(
    loader=FunctionLoader(_load),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(template: str, *, status: int = 200, form_action: str = "'self'", **context: Any) -> Response:
    """Render a template. `form_action` is the policy for where its form may lead, redirects included."""
    response = Response(
        _TEMPLATES.get_template(template).render(**context), status=status, mimetype="text/html"
    )
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'self'; form-action {form_action}; frame-ancestors 'none'; base-uri 'none'"
    )
    return response


def error_page(title: str, explanation: str, *, status: int = 400) -> Response:
    """A page that says what went wrong, for requests that must not be redirected (RFC 6749 §4.1.2.1)."""
    return page("message.html", status=status, title=title, text=explanation, tone="bad")


def done_page(title: str, explanation: str) -> Response:
    """A page that says what was done."""
    return page("message.html", title=title, text=explanation, tone="good")


def add_to(app: Flask, *, world: World, issuer: str) -> None:
    """Serve the start page and the style sheet."""

    def start() -> Response:
        with world.lock:
            clients = [(one.name, one.client_id, one.dynamic) for one in world.clients.values()]
            grants = len(world.grants_of())
        return page("start.html", issuer=issuer, clients=clients, grants=grants, people=world.config.people)

    def style() -> Response:
        response = Response(_load("style.css"), mimetype="text/css")
        response.headers["Cache-Control"] = "max-age=300"
        return response

    app.add_url_rule("/", "start", start)
    app.add_url_rule("/style.css", "style", style)
