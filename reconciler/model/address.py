"""Which IP addresses a provider may live at: the public internet, unless a setting admits more (DESIGN §8, URLs).

Rules:
- only globally reachable unicast addresses; never private, loopback, link-local, shared (RFC 6598), multicast,
  unspecified, reserved or documentation ranges;
- an IPv6 address that wraps an IPv4 one is judged by what it wraps where the wrapping is a translation that networks
  use (NAT64, RFC 6052), and refused where it is only another way to write it (mapped, compatible, 6to4, Teredo);
- `admitted` hosts may also live at private, shared and loopback addresses; never at link-local ones (cloud metadata
  services answer there), multicast or unspecified ones.
"""

from __future__ import annotations

import ipaddress
from typing import TypeAlias

IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_REWRITTEN = (
    ipaddress.IPv6Network("::/96"),
    ipaddress.IPv6Network("::ffff:0:0/96"),
    ipaddress.IPv6Network("64:ff9b:1::/48"),
    ipaddress.IPv6Network("2001::/32"),
    ipaddress.IPv6Network("2002::/16"),
)
_NEVER = (
    ipaddress.IPv4Network("0.0.0.0/8"),
    ipaddress.IPv4Network("169.254.0.0/16"),
    ipaddress.IPv4Network("224.0.0.0/4"),
    ipaddress.IPv4Network("240.0.0.0/4"),
    ipaddress.IPv6Network("::/128"),
    ipaddress.IPv6Network("fe80::/10"),
    ipaddress.IPv6Network("fec0::/10"),
    ipaddress.IPv6Network("ff00::/8"),
)
# Python's `is_global` differs between patch releases; these are spelled out where it was once wrong (CVE-2024-4032).
_NOT_PUBLIC = (
    ipaddress.IPv4Network("100.64.0.0/10"),
    ipaddress.IPv4Network("192.0.0.0/24"),
    ipaddress.IPv4Network("192.88.99.0/24"),
    ipaddress.IPv4Network("198.18.0.0/15"),
    ipaddress.IPv6Network("100::/64"),
    ipaddress.IPv6Network("2001:db8::/32"),
    ipaddress.IPv6Network("3fff::/20"),
    ipaddress.IPv6Network("5f00::/16"),
    ipaddress.IPv6Network("fc00::/7"),
)


def is_public(address: IPAddress) -> bool:
    """True for a globally reachable unicast address."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(address.packed[-4:]))
        if any(address in network for network in _REWRITTEN) or address.scope_id is not None:
            return False
    return address.is_global and not any(address in network for network in (*_NEVER, *_NOT_PUBLIC))


def is_admissible(address: IPAddress) -> bool:
    """True for an address that a host named in the settings may live at."""
    if isinstance(address, ipaddress.IPv6Address) and not address.is_loopback:
        if address in _NAT64:
            return is_admissible(ipaddress.IPv4Address(address.packed[-4:]))
        if any(address in network for network in _REWRITTEN):
            return False
    return not any(address in network for network in _NEVER)


def is_loopback_host(host: str) -> bool:
    """True for `localhost`, names below it (RFC 6761 §6.3), and literal loopback addresses."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
