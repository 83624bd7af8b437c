"""Pushed authorization requests (RFC 9126): what is posted, and what is made of the answer.

Rules:
- the pushed form is exactly the query that the person's browser would have carried; the link then holds the client id
  and the `request_uri` alone (§4), so that nothing of the request can be read or changed on its way;
- the client authenticates as at the token endpoint (§2); a refusal is told by status and code, never in the server's words;
- any outcome gives a Pushed or a PushRefused, never an exception.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, quote, urlencode

from reconciler.decide.answer_document import read_json_object, seconds_at, text_at
from reconciler.decide.authorization import AuthorizationRequest
from reconciler.decide.classify import is_transient_status, shown_code
from reconciler.model.answer import NoAnswer, Outcome
from reconciler.model.endpoint import Url

_LONGEST_URI = 2048


@dataclass(frozen=True, slots=True)
class Pushed:
    """`request_uri` stands for the request, once and for `seconds` (None: the server does not say how long)."""

    request_uri: str
    seconds: int | None


@dataclass(frozen=True, slots=True)
class PushRefused:
    """`message` is ours, one line: `HTTP 400 invalid_request`."""

    message: str
    transient: bool


def pushed_form(request: AuthorizationRequest, *, endpoint: Url) -> dict[str, str]:
    """The form that is posted instead of being sent through the browser."""
    query = request.url[len(endpoint.text) + 1 :]
    return dict(parse_qsl(query, keep_blank_values=True))


def judge_pushed(outcome: Outcome) -> Pushed | PushRefused:
    """Judge what the pushed authorization request endpoint answered (§2.2, §2.3)."""
    if isinstance(outcome, NoAnswer):
        return PushRefused(outcome.why, transient=True)
    document = read_json_object(outcome.body.reveal())
    if document is not None and 200 <= outcome.status < 300:
        uri = text_at(document, "request_uri")
        if uri and uri.isascii() and uri.isprintable() and len(uri) <= _LONGEST_URI:
            seconds = seconds_at(document, "expires_in")
            return Pushed(uri, None if seconds is None else int(seconds))
    code = "" if document is None else shown_code(text_at(document, "error"))
    said = code or "without a request_uri"
    return PushRefused(f"HTTP {outcome.status} {said}", transient=is_transient_status(outcome.status))


def with_request_uri(
    request: AuthorizationRequest, pushed: Pushed, *, endpoint: Url, client_id: str
) -> AuthorizationRequest:
    """The request whose link names what was pushed."""
    query = urlencode({"client_id": client_id, "request_uri": pushed.request_uri}, quote_via=quote)
    joint = "&" if "?" in endpoint.text else "?"
    return replace(request, url=f"{endpoint.text}{joint}{query}")
