"""Rendering: every page has the same frame, and what it shows has passed through Jinja's escaping.

Rules: a page is made of views and words, never of records; foreign text was cleaned when it was read; times are told
relative and exact; nobody whom no login let in sees more than the frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Response, make_response, render_template, request

from reconciler.errors import clean
from reconciler.model.duration import format_instant
from reconciler.web.access import Visitor
from reconciler.web.site import LoginMode
from reconciler.web.site_parts import Site, asking
from reconciler.web.words import ago, clock


class NotIn(Exception):
    """Nobody is signed in, and this page is for somebody who is."""


class Refused(Exception):
    """A page of words instead of what was asked for. `hint` is what to do, a sentence or a command."""

    def __init__(
        self, title: str, text: str = "", *, hint: str = "", status: int = 400, retry_after: int = 0
    ) -> None:
        super().__init__(title)
        self.title, self.text, self.hint = title, text, hint
        self.status, self.retry_after = status, retry_after


def the_visitor(site: Site) -> Visitor:
    """Who is in. NotIn where nobody is; Refused where a proxy or a login lets somebody in whom no rule names."""
    who = asking()
    if who.visitor is not None:
        return who.visitor
    match site.settings.login:
        case LoginMode.PROXY:
            raise Refused(
                "You are not let in.",
                "The proxy before this page did not say who you are, or no rule names you.",
                status=403,
            )
        case LoginMode.OIDC if who.browser.login is not None:
            raise Refused(
                "You are signed in, but not let in.",
                f"No rule of this page names {clean(who.browser.login.name)}. Ask its operator, or sign in as somebody else.",
                status=403,
            )
        case _:
            raise NotIn


def check_rate(site: Site, act: str) -> None:
    """Refused with 429 where this address does it too often."""
    wait = site.rate.wait_for(act, who=request.remote_addr or "", now=site.run.clock.monotonic())
    if wait:
        raise Refused(
            "That was too often.", f"Wait {wait} seconds, then try again.", status=429, retry_after=wait
        )


def show(site: Site, template: str, *, status: int = 200, **values: Any) -> Response:
    """One page. `values` are the template's."""
    who, now = asking(), site.now()
    page = render_template(
        template,
        form_token=site.sessions.form_token(who.browser),
        visitor=who.visitor,
        signed_in=site.settings.login is LoginMode.OIDC and who.browser.login is not None,
        signed_in_as=clean(who.browser.login.name) if who.browser.login else "",
        now=now,
        clock=lambda moment: clock(moment, now),
        ago=lambda moment: ago(moment, now),
        exact=format_instant,
        **values,
    )
    return make_response(page, status)


def message_page(site: Site, said: Refused, *, link: tuple[str, str] | None = None) -> Response:
    """Words and a next step. `link`: (address, words) of that step; the list for whoever may see it."""
    step = link or (("/", "Back to the accounts") if asking().visitor is not None else None)
    response = show(site, "message.html", status=said.status, said=said, step=step)
    if said.retry_after:
        response.headers["Retry-After"] = str(said.retry_after)
    return response


def address_with(path: str, parameters: Mapping[str, str]) -> str:
    """`path` with a query, or alone."""
    return f"{path}?{urlencode(parameters)}" if parameters else path
