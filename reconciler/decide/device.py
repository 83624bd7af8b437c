"""The device flow (RFC 8628): what its first answer asks of a person, and what each answer to a poll means.

Rules:
- what a person is shown is checked first: a page that is a URL by our rules, a code of few plain characters; a device
  code is a secret and never shown;
- polling keeps the interval that the server asks for, five seconds where it asks for none (§3.2), five more after each
  `slow_down`, and twice as many after an answer that never came (§3.5); it ends when the codes do;
- `authorization_pending` and `slow_down` are read from the OAuth error itself, whatever status or code of its own a
  provider puts beside it; every other refusal is judged as at any token request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.decide.answer_document import first_text, read_answer, seconds_at, text_at
from reconciler.decide.token_response import TokenError, judge_answer
from reconciler.model.answer import NoAnswer, Outcome
from reconciler.model.behaviour import Behaviour
from reconciler.model.endpoint import parse_url
from reconciler.model.grant import TokenSet
from reconciler.model.limits import RefreshLimits
from reconciler.model.secret import Document, Secret

SLOWER = timedelta(seconds=5)
_DEFAULT_INTERVAL = timedelta(seconds=5)
_LONGEST_INTERVAL = timedelta(minutes=5)
_LONGEST_LIFE = timedelta(hours=1)
_LONGEST_URL = 512
_USER_CODE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 -]{0,30}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """`page` is what a person opens, on any device, to type `user_code`; `page_with_code` needs no typing, '' where the
    server gives none."""

    device_code: Secret
    user_code: str
    page: str
    page_with_code: str
    lives: timedelta
    """From the answer on."""
    interval: timedelta


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nobody has decided yet. `interval`: to be kept from now on."""

    interval: timedelta


@dataclass(frozen=True, slots=True)
class DeviceEnded:
    """The flow ended without a grant: `denied` by the person, or else its codes ran out."""

    denied: bool


def read_device_answer(
    outcome: Outcome, *, behaviour: Behaviour, now: datetime, limits: RefreshLimits, loopback: bool = False
) -> DeviceRequest | TokenError | str:
    """What the device authorization endpoint answered. A text: it succeeded, and cannot be used, and why. `loopback`
    admits http to this machine for the page."""
    document = None if isinstance(outcome, NoAnswer) else _document(outcome)
    if isinstance(outcome, NoAnswer) or document is None or not text_at(document, "device_code"):
        judged = judge_answer(outcome, behaviour=behaviour, now=now, limits=limits)
        return judged if isinstance(judged, TokenError) else "it gives no device code"
    user_code = text_at(document, "user_code")
    # Google says `verification_url`, as a draft of the RFC did.
    page = _page(
        text_at(document, "verification_uri") or text_at(document, "verification_url"), loopback=loopback
    )
    if _USER_CODE.fullmatch(user_code) is None:
        return "its user code is none that a person could type"
    if not page:
        return "its verification page is no usable URL"
    lives, pause = seconds_at(document, "expires_in"), seconds_at(document, "interval")
    if lives is None or lives <= 0:
        return "it does not say how long its codes live"
    return DeviceRequest(
        device_code=Secret(text_at(document, "device_code")),
        user_code=user_code,
        page=page,
        page_with_code=_page(text_at(document, "verification_uri_complete"), loopback=loopback),
        lives=min(timedelta(seconds=min(lives, 10**9)), _LONGEST_LIFE),
        interval=_DEFAULT_INTERVAL
        if pause is None or pause <= 0
        else min(timedelta(seconds=min(pause, 10**9)), _LONGEST_INTERVAL),
    )


def judge_poll(
    outcome: Outcome, *, interval: timedelta, behaviour: Behaviour, now: datetime, limits: RefreshLimits
) -> TokenSet | TokenError | Waiting | DeviceEnded:
    """What one answer of the token endpoint means. `interval`: the one that was kept until now."""
    if isinstance(outcome, NoAnswer):
        return Waiting(min(interval * 2, _LONGEST_INTERVAL))
    document = _document(outcome)
    error = "" if document is None else first_text(document, behaviour.response.error).casefold()
    match error:
        case "authorization_pending":
            return Waiting(interval)
        case "slow_down":
            return Waiting(min(interval + SLOWER, _LONGEST_INTERVAL))
        case "access_denied" | "authorization_declined":
            return DeviceEnded(denied=True)
        case "expired_token" | "code_expired":
            return DeviceEnded(denied=False)
        case _:
            pass
    judged = judge_answer(outcome, behaviour=behaviour, now=now, limits=limits)
    if isinstance(judged, TokenError) and judged.refresh_token is None and _passes(outcome.status):
        later = judged.retry_after or interval * 2
        return Waiting(min(max(later, interval), _LONGEST_INTERVAL))
    return judged


def _passes(status: int) -> bool:
    """An answer that says nothing of the codes: the server is busy, or something before it spoke."""
    return status in (408, 429) or status >= 500


def _document(outcome: Outcome) -> Document | None:
    if isinstance(outcome, NoAnswer):
        return None
    return read_answer(outcome.body.reveal(), outcome.headers.get("content-type", ""))


def _page(text: str, *, loopback: bool) -> str:
    """The URL where it is one that may be shown and opened; '' otherwise."""
    if not text or len(text) > _LONGEST_URL:
        return ""
    try:
        return parse_url(text, allow_loopback_http=loopback).text
    except ValueError:
        return ""
