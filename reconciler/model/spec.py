"""The scalar types that manifests are made of, and the base of every model that people write.

Rules (DESIGN §4):
- text is taken as written: `1.10`, `no` and `12:30` stay what they are;
- a boolean is plain `true` or `false`, a number plain digits; in quotes they are text, and refused as a boolean or number;
- a message says what to write and never repeats the value, which may be a secret in the wrong place.
`Quoted` is how the loader hands over a scalar that stood in quotes.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from reconciler.model.duration import format_duration, parse_duration, parse_instant
from reconciler.model.names import NAME_PATTERN


class Spec(BaseModel):
    """Base of every model that people write: frozen, camelCase, no unknown keys, no input in errors."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,
    )


def one_of_these(*keys: str) -> ConfigDict:
    """For the JSON Schema: at least one of `keys` is given. The models' validators say the same."""
    return ConfigDict(json_schema_extra={"anyOf": [{"required": [key]} for key in keys]})


class Quoted(str):
    """A scalar that stood in quotes: always text."""

    __slots__ = ()


_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,9})?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PLAIN_BOOLEANS = {"true": True, "false": False}


def _flag(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if type(value) is str and value in _PLAIN_BOOLEANS:
        return _PLAIN_BOOLEANS[value]
    raise ValueError("must be true or false")


def _whole(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if type(value) is str and _WHOLE.fullmatch(value):
        return int(value)
    raise ValueError("must be a whole number")


def _number(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if type(value) is str and _NUMBER.fullmatch(value):
        return float(value)
    raise ValueError("must be a number")


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, timedelta):
        return value
    raise ValueError("write a duration like 90s, 30m, 6h, 180d or 1h30m")


def _some_time(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than nothing")
    return value


def _moment(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError("write a date like 2027-01-31, or a time like 2027-01-31T12:00:00Z")
    try:
        if _DAY.fullmatch(value):
            # Through the end of that day, as people mean it.
            return datetime.fromisoformat(value).replace(tzinfo=UTC) + timedelta(days=1)
        return parse_instant(value)
    except (ValueError, OverflowError):
        raise ValueError("write a date like 2027-01-31, or a time like 2027-01-31T12:00:00Z") from None


LINE_PATTERN = r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$"
TEXT_PATTERN = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]+$"
_SCALAR = ["string", "number", "boolean"]

Flag = Annotated[bool, BeforeValidator(_flag), WithJsonSchema({"type": "boolean"})]
"""Plain `true` or `false`."""
ReadWhole = BeforeValidator(_whole)
"""Plain decimal digits: `Annotated[int, Field(ge=1), ReadWhole]`; bounds stand first, so that schemas have them."""
ReadNumber = BeforeValidator(_number)
"""The same for decimal numbers, without exponent."""
Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$",
            "minLength": 2,
            "examples": ["90s", "30m", "6h", "180d", "1h30m"],
        }
    ),
]
"""`[Nd][Nh][Nm][Ns]` (`model.duration`)."""
Window = Annotated[Duration, AfterValidator(_some_time)]
"""A duration that is longer than nothing."""
Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\d{4}-\d\d-\d\d([Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d))?$",
            "examples": ["2027-01-31", "2027-01-31T12:00:00Z"],
        }
    ),
]
"""An instant: RFC 3339 with an offset, or a date, which lasts to its end in UTC."""
Text = Annotated[str, Field(min_length=1, max_length=4096, pattern=TEXT_PATTERN)]
"""Text of several lines, at most 4,096 characters."""
Line = Annotated[str, Field(min_length=1, max_length=512, pattern=LINE_PATTERN)]
"""One line without control characters or blanks around it, at most 512 characters."""
Plain = Annotated[
    str,
    Field(min_length=1, max_length=512, pattern=LINE_PATTERN),
    WithJsonSchema({"type": _SCALAR, "minLength": 1, "maxLength": 512}),
]
"""A Line that is often written without quotes though it looks like a number or a boolean."""
NAME_TEXT_PATTERN = f"^{NAME_PATTERN}$"
NameText = Annotated[str, Field(pattern=NAME_TEXT_PATTERN)]
"""A name of ours: one path segment."""
