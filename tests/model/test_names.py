"""Names and addresses."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import UsageError
from reconciler.model.names import (
    AddressPattern,
    Kind,
    account_address,
    is_name,
    parse_address,
    provider_address,
)


@pytest.mark.parametrize("text", ["a", "drive-backup", "1.2_3", "a" * 63])
def test_a_name_is_one_segment_of_a_path(text: str):
    assert is_name(text)


@pytest.mark.parametrize("text", ["", "A", ".", "..", ".a", "-a", "a/b", "a b", "a\n", "ä", "a" * 64, "a%2e"])
def test_nothing_else_is_a_name(text: str):
    assert not is_name(text)


@pytest.mark.parametrize(
    ("text", "kind", "namespace", "name"),
    [
        ("drive", None, None, "drive"),
        ("marketing/drive", None, "marketing", "drive"),
        ("account/drive", Kind.ACCOUNT, None, "drive"),
        ("account/marketing/drive", Kind.ACCOUNT, "marketing", "drive"),
        ("provider/marketing/google", Kind.PROVIDER, "marketing", "google"),
    ],
)
def test_kind_and_namespace_may_be_left_out(text: str, kind: Kind | None, namespace: str | None, name: str):
    pattern = parse_address(text)
    assert (pattern.kind, pattern.namespace, pattern.name) == (kind, namespace, name)


@pytest.mark.parametrize("text", ["", "a/b/c", "x/a/b/c", "account//x", "../x", "Account/x", "a b"])
def test_what_is_no_address_is_the_command_lines_mistake(text: str):
    with pytest.raises(UsageError):
        parse_address(text)


def test_a_pattern_matches_what_it_leaves_open():
    pattern = parse_address("drive")
    assert pattern.matches(account_address("a", "drive"))
    assert pattern.matches(provider_address("b", "drive"))
    assert not parse_address("provider/drive").matches(account_address("a", "drive"))


@given(st.text(max_size=30))
def test_any_text_is_an_address_or_refused(text: str):
    with contextlib.suppress(UsageError):
        assert isinstance(parse_address(text), AddressPattern)


def test_an_address_reads_back_from_its_text():
    address = account_address("marketing", "drive")
    assert parse_address(str(address)).matches(address)
