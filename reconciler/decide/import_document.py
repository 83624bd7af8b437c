"""Reads what is given to `import` on stdin: a refresh token and what its owner knows of it, as one JSON object.

Rules:
- any bytes give an ImportedToken or a UsageError that names a key and never a value;
- keys are those of a token answer (RFC 6749 §5.1), so that one can be piped in as it is, and a few more that only the
  owner knows; others are ignored;
- an access token is looked at and not kept: proving the refresh token brings a newer one. Without a refresh token it is
  refused, since it would die with nobody able to renew it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.decide.answer_document import (
    is_sendable_token,
    is_storable,
    read_json_object,
    seconds_at,
    value_at,
)
from reconciler.decide.token_response import kept_values
from reconciler.errors import UsageError
from reconciler.model.duration import MAX_DURATION, format_rough, parse_instant
from reconciler.model.limits import ANSWER_LIMITS
from reconciler.model.literal import looks_secret
from reconciler.model.secret import Secret

LONGEST = ANSWER_LIMITS.token_answer_bytes
_HINT = 'write at least {"refresh_token": "…"}; see the guide on taking over'
_LONGEST_TEXT = 255
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_SLACK = timedelta(minutes=5)
_LOOKALIKES = ("refreshToken", "refresh-token", "RefreshToken", "refresh")


@dataclass(frozen=True, slots=True)
class ImportedToken:
    """`scopes` None: not said. `client_id`, `subject` '': not said."""

    refresh_token: Secret = field(repr=False)
    scopes: tuple[str, ...] | None = None
    client_id: str = ""
    subject: str = ""
    consented_at: datetime | None = None
    refresh_expires_at: datetime | None = None
    kept: Mapping[str, str] = field(default_factory=dict)


def read_import(
    raw: bytes,
    *,
    now: datetime,
    by_access_token: bool = False,
    keep: tuple[str, ...] = (),
    whose: str = "<namespace>/<account>",
) -> ImportedToken:
    """UsageError where this is nothing to take over. `by_access_token`: a provider without refresh tokens, whose access
    token is what is kept (`renewal` of its base). `keep`: identifiers of an answer that the base keeps. `whose`: for the hint."""
    document = read_json_object(raw) if len(raw) <= LONGEST else None
    if document is None:
        long = f"longer than {LONGEST // 1024} KiB" if len(raw) > LONGEST else "no JSON object"
        raise UsageError(f"what came on stdin is {long}", hint=_HINT)
    refresh_token = _token(document, "refresh_token")
    access_token = _token(document, "access_token")
    if by_access_token and refresh_token is None:
        refresh_token, access_token = access_token, None
    if refresh_token is None:
        raise _without_refresh_token(document, has_access=access_token is not None, now=now, whose=whose)
    if access_token is not None and access_token == refresh_token:
        raise UsageError(
            "refresh_token and access_token are the same text", hint="look at which of them is which"
        )
    return ImportedToken(
        refresh_token,
        scopes=_scopes(document),
        client_id=_text(document, "client_id"),
        subject=_text(document, "subject") or _text(document, "sub"),
        consented_at=_past(document, "consented_at", now=now),
        refresh_expires_at=_end(document, now=now),
        kept=kept_values(document, keep),
    )


def _without_refresh_token(
    document: Mapping[str, Any], *, has_access: bool, now: datetime, whose: str
) -> UsageError:
    if not has_access:
        close = next((key for key in _LOOKALIKES if key in document), None)
        hint = f"the key is called refresh_token, not {close}" if close else _HINT
        return UsageError("what came on stdin has no refresh_token", hint=hint)
    dies = _instant(document, "expires_at") or _after(document, "expires_in", now=now)
    when = "" if dies is None else f": it dies in {format_rough(dies - now)}"
    if dies is not None and dies <= now:
        when = ": it is dead already"
    return UsageError(
        f"an access token without a refresh token is not taken over{when}, and nothing could renew it",
        hint=f"let the owner consent instead: reconciler consent {whose}",
    )


def _token(document: Mapping[str, Any], key: str) -> Secret | None:
    value = value_at(document, key)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not is_storable(value) or not is_sendable_token(value):
        raise UsageError(f"{key} is no token: printable ASCII is expected")
    return Secret(value)


def _text(document: Mapping[str, Any], key: str) -> str:
    """An identifier: shown and recorded, so what looks like a secret does not become one."""
    value = value_at(document, key)
    if value is None or value == "":
        return ""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not text.isprintable() or len(text) > _LONGEST_TEXT:
        raise UsageError(f"{key} is no identifier")
    if looks_secret(text, known_only=True):
        raise UsageError(f"{key} looks like a secret", hint="an identifier is expected there")
    return text


def _scopes(document: Mapping[str, Any]) -> tuple[str, ...] | None:
    """A space separated text, as answers have it, or a list of texts."""
    value = value_at(document, "scope")
    if value is None:
        value = value_at(document, "scopes")
    if value is None or value == "":
        return None
    parts = value.split() if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(p, str) and is_sendable_token(p) for p in parts):
        raise UsageError("scope is neither a space separated text nor a list of texts")
    if any(looks_secret(part, known_only=True) for part in parts):
        raise UsageError("scope holds what looks like a secret")
    return tuple(sorted(set(parts)))


def _end(document: Mapping[str, Any], *, now: datetime) -> datetime | None:
    """When the refresh token dies, where its owner knows."""
    end = _instant(document, "refresh_token_expires_at")
    end = end or _after(document, "refresh_token_expires_in", now=now)
    if end is not None and end <= now:
        raise UsageError("the refresh token has expired already, by its own refresh_token_expires…")
    return end


def _past(document: Mapping[str, Any], key: str, *, now: datetime) -> datetime | None:
    moment = _instant(document, key)
    if moment is not None and not _EARLIEST <= moment <= now + _SLACK:
        raise UsageError(f"{key} lies in the future, or before the year 2000")
    return moment


def _instant(document: Mapping[str, Any], key: str) -> datetime | None:
    """RFC 3339, or seconds since 1970."""
    value = value_at(document, key)
    if value is None or value == "":
        return None
    seconds = seconds_at(document, key)
    try:
        if seconds is not None:
            return datetime.fromtimestamp(seconds, UTC)
        return parse_instant(value)
    except (TypeError, ValueError, OverflowError, OSError):
        raise UsageError(f"{key} is no time", hint="write it like 2027-01-31T15:04:05Z") from None


def _after(document: Mapping[str, Any], key: str, *, now: datetime) -> datetime | None:
    value = value_at(document, key)
    if value is None or value == "":
        return None
    seconds = seconds_at(document, key)
    if seconds is None or seconds < 0 or seconds > MAX_DURATION.total_seconds():
        raise UsageError(f"{key} is no number of seconds")
    return None if seconds == 0 else now + timedelta(seconds=seconds)
