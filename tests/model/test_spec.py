"""Scalars as people write them: what each kind of field takes, and that a message never repeats the value."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from reconciler.model.spec import (
    Duration,
    Flag,
    Line,
    Moment,
    Plain,
    Quoted,
    ReadNumber,
    ReadWhole,
    Text,
    Window,
)

Whole = Annotated[int, ReadWhole]
Number = Annotated[float, ReadNumber]


def read(kind: Any, value: object) -> Any:
    return TypeAdapter(kind).validate_python(value)


NO_SCALARS: tuple[Any, ...] = (None, [], {})


@pytest.mark.parametrize(
    ("kind", "written", "meant"),
    [
        (Flag, "true", True),
        (Flag, "false", False),
        (Whole, "0", 0),
        (Whole, "-12", -12),
        (Number, "0.5", 0.5),
        (Number, "3", 3.0),
        (Duration, "1h30m", timedelta(minutes=90)),
        (Duration, Quoted("90s"), timedelta(seconds=90)),
        (Moment, "2027-01-31T12:00:00Z", datetime(2027, 1, 31, 12, tzinfo=UTC)),
        (Moment, "2027-01-31T12:00:00-03:00", datetime(2027, 1, 31, 15, tzinfo=UTC)),
        (Moment, "2027-01-31", datetime(2027, 2, 1, tzinfo=UTC)),
        (Line, "no", "no"),
        (Plain, "1.10", "1.10"),
        (Text, "two\nlines\n", "two\nlines\n"),
    ],
)
def test_a_field_takes_what_people_write(kind: object, written: str, meant: object):
    assert read(kind, written) == meant


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        *((Flag, text) for text in ("yes", "True", "on", "1", "", Quoted("true"))),
        *(
            (Whole, text)
            for text in ("01", "1.0", "1_000", " 1", "+1", "0x1", "1e3", "٣", "9" * 19, Quoted("1"))
        ),
        *((Number, text) for text in ("1e3", ".5", "inf", "nan", Quoted("1"))),
        *((Duration, text) for text in ("", "5", "1m1h", "1.5h", "-1h", "4000d", "1 h", "1H")),
        *((Window, text) for text in ("0s", "0d")),
        *(
            (Moment, text)
            for text in ("2027-02-30", "2027-01-31 12:00", "tomorrow", "9999-12-31", "2027-01-31T12:00:00")
        ),
        *((Line, text) for text in ("", " x", "x ", "a\nb", "a\tb", "a\x00b", "x" * 513)),
        *((Text, text) for text in ("", "a\x00", "a\r\nb", "x" * 4097)),
        *(
            (kind, value)
            for kind in (Flag, Whole, Number, Duration, Moment, Line, Text)
            for value in NO_SCALARS
        ),
    ],
)
def test_a_field_takes_nothing_else(kind: object, written: object):
    with pytest.raises(ValidationError):
        read(kind, written)


@pytest.mark.parametrize("kind", [Flag, Whole, Number, Duration, Moment])
@given(text=st.text(max_size=40))
def test_any_text_is_taken_or_refused_and_never_repeated(kind: object, text: str):
    try:
        read(kind, text)
    except ValidationError as refused:
        said = str(refused.errors()[0]["ctx"]["error"])
        assert len(text) < 6 or text not in said
