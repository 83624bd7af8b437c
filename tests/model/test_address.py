"""Which addresses are the public internet; the rest is covered where connections are made."""

from __future__ import annotations

import ipaddress

import pytest

from reconciler.model.address import is_admissible, is_loopback_host, is_public


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808", "2a00::1"]
)
def test_public_addresses_are_public(text):
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text",
    ["10.1.2.3", "192.0.2.1", "192.88.99.1", "203.0.113.9", "100.127.0.1", "64:ff9b::7f00:1", "fd00::1"],
)
def test_others_are_not(text):
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["10.1.2.3", "127.0.0.1", "::1", "fd00::1", "100.64.0.1", "64:ff9b::a00:1"])
def test_a_host_that_is_allowed_may_live_inside(text):
    assert is_admissible(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text", ["169.254.169.254", "fe80::1", "0.0.0.0", "::", "64:ff9b::a9fe:a9fe", "ff02::1"]
)
def test_but_not_where_cloud_metadata_answers_or_nobody_in_particular(text):
    assert not is_admissible(ipaddress.ip_address(text))


def test_a_link_local_address_with_a_zone_is_never_public():
    assert not is_public(ipaddress.ip_address("2606:4700::1%eth0"))


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("a.localhost", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("10.0.0.1", False),
    ],
)
def test_loopback_hosts_are_known_by_name_or_literal(host, loopback):
    assert is_loopback_host(host) is loopback
