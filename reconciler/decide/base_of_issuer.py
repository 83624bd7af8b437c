"""A base made from what an issuer says of itself (RFC 8414): the rest is left for who knows the server.

Rules: endpoints are not copied where the issuer's metadata tells them at every run; what metadata cannot tell (rotation,
lifetimes, where access is removed) is not guessed: it is left out, and then the careful way is taken.
"""

from __future__ import annotations

from typing import Any

from reconciler.decide.client_metadata import client_auth
from reconciler.decide.issuer_metadata import IssuerMetadata
from reconciler.model.behaviour import Behaviour
from reconciler.model.choices import ClientAuth, Pkce

_PREFERRED = (ClientAuth.BASIC, ClientAuth.POST, ClientAuth.NONE)
_OFFLINE = "offline_access"


def base_of_issuer(found: IssuerMetadata) -> Behaviour:
    """What of a base the metadata shows."""
    spec: dict[str, Any] = {
        "description": f"the server at {found.issuer}",
        "docs": (f"its own metadata, at {found.issuer}",),
        "issuer": found.issuer,
        "discovery": True,
        "client_auth": _auth(found),
        "pkce": Pkce.REQUIRED if found.s256 else Pkce.SUPPORTED,
    }
    if found.issuer_in_response:
        spec["issuer_in_response"] = True
    if _OFFLINE in found.scopes:
        spec["scopes"] = {"mandatory": (_OFFLINE,)}
    if "openid" in found.scopes:
        spec["identity"] = {"source": "id-token", "scopes": ("openid",)}
    return Behaviour.model_validate(spec)


def _auth(found: IssuerMetadata) -> ClientAuth:
    """The first of ours that it takes; RFC 8414 §2: client_secret_basic where it does not say."""
    taken = {client_auth(method) for method in found.auth_methods}
    return next((auth for auth in _PREFERRED if auth in taken), ClientAuth.BASIC)
