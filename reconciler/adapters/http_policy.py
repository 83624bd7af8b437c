"""What an operator sets for traffic to providers: hosts, certificate authorities, a proxy. None of it comes from a manifest.

Rules: nothing is read from the environment here (`cli/` does that); a proxy is spoken to by `http://` only and then
tunnels TLS, so it sees host names and no secret of ours; TLS is 1.2 or newer and always verified.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

import certifi

from reconciler.errors import UsageError
from reconciler.model.limits import REFRESH_LIMITS
from reconciler.model.secret import Secret

_PROXY_PORT = 8080


@dataclass(frozen=True, slots=True)
class HttpPolicy:
    """`allowed_hosts` may live at addresses that are not public; `loopback` admits this machine. `ca_file` (PEM)
    replaces the usual certificate authorities. `proxy` is a whole `http://` URL, perhaps with a password."""

    allowed_hosts: frozenset[str] = frozenset()
    loopback: bool = False
    deadline: timedelta = REFRESH_LIMITS.http_deadline
    ca_file: str | None = None
    proxy: Secret | None = None


@dataclass(frozen=True, slots=True)
class Proxy:
    host: str
    port: int
    auth: tuple[bytes, bytes] | None = field(repr=False)


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Verifies certificates and host names. UsageError where the file is no use."""
    try:
        context = ssl.create_default_context(cafile=ca_file or certifi.where())
    except (OSError, ValueError):
        raise UsageError(
            "the file of certificate authorities for providers cannot be read",
            hint="it must be a readable PEM file",
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def read_proxy(proxy: Secret) -> Proxy:
    """Read `http://[user:password@]host[:port]`; UsageError for anything else."""
    try:
        parts = urlsplit(proxy.reveal())
        host, port = parts.hostname, parts.port or _PROXY_PORT
        if parts.scheme != "http" or not host or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError("not a proxy URL")
    except ValueError:
        raise UsageError("the proxy setting is no proxy URL", hint="write http://host:port") from None
    auth = None
    if parts.username is not None:
        auth = (parts.username.encode(), (parts.password or "").encode())
    return Proxy(host, port, auth)
