"""Judges a refusal: what an answer without a token means, and for whom (DESIGN §6, Classification).

Order, first that speaks wins:
1. 429 and 5xx (and 408) are transient whatever the body says, unless a row of the base's table names that very status;
2. the rows of the base's error table that look into the answer;
3. the OAuth `error` code wherever it stands, 200 and 403 included (RFC 6749 §5.2);
4. rows of the table that name a status alone, for servers that say no more than that;
5. nothing known: `unknown`. The status alone never condemns anything by itself.
Stateless: what repeats is seen elsewhere. Codes are shown only where they look like codes; texts of the provider never.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, assert_never

from reconciler.decide.answer_document import first_text, text_at, value_at
from reconciler.errors import clean
from reconciler.model.behaviour import Behaviour, ErrorRule
from reconciler.model.state import ErrorClass, Reason

_CODE_SHAPE = re.compile(r"[A-Za-z][A-Za-z_. -]{0,59}[0-9]{0,10}|[0-9]{1,10}")
_WORD = re.compile(r"[(\"']?(?:[A-Za-z][A-Za-z'_-]{0,29}|[A-Z]{0,10}[0-9]{1,10})[.,:;!?)\"']{0,2}")
_SPAN = re.compile(r"([0-9]{1,10})-([0-9]{1,10})")
_UNSHOWN = "a code that is not shown"
_MAX_CODES = 16

_STANDARD: Mapping[str, ErrorClass] = {
    # RFC 6749 §5.2
    "invalid_grant": ErrorClass.NEEDS_CONSENT,
    "invalid_client": ErrorClass.CLIENT,
    "unauthorized_client": ErrorClass.CLIENT,
    "invalid_scope": ErrorClass.SCOPE,
    "invalid_request": ErrorClass.CONFIG,
    "unsupported_grant_type": ErrorClass.CONFIG,
    "redirect_uri_mismatch": ErrorClass.CONFIG,
    # RFC 6749 §4.1.2.1, RFC 8628 §3.5: seen at token endpoints too
    "temporarily_unavailable": ErrorClass.TRANSIENT,
    "server_error": ErrorClass.TRANSIENT,
    "slow_down": ErrorClass.TRANSIENT,
    "authorization_pending": ErrorClass.TRANSIENT,
    # OpenID Connect Core §3.1.2.6, RFC 9470 §3
    "interaction_required": ErrorClass.NEEDS_CONSENT,
    "login_required": ErrorClass.NEEDS_CONSENT,
    "consent_required": ErrorClass.NEEDS_CONSENT,
    "account_selection_required": ErrorClass.NEEDS_CONSENT,
    "insufficient_user_authentication": ErrorClass.NEEDS_CONSENT,
    # RFC 8707 §2
    "invalid_target": ErrorClass.CONFIG,
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """`definite`: the server said no, so the presented token was not spent by this request."""

    judge: ErrorClass
    reason: Reason
    code: str
    """The provider's codes, safe to show; '' where it gave none."""
    definite: bool
    note: str = ""
    """What the base's table says of it, for people."""


def classify_refusal(status: int, document: Mapping[str, Any] | None, *, behaviour: Behaviour) -> Judgement:
    """Judge an answer that brought no access token. `document` None: the body was no object."""
    body = document if document is not None else {}
    error = first_text(body, behaviour.response.error)
    codes = _provider_codes(body, behaviour)
    shown = _shown(error, codes)
    row = _matching_row(status, body, codes, behaviour=behaviour, error=error)
    if is_transient_status(status):
        if row is None or row.status != status:
            reason = Reason.RATE_LIMITED if status == 429 else Reason.PROVIDER_UNREACHABLE
            return Judgement(ErrorClass.TRANSIENT, reason, shown, definite=status == 429)
        told = row.judge not in (ErrorClass.TRANSIENT, ErrorClass.UNKNOWN)
        return Judgement(
            row.judge, row.reason or default_reason(row.judge), shown, definite=told or status == 429
        )
    if not 200 <= status < 300 and not 400 <= status < 500 and (row is None or row.status != status):
        # A redirect is nobody's refusal, whatever its body says: something between may have spoken.
        return Judgement(ErrorClass.UNKNOWN, Reason.REFRESH_UNCLEAR, shown, definite=False)
    known = error.casefold() in _STANDARD
    if row is not None and not (known and _is_status_alone(row)):
        return Judgement(
            row.judge, row.reason or default_reason(row.judge), shown, definite=True, note=row.note or ""
        )
    judge = _STANDARD.get(error.casefold(), ErrorClass.UNKNOWN)
    if error == "":
        # A page without an error object is nobody's refusal either.
        return Judgement(ErrorClass.UNKNOWN, Reason.REFRESH_UNCLEAR, shown, definite=False)
    return Judgement(judge, default_reason(judge), shown, definite=True)


