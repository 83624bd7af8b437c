"""Regular expressions from Git: in full, in linear time, or refused."""

import time

import pytest

from reconciler.model.pattern import compile_pattern


def test_a_text_matches_in_full_or_not_at_all():
    matches = compile_pattern("[a-z]+|x1")
    assert matches("abc")
    assert matches("x1")
    assert not matches("abc1")
    assert not matches("abc\n")


@pytest.mark.parametrize("pattern", ["(", "a)|(b", r"(a)\1", "(?=a)", "(a{1000}){1000}{1000}", "[z-a]"])
def test_what_the_engine_does_not_know_is_refused(pattern: str):
    with pytest.raises(ValueError, match="not a regular expression"):
        compile_pattern(pattern)


def test_a_pattern_that_would_hang_other_engines_does_not_hang_this_one():
    started = time.perf_counter()
    assert not compile_pattern("(a+)+b")("a" * 5_000)
    assert time.perf_counter() - started < 1
