"""The page without a socket: the same application over a town's store, asked by a browser that keeps cookies.

`Visit` is one browser. It reads a page's form as it is served, so that what it sends is what a person could.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import Cookie, TestResponse

from reconciler.cli.console import Console, LogLines
from reconciler.cli.serving import backstage
from reconciler.cli.session import Session
from reconciler.cli.settings import read_settings
from reconciler.sandbox import person
from reconciler.web.backstage import Backstage
from reconciler.web.lookout import Lookout
from reconciler.web.site import SiteSettings, parse_public
from reconciler.web.start import make_site_app
from tests.cli.keyboard import Keyboard

PUBLIC = "http://127.0.0.1:8080"
LOCAL = SiteSettings(listen=("127.0.0.1", 8080), public=parse_public(PUBLIC))


@dataclass
class SiteWorld:
    app: Flask
    lookout: Lookout
    back: Backstage
    settings: SiteSettings
    log: io.StringIO

    def visit(self) -> Visit:
        return Visit(self, self.app.test_client())


@contextmanager
def opened(
    desk: Keyboard, *, settings: SiteSettings = LOCAL, login: Any = None, **clock: Any
) -> Iterator[SiteWorld]:
    """`clock`: parts of the run to replace (`clock=…`)."""
    log = io.StringIO()
    console = Console(False, False, True, "text", 100)
    session = Session(read_settings(desk.variables(), home=desk.folder), console, LogLines(console, log))
    with backstage(session, str(desk.folder / "manifests"), jobs=2) as back:
        back = replace(back, run=replace(back.run, **clock)) if clock else back
        lookout, app = make_site_app(back, settings, every=timedelta(minutes=5), login=login)
        yield SiteWorld(app, lookout, back, settings, log)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.actions: list[str] = []
        self.fields: list[dict[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        got = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.actions.append(got.get("action", "") if got.get("method") == "post" else "GET")
            self.fields.append({})
        elif tag == "input" and self.fields and got.get("name"):
            self.fields[-1][got["name"]] = got.get("value", "")


@dataclass
class Visit:
    """One browser. `headers` go with every request."""

    world: SiteWorld
    client: FlaskClient
    headers: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def get(self, path: str, **headers: str) -> TestResponse:
        return self._keep(self.client.get(path, **self._how(headers)))

    def post(self, path: str, data: dict[str, str] | None = None, **headers: str) -> TestResponse:
        return self._keep(self.client.post(path, data=data or {}, **self._how(headers)))

    def press(self, path: str, **headers: str) -> TestResponse:
        """Opens the page at `path` and sends its last form of ours."""
        page = self.get(path)
        assert page.status_code == 200, (page.status, page.text)
        forms = _Forms()
        forms.feed(page.text)
        action, fields = [pair for pair in zip(forms.actions, forms.fields, strict=True) if pair[0] != "GET"][
            -1
        ]
        return self.post(action or path, fields, **headers)

    def begin(self, account: str) -> str:
        """Connect up to the provider's door: its URL."""
        return provider_link(self.press(f"/accounts/{account}/connect"))

    def come_back(self, url: str) -> TestResponse:
        """The browser follows the provider's redirect, and then ours to the page that tells how it ended."""
        answer = self.get(local(url))
        return self.get(answer.headers["Location"]) if answer.status_code == 303 else answer

    def connect(self, account: str, *, subject: str) -> TestResponse:
        return self.come_back(person.press_allow(self.begin(account), subject=subject))

    def cookies(self) -> list[Cookie]:
        """What this browser keeps, for somebody who copies it."""
        return list((self.client._cookies or {}).values())

    def _how(self, headers: dict[str, str]) -> dict[str, Any]:
        named = {name.replace("_", "-"): value for name, value in {**self.headers, **headers}.items()}
        return {"headers": named, "base_url": str(self.world.settings.public)}

    def _keep(self, response: TestResponse) -> TestResponse:
        self.said += [response.text, str(response.headers)]
        return response


def provider_link(response: TestResponse) -> str:
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', response.text)
    assert found is not None, (response.status, response.text)
    return found[1].replace("&amp;", "&")


def local(url: str) -> str:
    """Path and query of a URL of the page."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def asked(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def heading(response: TestResponse) -> str:
    found = re.search(r"<h1>(.*?)</h1>", response.text, re.DOTALL)
    return "" if found is None else found[1].strip()