def _is_status_alone(row: ErrorRule) -> bool:
    return row.error is None and row.code is None and row.match is None


def is_transient_status(status: int) -> bool:
    """408, 429 and 5xx (RFC 9110 §15.5.9, RFC 6585 §4, RFC 9110 §15.6)."""
    return status in (408, 429) or 500 <= status <= 599


def default_reason(judge: ErrorClass) -> Reason:
    """The reason of a class where nobody knows better."""
    match judge:
        case ErrorClass.TRANSIENT:
            return Reason.PROVIDER_UNREACHABLE
        case ErrorClass.NEEDS_CONSENT:
            return Reason.GRANT_REVOKED
        case ErrorClass.NEEDS_ADMIN:
            return Reason.ADMIN_ACTION_REQUIRED
        case ErrorClass.CLIENT:
            return Reason.CLIENT_REFUSED
        case ErrorClass.SCOPE:
            return Reason.SCOPE_REFUSED
        case ErrorClass.CONFIG:
            return Reason.INVALID_REQUEST
        case ErrorClass.UNKNOWN:
            return Reason.REFRESH_UNCLEAR
        case _:
            assert_never(judge)


def shown_code(code: str) -> str:
    """`code` where it has the shape of one, else a phrase: a hostile server may put a secret there."""
    if code == "":
        return ""
    return code if _CODE_SHAPE.fullmatch(code) else _UNSHOWN


def plain_words(text: str, *, cap: int) -> str:
    """What a provider wrote for people, without what may be a secret: every word that is none becomes `…`."""
    words = clean(text, cap=cap).split()
    return " ".join(word if _WORD.fullmatch(word) else "…" for word in words)


def read_retry_after(header: str | None, *, now: datetime, cap: timedelta) -> timedelta | None:
    """Seconds or an HTTP date (RFC 9110 §10.2.3) from `now`, between zero and `cap`; None for anything else."""
    if header is None:
        return None
    text = header.strip()
    if re.fullmatch(r"[0-9]+", text):
        return cap if len(text) > 9 else min(timedelta(seconds=int(text)), cap)
    try:
        at = parsedate_to_datetime(text)
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        return min(max(at - now, timedelta(0)), cap)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _matching_row(
    status: int, body: Mapping[str, Any], codes: tuple[str, ...], *, behaviour: Behaviour, error: str
) -> ErrorRule | None:
    paths = behaviour.response.error_description
    description = "\n".join(text_at(body, path) for path in paths).casefold()
    known = {code.casefold() for code in (*codes, "/".join(codes))}

    def holds(row: ErrorRule) -> bool:
        conditions = (row.error, row.status, row.code, row.match)
        return any(condition is not None for condition in conditions) and (
            (row.error is None or row.error.casefold() == error.casefold())
            and (row.status is None or row.status == status)
            and (row.code is None or row.code.casefold() in known or _in_span(row.code, codes))
            and (row.match is None or row.match.casefold() in description)
        )

    rows = [row for row in behaviour.errors.table if holds(row)]
    if is_transient_status(status):
        rows = [row for row in rows if row.status == status]
    return rows[0] if rows else None


def _in_span(span: str, codes: tuple[str, ...]) -> bool:
    """True where the rule names a span of numbers (200-299) and one of the codes lies in it."""
    match = _SPAN.fullmatch(span)
    numbers = [int(code) for code in codes if code.isdecimal() and len(code) <= 10] if match else []
    return match is not None and any(int(match[1]) <= number <= int(match[2]) for number in numbers)


def _provider_codes(body: Mapping[str, Any], behaviour: Behaviour) -> tuple[str, ...]:
    return tuple(
        code for path in behaviour.errors.code_fields for code in _codes_in(value_at(body, path), behaviour)
    )


def _codes_in(value: Any, behaviour: Behaviour) -> Iterator[str]:
    for item in value[:_MAX_CODES] if isinstance(value, list) else [value]:
        if isinstance(item, bool) or not isinstance(item, (int, str)):
            continue
        text = str(item)
        yield f"{behaviour.errors.code_prefix}{text}" if text.isdecimal() else text


def _shown(error: str, codes: tuple[str, ...]) -> str:
    texts = dict.fromkeys(shown_code(code) for code in (error, *codes[:3]) if code)
    return " ".join(texts)
