"""Did you mean."""

import pytest

from reconciler.model.suggestion import quoted, suggest


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("secretref", "did you mean 'secretRef'?"),
        ("secret_ref", "did you mean 'secretRef'?"),
        ("secertRef", "did you mean 'secretRef'?"),
        ("colour", ""),
        ("", ""),
    ],
)
def test_likeness_counts_and_case_and_separators_do_not(written: str, hint: str):
    assert suggest(written, ["id", "idRef", "secretRef"]) == hint


def test_a_word_is_shown_on_one_line_and_capped():
    assert quoted("a\nb") == "'a\N{REPLACEMENT CHARACTER}b'"
    assert len(quoted("x" * 500)) < 90


def test_a_word_that_looks_like_a_secret_is_not_shown():
    assert "GOCSPX" not in quoted("GOCSPX-abcdefghijklmnop")
