"""Which redirect URI a consent uses, and how its answer reaches us: a listener on this machine, or a paste.

Rules (RFC 8252 §§7.3, 8.3; RFC 6749 §3.1.2):
- what the manifest declares wins: the first loopback URI, else the first of all;
- else what the base says its console accepts: an IP literal with any port, `localhost`, one fixed port, or none at all;
- a loopback URI without a port is registered as it is, and any free port is filled in when it is used;
- a URI that is not on this machine is answered in the browser's address bar, from where a person pastes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from reconciler.model.address import is_loopback_host
from reconciler.model.behaviour import Loopback
from reconciler.model.desired import DesiredProvider

DEFAULT_FIXED_PORT = 8914
"""For `loopback: fixed-port` where the base names no port."""


class RedirectMode(StrEnum):
    LISTEN = "listen"
    PASTE = "paste"


@dataclass(frozen=True, slots=True)
class RedirectUri:
    """`registered` is what stands at the provider's console. `host` and `path` are what a listener binds and answers;
    `port` None: any free one."""

    registered: str
    mode: RedirectMode
    host: str = ""
    port: int | None = None
    path: str = "/"

    def __str__(self) -> str:
        return self.registered

    def at(self, port: int) -> str:
        """The URI to be sent when the listener has `port`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{port}{self.path}"


def redirect_uri(provider: DesiredProvider) -> RedirectUri | None:
    """The redirect URI of this provider's consents; None where none is declared and none can be made."""
    declared = [_read(text) for text in provider.redirect_uris]
    if declared:
        return next((uri for uri in declared if uri.mode is RedirectMode.LISTEN), declared[0])
    rules = provider.behaviour.redirect
    path = rules.path if rules.path.startswith("/") else f"/{rules.path}"
    match rules.loopback:
        case Loopback.IP:
            return _read(f"http://127.0.0.1{path}")
        case Loopback.LOCALHOST:
            return _read(f"http://localhost{path}")
        case Loopback.FIXED_PORT:
            return _read(f"http://127.0.0.1:{rules.port or DEFAULT_FIXED_PORT}{path}")
        case Loopback.NONE:
            return None


def _read(text: str) -> RedirectUri:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return RedirectUri(text, RedirectMode.PASTE)
    if parts.scheme != "http" or not is_loopback_host(host) or parts.query:
        return RedirectUri(text, RedirectMode.PASTE)
    return RedirectUri(text, RedirectMode.LISTEN, host, port, parts.path or "/")
