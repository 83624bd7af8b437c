"""What we ask for when we register a client (RFC 7591 §2), made from what is declared.

Rules:
- the same declaration gives the same metadata, so that its digest tells whether the server must be asked again;
- only what the declaration implies is sent: grant types that the base knows, scopes where the provider names some;
- a client with a loopback redirect is `native` (OpenID Connect Registration §2), which servers insist on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import assert_never

from reconciler.model.assertion import JWT_BEARER, SigningAlgorithm
from reconciler.model.behaviour import ClientAuth
from reconciler.model.desired import DesiredProvider
from reconciler.model.endpoint import parse_url
from reconciler.model.state import GrantType

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
"""How the device grant is written where the others have plain names (RFC 8628 §3.4)."""
_DIGEST_HEX = 16


def client_metadata(
    desired: DesiredProvider, *, key: Mapping[str, object] | None = None
) -> dict[str, object]:
    """The JSON object of a registration request. `key`: the public half of the client's private key, as a JWK."""
    grants = _grants(desired)
    auth = desired.behaviour.client_auth
    found: dict[str, object] = {
        "client_name": desired.client.name or f"reconciler {desired.address.short}",
        "token_endpoint_auth_method": auth_method(auth),
        "application_type": "native" if any(_is_native(uri) for uri in desired.redirect_uris) else "web",
        "redirect_uris": list(desired.redirect_uris),
        "grant_types": grants,
        "response_types": ["code"] if "authorization_code" in grants else [],
    }
    if key is not None:
        found["jwks"] = {"keys": [dict(key)]}
    if auth.has_key_pair and key is not None:
        found["token_endpoint_auth_signing_alg"] = key["alg"]
    elif auth is ClientAuth.CLIENT_SECRET_JWT:
        algorithm = desired.behaviour.assertion.algorithm or SigningAlgorithm.HS256
        found["token_endpoint_auth_signing_alg"] = algorithm.value
    if desired.default_scopes:
        separator = " "  # RFC 7591 §2, whatever the server's own requests are separated by
        found["scope"] = separator.join(
            sorted({*desired.default_scopes, *desired.behaviour.scopes.mandatory})
        )
    return found


def metadata_digest(metadata: dict[str, object]) -> str:
    """SHA-256 of the canonical JSON, first 16 hex digits."""
    text = json.dumps(metadata, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_HEX]


def auth_method(auth: ClientAuth) -> str:
    """The registered name of a way to authenticate (RFC 7591 §2)."""
    match auth:
        case ClientAuth.BASIC:
            return "client_secret_basic"
        case ClientAuth.POST:
            return "client_secret_post"
        case ClientAuth.NONE:
            return "none"
        case ClientAuth.BEARER | ClientAuth.SECRET_AS_USER:
            return auth.value  # no registered name: no server registers a client for it
        case ClientAuth.PRIVATE_KEY_JWT | ClientAuth.CLIENT_SECRET_JWT:
            return auth.value
        case _:
            assert_never(auth)


def client_auth(method: str) -> ClientAuth | None:
    """The inverse of `auth_method`; None for a method that we do not speak."""
    return next((auth for auth in ClientAuth if auth_method(auth) == method), None)


def _grants(desired: DesiredProvider) -> list[str]:
    found: list[str] = []
    for grant in desired.behaviour.grants:
        match grant:
            case GrantType.AUTHORIZATION_CODE:
                if desired.redirect_uris:
                    found += ["authorization_code", "refresh_token"]
            case GrantType.DEVICE_CODE:
                found += [DEVICE_GRANT, "refresh_token"]
            case GrantType.CLIENT_CREDENTIALS:
                if desired.behaviour.client_auth is not ClientAuth.NONE:
                    found.append("client_credentials")
            case GrantType.JWT_BEARER:
                if desired.client.key_ref is not None:
                    found.append(JWT_BEARER)
            case _:
                assert_never(grant)
    return list(dict.fromkeys(found))


def _is_native(uri: str) -> bool:
    try:
        return parse_url(uri, allow_loopback_http=True).origin.is_loopback
    except ValueError:
        return True  # a scheme of its own (RFC 8252 §7.1)
