"""Texts as custom metadata and back: whatever the characters, every value is one that a store takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import clean
from reconciler.model.limits import METADATA_VALUE_BYTES
from reconciler.model.metadata_text import join_metadata, split_metadata
from reconciler.model.stored import check_custom

MOST = 16 * METADATA_VALUE_BYTES


@given(st.text(max_size=3000))
def test_any_text_is_stored_and_read_back(text: str):
    custom = split_metadata({"said": text})
    check_custom("key", custom)
    shown = clean(text, cap=MOST)
    if len(shown.encode()) <= MOST:
        assert join_metadata(custom).get("said", "") == shown


@pytest.mark.parametrize("character", ["a", "é", "日", "😀"])
@pytest.mark.parametrize("length", [511, 512, 513, 1025, 20_000])
def test_a_value_is_counted_in_bytes_and_no_character_is_cut(character: str, length: int):
    custom = split_metadata({"said": character * length})
    check_custom("key", custom)
    assert len(custom) <= 16
    assert set(join_metadata(custom)["said"]) <= {character, "…"}


def test_an_empty_text_is_left_out():
    assert split_metadata({"said": "", "other": "x"}) == {"other": "x"}
