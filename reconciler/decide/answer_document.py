"""Reads the body of an OAuth answer into one flat-handed document: any bytes give a Document or None, nothing else.

Rules:
- the body decides, not the content type: providers send JSON as text/html; only a form-encoded answer must say so, or
  come as plain text and look like one;
- leniency serves the refresh token that may be inside: bad UTF-8 is replaced, numbers too long to read are null,
  NaN and infinities are null, of repeated keys the last one counts (RFC 8259 §4 leaves it open);
- a path is dotted (`authed_user.access_token`, `errors.0.code`); whatever does not lead there reads as absent.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from reconciler.model.secret import Document

_FORM = "application/x-www-form-urlencoded"
_UNSAID = ("", "text/plain")
_LOOKS_FORM = re.compile(rb"\s*[A-Za-z_][A-Za-z0-9_.-]{0,63}=[!-~]*\s*")
_MAX_FIELDS = 200
_LONGEST_NUMBER = 24
_LONGEST_INSTANT = 40
_MILLISECONDS_FROM = 100_000_000_000
"""Unix seconds reach this in the year 5138; milliseconds did in 1973."""
_NUMBER = re.compile(r"\s*(\d{1,15})(?:\.\d{1,15})?\s*", re.ASCII)
_VSCHAR = re.compile(r"[\x20-\x7e]+")


def read_answer(body: bytes, content_type: str) -> Document | None:
    """The JSON object (or, where the type says so, the form) that `body` holds; None where it holds none."""
    said = content_type.partition(";")[0].strip().lower()
    if said == _FORM:
        return _read_form(body) or read_json_object(body)
    document = read_json_object(body)
    if document is None and said in _UNSAID and _LOOKS_FORM.fullmatch(body):
        return _read_form(body.strip())
    return document


def read_json_object(body: bytes) -> Document | None:
    """The JSON object that `body` holds, or None."""
    try:
        value = json.loads(
            body.decode("utf-8-sig", "replace"),
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=_no_number,
        )
    except (ValueError, RecursionError):
        return None
    return Document(value) if isinstance(value, dict) else None


def value_at(document: Mapping[str, Any], path: str) -> Any:
    """What stands at the dotted path, or None. A key that itself holds dots is found as it is."""
    if path in document:
        return document[path]
    value: Any = document
    for part in path.split("."):
        if isinstance(value, list) and part.isdecimal() and len(part) < 4 and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, Mapping) and part in value:
            value = value[part]
        else:
            return None
    return value


def first_value(document: Mapping[str, Any], paths: Iterable[str]) -> Any:
    """What stands at the first path that leads to anything; None where none does."""
    return next((value for path in paths if (value := value_at(document, path)) is not None), None)


def first_text(document: Mapping[str, Any], paths: Iterable[str]) -> str:
    """The text at the first path that leads to a text that is not empty; '' where none does."""
    return next((text for path in paths if (text := text_at(document, path))), "")


def plain_at(document: Mapping[str, Any], path: str) -> str:
    """A text, or a whole number as its decimal text; '' where neither stands there."""
    value = value_at(document, path)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def text_at(document: Mapping[str, Any], path: str) -> str:
    """The text at the path; '' where there is none, or something else stands there."""
    value = value_at(document, path)
    return value if isinstance(value, str) else ""


def seconds_at(document: Mapping[str, Any], path: str) -> int | None:
    """Whole seconds from a number or a numeric text, rounded down; None where there is neither."""
    return seconds_of(value_at(document, path))


def seconds_of(value: Any) -> int | None:
    """The same for a value that is at hand."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return math.floor(value)
    match = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    return int(match[1]) if match else None


def instant_of(value: Any) -> datetime | None:
    """An instant from RFC 3339 text (without an offset: UTC), or Unix seconds or milliseconds; None for anything else."""
    number = seconds_of(value)
    try:
        if number is not None:
            return datetime.fromtimestamp(number / 1000 if number >= _MILLISECONDS_FROM else number, UTC)
        if not isinstance(value, str) or len(value) > _LONGEST_INSTANT:
            return None
        at = datetime.fromisoformat(value.strip())
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def is_sendable_token(text: str) -> bool:
    """True for printable ASCII (RFC 6749 appendix A.12): fit for a header, no line breaks."""
    return _VSCHAR.fullmatch(text) is not None


def is_storable(text: str) -> bool:
    """True for non-empty text that survived decoding whole and can be written as UTF-8."""
    return (
        text != ""
        and "\N{REPLACEMENT CHARACTER}" not in text
        and not any("\ud800" <= c <= "\udfff" for c in text)
    )


def _read_form(body: bytes) -> Document | None:
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        return None
    return Document(dict(pairs)) if pairs else None


def _whole(text: str) -> int | None:
    return int(text) if len(text) <= _LONGEST_NUMBER else None


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _no_number(_text: str) -> None:
    return None
