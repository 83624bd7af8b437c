"""Which URL a token may be sent to, and what may go along: vectors, without a store."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.decide.api_request import (
    api_url,
    checked_headers,
    content_type,
    refusal_of,
    trusted_api_url,
)
from reconciler.decide.trust import BindNow, BoundAlready, NeedsTrust, Revoked, TrustDecision
from reconciler.errors import ProviderFailed, TrustRefused, UsageError
from reconciler.model.endpoint import parse_origin, parse_url
from reconciler.model.names import account_address
from reconciler.model.trust import Binding
from tests.simulators.manifests import make_behaviour, make_provider

API = "https://www.googleapis.com"
PROVIDER = make_provider(behaviour=make_behaviour(api_origins=(API, "https://gmail.googleapis.com")))
CREDENTIAL = "clients/team/sandbox"
DRIVE = account_address("team", "drive")


def decided(part) -> TrustDecision:
    return TrustDecision(PROVIDER.address, (part,))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("/drive/v3/files", f"{API}/drive/v3/files"),
        (f"{API}/drive/v3/files", f"{API}/drive/v3/files"),
        (f"{API}:443/x", f"{API}:443/x"),
        ("https://gmail.googleapis.com/x?y=z", "https://gmail.googleapis.com/x?y=z"),
        ("/", f"{API}/"),
    ],
)
def test_listed_origins_are_reached(typed: str, meant: str):
    assert api_url(typed, PROVIDER, loopback=False).text == meant


@pytest.mark.parametrize(
    "typed",
    [
        "https://evil.example/", "https://www.googleapis.com.evil.example/", "https://www.googleapis.com:8443/x",
        "https://xwww.googleapis.com/", "https://accounts.google.com/", "https://www.googleapis.com./x",
    ],
)  # fmt: skip
def test_another_origin_is_refused_however_alike_it_looks(typed: str):
    with pytest.raises(TrustRefused):
        api_url(typed, PROVIDER, loopback=False)


@pytest.mark.parametrize(
    "typed",
    [
        "", "x", "//evil.example", "http://www.googleapis.com/", "HTTPS://www.googleapis.com@evil.example/",
        "https://www.googleapis.com@evil.example/", "https://www.googleapis.com\\@evil.example/", "/x#y", "/a/../b", "/%2e%2e/b",
        "https://www.googleapis.com\t.evil.example/", "https:www.googleapis.com", "/é",
    ],
)  # fmt: skip
def test_what_is_no_plain_url_is_a_usage_error(typed: str):
    with pytest.raises(UsageError):
        api_url(typed, PROVIDER, loopback=False)


@given(st.text(alphabet=string.printable + "é\u202e@\\#?", max_size=60))
def test_any_text_gives_a_url_of_a_listed_origin_or_an_error(typed: str):
    try:
        url = api_url(typed, PROVIDER, loopback=True)
    except (UsageError, TrustRefused):
        return
    assert str(url.origin) in PROVIDER.behaviour.api_origins


@pytest.mark.parametrize(
    "part",
    [
        BindNow(CREDENTIAL, frozenset({parse_origin(API)})),
        NeedsTrust(CREDENTIAL, frozenset({parse_origin(API)}), frozenset({parse_origin(API)})),
        Revoked(CREDENTIAL, frozenset({parse_origin(API)})),
        BoundAlready(
            Binding(CREDENTIAL, frozenset({parse_origin("https://gmail.googleapis.com")}), version=1)
        ),
        BoundAlready(Binding("clients/other/one", frozenset({parse_origin(API)}), version=1)),
    ],
)
def test_what_is_listed_and_not_bound_is_refused(part):
    """A request binds nothing, not even where a first use would be let through."""
    with pytest.raises(TrustRefused):
        trusted_api_url(parse_url(f"{API}/x"), PROVIDER, decision=decided(part))


def test_what_is_listed_and_bound_is_trusted():
    part = BoundAlready(Binding(CREDENTIAL, frozenset({parse_origin(API)}), version=1))
    assert str(trusted_api_url(parse_url(f"{API}/x"), PROVIDER, decision=decided(part))) == f"{API}/x"


def test_header_names_are_compared_without_case():
    assert checked_headers(["Accept: text/csv", "X-A:b"]) == {"accept": "text/csv", "x-a": "b"}
    with pytest.raises(UsageError):
        checked_headers(["Accept: a", "accept: b"])


@given(st.text(max_size=40))
def test_any_text_is_a_header_of_plain_ascii_or_a_usage_error(text: str):
    try:
        (found,) = checked_headers([text]).items()
    except UsageError:
        return
    assert found[0].isascii()
    assert found[0] != "authorization"
    assert found[1].isascii()
    assert found[1].isprintable() or found[1] == ""


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"{}", "json"), (b" [1]\n", "json"), (b"1", "urlencoded"), (b"a=b", "urlencoded"), (b"[" * 99999, "urlencoded"),
     (b"\xff", "urlencoded")],
)  # fmt: skip
def test_a_body_is_json_only_where_it_is_an_object_or_an_array(body: bytes, kind: str):
    assert content_type(body).endswith(kind)


@pytest.mark.parametrize(
    ("status", "good"),
    [(200, True), (204, True), (206, True), (304, True), (301, False), (400, False), (503, False)],
)
def test_good_answers_are_2xx_and_not_modified(status: int, good: bool):
    refused = refusal_of(status, {}, account=DRIVE, url=parse_url(f"{API}/x"), scopes=())
    assert (refused is None) == good
    assert refused is None or isinstance(refused, ProviderFailed)
