"""How the answer of a consent reaches us: a listener on this machine, or a paste.

Rules (RFC 8252 §§7.3, 8.3; RFC 6749 §3.1.2):
- the first loopback URI that the provider declares (or that its base implies) is listened on, else the first is pasted;
- a loopback URI without a port is registered as it is, and any free port is filled in when it is used;
- a URI that is not on this machine is answered in the browser's address bar, from where a person pastes it;
- a page has one address for all providers, and one for each: where the latter is declared it is used, since an answer that
  comes to another provider's address is then known for a mix-up, whether or not servers say `iss` (RFC 9700 §4.4.2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import urlsplit

from reconciler.model.address import is_loopback_host
from reconciler.model.desired import DesiredProvider


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

    def pasted(self) -> RedirectUri:
        """The same URI, with nobody listening: the browser fails to open it, and its address is pasted."""
        return replace(self, mode=RedirectMode.PASTE)


def redirect_uri(provider: DesiredProvider, *, paste: bool = False) -> RedirectUri | None:
    """The redirect URI of this provider's consents; None where it has none. `paste` prefers one that is not on this
    machine, and never listens."""
    declared = [_read(text) for text in provider.redirect_uris]
    if not declared:
        return None
    wanted = RedirectMode.PASTE if paste else RedirectMode.LISTEN
    chosen = next((uri for uri in declared if uri.mode is wanted), declared[0])
    return chosen.pasted() if paste else chosen


def page_callback(provider: DesiredProvider, callback: str) -> str | None:
    """Where a browser is sent back to at a page whose common address is `callback`: the provider's own, or else that one;
    None where neither is declared."""
    own = f"{callback}/{provider.address.namespace}/{provider.address.name}"
    return next((uri for uri in (own, callback) if _accepts(provider, uri)), None)


def _accepts(provider: DesiredProvider, callback: str) -> bool:
    """True where it is declared as it stands, or as a loopback URI without a port, which stands for any port (RFC 8252
    §7.3)."""
    port = urlsplit(callback).port
    declared = [_read(text) for text in provider.redirect_uris]
    return any(
        uri.registered == callback
        or (
            uri.mode is RedirectMode.LISTEN
            and uri.port is None
            and port is not None
            and uri.at(port) == callback
        )
        for uri in declared
    )


def _read(text: str) -> RedirectUri:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return RedirectUri(text, RedirectMode.PASTE)
    if parts.scheme != "http" or not is_loopback_host(host) or parts.query:
        return RedirectUri(text, RedirectMode.PASTE)
    return RedirectUri(text, RedirectMode.LISTEN, host, port, parts.path or "/")
