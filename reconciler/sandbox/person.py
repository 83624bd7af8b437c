"""A scripted person: opens the consent page over plain HTTP and presses a button, as somebody with a browser would.

It reads the page's form as it is served, fills it and submits it, so that what it does is what a person can do. It uses
httpx and nothing else of the sandbox, and follows no redirect but where it is told to visit the callback.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx

TIMEOUT_SECONDS = 30.0


class PageRefused(Exception):
    """The page showed no consent form, or the form was not taken. `status` is the HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__(
            f"the authorization server answered {status} where a consent page or a redirect was due"
        )
        self.status = status


def press_allow(
    authorization_url: str, *, subject: str, scopes: Iterable[str] | None = None, visit_callback: bool = False
) -> str:
    """Log in as `subject`, leave `scopes` ticked (all, if None), press Allow; the URL that the browser is sent back to.

    With `visit_callback` that URL is also fetched, as a browser would, so that a waiting listener gets its answer.
    """
    ticked = None if scopes is None else frozenset(scopes)
    return _decide(
        authorization_url, decision="allow", subject=subject, scopes=ticked, visit_callback=visit_callback
    )


def press_deny(authorization_url: str, *, subject: str = "", visit_callback: bool = False) -> str:
    """Press Deny; the URL that the browser is sent back to."""
    return _decide(
        authorization_url, decision="deny", subject=subject, scopes=None, visit_callback=visit_callback
    )


def allow_device(
    verification_uri_complete: str, *, subject: str, scopes: Iterable[str] | None = None
) -> None:
    """Allow a waiting device; `verification_uri_complete` holds its user code (RFC 8628 §3.2)."""
    ticked = None if scopes is None else frozenset(scopes)
    with _browser() as browser:
        _submit(browser, verification_uri_complete, decision="allow", subject=subject, scopes=ticked)


def deny_device(verification_uri_complete: str) -> None:
    """Refuse a waiting device."""
    with _browser() as browser:
        _submit(browser, verification_uri_complete, decision="deny", subject="", scopes=None)


def _decide(
    url: str, *, decision: str, subject: str, scopes: frozenset[str] | None, visit_callback: bool
) -> str:
    with _browser() as browser:
        answer = _submit(browser, url, decision=decision, subject=subject, scopes=scopes)
        if answer.is_success:
            raise PageRefused(answer.status_code)
        back = urljoin(url, answer.headers["Location"])
        if visit_callback:
            browser.get(back)
        return back


def _submit(
    browser: httpx.Client, url: str, *, decision: str, subject: str, scopes: frozenset[str] | None
) -> httpx.Response:
    page = browser.get(url)
    if page.has_redirect_location:  # refused at once: the error is in the redirect
        return page
    if not page.is_success:
        raise PageRefused(page.status_code)
    form = _Form.read(page.text)
    fields: dict[str, str | list[str]] = {
        **form.hidden,
        "other_subject": subject,
        "granted_scope": [one for one in form.checkboxes if scopes is None or one in scopes],
        "decision": decision,
    }
    answer = browser.post(urljoin(url, form.action or url), data=fields)
    if not (answer.is_success or answer.has_redirect_location):
        raise PageRefused(answer.status_code)
    return answer


def _browser() -> httpx.Client:
    return httpx.Client(
        timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False, headers={"Accept": "text/html"}
    )


@dataclass(slots=True)
class _Form:
    """The page's form: where it leads, its hidden fields and its checkboxes."""

    action: str = ""
    hidden: dict[str, str] = field(default_factory=dict)
    checkboxes: list[str] = field(default_factory=list)

    @staticmethod
    def read(text: str) -> _Form:
        reader = _FormReader()
        reader.feed(text)
        reader.close()
        return reader.form


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.form = _Form()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.form.action = found.get("action", "")
        elif tag == "input" and found.get("type") == "hidden":
            self.form.hidden[found.get("name", "")] = found.get("value", "")
        elif tag == "input" and found.get("type") == "checkbox":
            self.form.checkboxes.append(found.get("value", ""))
