"""Durations and instants, there and back."""

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.duration import (
    MAX_DURATION,
    format_duration,
    format_instant,
    format_rough,
    parse_duration,
    parse_instant,
)


@given(st.integers(0, int(MAX_DURATION.total_seconds())))
def test_a_duration_that_was_written_reads_the_same(seconds: int):
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_that_was_written_reads_the_same(instant: datetime):
    assert parse_instant(format_instant(instant)) == instant.replace(microsecond=0)


@given(st.text(max_size=30))
def test_any_text_is_a_duration_or_refused(text: str):
    with contextlib.suppress(ValueError):
        assert timedelta(0) <= parse_duration(text) <= MAX_DURATION


@given(
    st.text(max_size=40) | st.from_regex(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
)
def test_any_text_is_an_instant_or_refused(text: str):
    with contextlib.suppress(ValueError):
        assert parse_instant(text).tzinfo is UTC


def test_nanoseconds_are_cut_as_vault_writes_them():
    assert parse_instant("2026-11-24T01:02:03.123456789Z").microsecond == 123456


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (240, "4 min"), (3600, "1 h"), (86_400, "1 day"), (200_000, "2 days")],
)
def test_a_rough_duration_is_the_largest_unit_that_fits(seconds: int, words: str):
    assert format_rough(timedelta(seconds=seconds)) == words
