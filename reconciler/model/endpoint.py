"""URLs and origins: the shape that a URL must have before anything is sent there.

Rules (DESIGN §8):
- https; http only to a loopback host, and only where the loopback switch is on;
- no userinfo, no fragment, no backslash, no control character, no IP literal in an odd spelling;
- an origin is scheme, host in lower case, port; it is what a credential is bound to (RFC 6454).
Whether a name resolves to an address that may be connected to is the adapter's question, not this module's.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from reconciler.errors import clean

_DEFAULT_PORTS = {"https": 443, "http": 80}
_HOST = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\.?"
)
_LOOKS_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*\.?")


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """scheme, host, port (RFC 6454). `str()` leaves the default port out."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = _DEFAULT_PORTS.get(self.scheme) == self.port
        return f"{self.scheme}://{host}" + ("" if default else f":{self.port}")

    @property
    def is_loopback(self) -> bool:
        """True for `localhost` and literal loopback addresses; says nothing about what other names resolve to."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True, order=True)
class Url:
    """A checked absolute http(s) URL. `text` is what will be requested."""

    text: str
    origin: Origin

    def __str__(self) -> str:
        return self.text


def parse_url(text: str, *, allow_loopback_http: bool = False) -> Url:
    """Check `text`; ValueError says what is wrong with it, in words fit for a report."""
    if not text.isascii() or any(c <= " " or c == "\x7f" for c in text) or "\\" in text:
        raise ValueError("a URL holds printable ASCII without spaces or backslashes")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("not a URL") from None
    if parts.scheme not in _DEFAULT_PORTS or not text.startswith(f"{parts.scheme}://"):
        raise ValueError("a URL starts with https://")
    _refuse_extras(parts, text)
    host = _checked_host(parts)
    origin = Origin(parts.scheme, host, port if port is not None else _DEFAULT_PORTS[parts.scheme])
    if origin.scheme == "http" and not (allow_loopback_http and origin.is_loopback):
        raise ValueError("http is for loopback only, and only where trust settings allow it: write https://")
    return Url(text, origin)


def parse_origin(text: str, *, allow_loopback_http: bool = False) -> Origin:
    """Like `parse_url`, but nothing may follow host and port. ValueError otherwise."""
    url = parse_url(text, allow_loopback_http=allow_loopback_http)
    if text not in (str(url.origin), f"{url.origin}/"):
        raise ValueError(f"an origin is scheme, host and port only, in lower case: {clean(url.origin)}")
    return url.origin


def is_host(text: str) -> bool:
    """True for a host name or IP address as an Origin holds it: lower case, usual spelling, no port."""
    shown = f"[{text}]" if ":" in text else text
    try:
        return parse_origin(f"https://{shown}").host == text
    except ValueError:
        return False


def _refuse_extras(parts: SplitResult, text: str) -> None:
    if "@" in parts.netloc:
        raise ValueError("a URL may not hold a user name or password")
    if "#" in text:
        raise ValueError("a URL may not hold a fragment")
    if any(segment in (".", "..") for segment in re.sub(r"%2[eE]", ".", parts.path).split("/")):
        raise ValueError("a URL's path may not hold '.' or '..' segments")


def _checked_host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if parts.netloc.startswith("["):
        try:
            address = ipaddress.IPv6Address(host)
        except ValueError:
            raise ValueError("not an IPv6 address") from None
        if str(address) != host:
            raise ValueError("an IP address must be in its usual spelling")
        return host
    if _LOOKS_NUMERIC.fullmatch(host):
        try:
            plain = str(ipaddress.IPv4Address(host))
        except ValueError:
            raise ValueError("an IP address must be in its usual spelling") from None
        return plain
    if _HOST.fullmatch(host) is None:
        raise ValueError("a URL needs a host name of letters, digits, dots and hyphens")
    return host


@dataclass(frozen=True, slots=True)
class TrustedUrl:
    """A URL whose origin may receive one certain credential. Made by `decide/trust.permit` alone; what carries a
    secret is sent to nothing else."""

    url: Url

    def __str__(self) -> str:
        return self.url.text

    def with_path(self, more: str) -> TrustedUrl:
        """The same origin, `more` after the path. ValueError where the whole is no URL or leads elsewhere."""
        url = parse_url(f"{self.url.text.rstrip('/')}/{more.lstrip('/')}", allow_loopback_http=True)
        if url.origin != self.url.origin:
            raise ValueError("it would lead to another origin")
        return TrustedUrl(url)
