"""Signing in by a proxy that stands before the page and says in headers who comes.

Rules: headers are believed only together with the shared secret, compared in constant time; a header that is there twice
is not believed; an address is taken as verified, because that is what the operator sets such a proxy up for.
"""

from __future__ import annotations

from werkzeug.datastructures import Headers

from reconciler.decide.identity import folded
from reconciler.model.secret import same_text
from reconciler.web.access import Login
from reconciler.web.site import ProxySettings


def proxied_login(headers: Headers, proxy: ProxySettings) -> Login | None:
    """Who comes; None where the proxy did not say so."""
    secret = headers.getlist(proxy.secret_header)
    if len(secret) != 1 or not same_text(secret[0], proxy.secret.reveal()):
        return None
    users = headers.getlist(proxy.user_header)
    if len(users) != 1 or not users[0].strip() or "," in users[0]:
        return None
    name = users[0].strip()
    groups = [part.strip() for text in headers.getlist(proxy.groups_header) for part in text.split(",")]
    return Login(
        subject=name[:255],
        email=folded(name)[:255] if "@" in name else "",
        groups=frozenset(group for group in groups if group),
    )
