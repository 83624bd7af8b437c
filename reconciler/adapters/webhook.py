"""Tells notices to a webhook, one signed request each (Standard Webhooks), and to a Slack-compatible one, one for all.

Rules: through the HTTP client of all other traffic (one attempt, a deadline, capped, no redirect, no address inside unless
trust admits it); the URL is a credential: it is sent to and never shown; what the other side answers is counted as its status
and nothing else; after three refusals in a row the rest waits for the next run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.adapters.http import HttpClient
from reconciler.decide.notice_words import fill, sign, webhook_body
from reconciler.decide.notices import Notice
from reconciler.decide.notify_results import Told
from reconciler.model.answer import HttpAnswer, Outcome
from reconciler.model.endpoint import Url
from reconciler.model.secret import Secret

_CAP = 64 * 1024
_PATIENCE = 3
_CHAT_LINES = 20
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Webhook:
    client: HttpClient
    url: Url = field(repr=False)
    keys: tuple[Secret, ...]
    now: Callable[[], datetime]
    page: str = ""
    name: str = "webhook"

    @property
    def where(self) -> str:
        return str(self.url.origin)

    def tell(self, notices: Sequence[Notice]) -> Told:
        taken: set[str] = set()
        refused, why = 0, ""
        for notice in notices:
            now = self.now()
            body = webhook_body(notice, page=self.page, now=now)
            headers = sign(body, message_id=notice.id, now=now, keys=self.keys)
            said = _refusal(_post(self.client, self.url, body, headers=headers))
            if not said:
                taken.add(notice.id)
                refused = 0
                continue
            refused, why = refused + 1, said
            if refused == _PATIENCE:
                break
        return Told(frozenset(taken), why)


@dataclass(frozen=True, slots=True)
class Chat:
    """`template` as `decide/notice_words`."""

    client: HttpClient
    url: Url = field(repr=False)
    template: str
    page: str = ""
    name: str = "slack"

    @property
    def where(self) -> str:
        return str(self.url.origin)

    def tell(self, notices: Sequence[Notice]) -> Told:
        text = _escaped(fill(self.template, notices, most=_CHAT_LINES, page=self.page).strip())
        document = {"text": text, "mrkdwn": False, "unfurl_links": False, "unfurl_media": False}
        said = _refusal(_post(self.client, self.url, json.dumps(document).encode(), headers={}))
        return Told(frozenset() if said else frozenset(notice.id for notice in notices), said)


def _post(client: HttpClient, url: Url, body: bytes, *, headers: dict[str, str]) -> Outcome:
    every = {"content-type": _JSON, "accept": _JSON, **headers}
    return client.request("POST", url, cap=_CAP, headers=every, body=body)


def _refusal(outcome: Outcome) -> str:
    """'' where it was taken."""
    if not isinstance(outcome, HttpAnswer):
        return outcome.why
    return "" if 200 <= outcome.status < 300 else f"HTTP {outcome.status}"


def _escaped(text: str) -> str:
    """Slack's three control characters; all else is plain, since `mrkdwn` is off."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
