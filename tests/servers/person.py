"""A person at a browser, scripted: follows redirects, fills in forms, presses a button.

Knows nothing of the server behind the pages: any form with a text field and buttons will do (the tests' own
authorization server, `reconciler sandbox`). Has a cookie jar of its own, like a private window.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx

DENY = frozenset({"deny", "no", "abort", "cancel", "false"})


class Lost(AssertionError):
    """The person met a page that is not what a person expects; the message carries its start."""


@dataclass
class Form:
    """One form of a page: where it goes, its fields, and its submit buttons in order."""

    action: str
    identity: str
    hidden: list[tuple[str, str]] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    boxes: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._inside: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        got = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = Form(action=got.get("action", ""), identity=got.get("id", ""))
            self.forms.append(self._inside)
        elif tag in ("input", "button"):
            form = next((f for f in self.forms if f.identity and f.identity == got.get("form")), self._inside)
            if form is not None:
                self._field(form, tag=tag, got=got)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = None

    @staticmethod
    def _field(form: Form, *, tag: str, got: dict[str, str]) -> None:
        kind = got.get("type", "submit" if tag == "button" else "text")
        pair = (got.get("name", ""), got.get("value", ""))
        match kind:
            case "hidden":
                form.hidden.append(pair)
            case "checkbox":
                form.boxes.append(pair)
            case "submit":
                form.buttons.append(pair)
            case _:
                form.texts.append(pair)


@dataclass
class Person:
    """`name` is who signs in; `allows` is what is pressed; `only` keeps just these scopes ticked."""

    name: str
    allows: bool = True
    only: Sequence[str] | None = None
    code: str = ""
    _http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30, trust_env=False))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def open(self, url: str, *, callback: str) -> str:
        """Opens an authorization URL; the URL at `callback` (with code or error) to which the browser is sent."""
        landed = self._walk(url, until=callback)
        if not isinstance(landed, str):
            raise Lost(f"no redirect to the callback: {landed.status_code} {landed.text[:500]}")
        return landed

    def deliver(self, url: str, *, callback: str) -> httpx.Response:
        """As `open`, and then asks the listener at the callback, like a browser; its answer."""
        return self._http.get(self.open(url, callback=callback))

    def enter_code(self, url: str, *, code: str = "") -> str:
        """The device flow (RFC 8628): opens the verification URL, enters `code`; the last page's text."""
        self.code = code
        landed = self._walk(url, until=None)
        assert not isinstance(landed, str)
        return landed.text

    def _walk(self, url: str, *, until: str | None) -> str | httpx.Response:
        answer = self._http.get(url)
        for _ in range(20):
            here = str(answer.url)
            if answer.is_redirect:
                there = urljoin(here, answer.headers["location"])
                if until is not None and _same_place(there, until):
                    return there
                answer = self._http.get(there)
                continue
            forms = _read(answer.text) if answer.status_code == 200 else []
            if not forms:
                return answer
            form = forms[0]
            answer = self._http.post(
                urljoin(here, form.action or here),
                content=str(httpx.QueryParams(self._filled(form))),
                headers={"content-type": "application/x-www-form-urlencoded"},
            )
        raise Lost(f"going round in circles at {answer.url}")

    def _filled(self, form: Form) -> list[tuple[str, str | int | float | bool | None]]:
        typed = [(name, value or (self.code if "code" in name else self.name)) for name, value in form.texts]
        ticked = [(name, value) for name, value in form.boxes if self.only is None or value in self.only]
        return [*form.hidden, *typed, *ticked, *self._pressed(form)]

    def _pressed(self, form: Form) -> list[tuple[str, str]]:
        """The first button that says what the person means; one without a name sends nothing."""

        def denies(button: tuple[str, str]) -> bool:
            return button[0] in DENY or button[1] in DENY

        meant = [button for button in form.buttons if denies(button) is not self.allows]
        chosen = meant[:1] or form.buttons[:1]
        return [button for button in chosen if button[0]]


def _read(html: str) -> list[Form]:
    reader = _Reader()
    reader.feed(html)
    return reader.forms


def _same_place(url: str, callback: str) -> bool:
    got, wanted = urlsplit(url), urlsplit(callback)
    return (got.scheme, got.netloc, got.path) == (wanted.scheme, wanted.netloc, wanted.path)


def answered(url: str) -> dict[str, str]:
    """The parameters of a callback URL: code, state, iss, or error."""
    return dict(parse_qsl(urlsplit(url).query))
