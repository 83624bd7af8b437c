"""What the sandbox says about itself: RFC 8414 and OpenID Connect Discovery, one document for both."""

from __future__ import annotations

from typing import Any

from reconciler.sandbox.config import SandboxConfig
from reconciler.sandbox.protocol.assertions import KEY_PAIRS, SYMMETRIC
from reconciler.sandbox.records import CLIENT_CREDENTIALS, CODE, DEVICE, JWT_BEARER, REFRESH

AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none", "private_key_jwt", "client_secret_jwt"]
GRANTS = [CODE, REFRESH, CLIENT_CREDENTIALS, DEVICE, JWT_BEARER]
SIGNING = [*KEY_PAIRS, *SYMMETRIC]


def server_metadata(config: SandboxConfig, *, issuer: str) -> dict[str, Any]:
    """The metadata document (RFC 8414 §2; OpenID Connect Discovery §3; RFC 9207 §3; RFC 8628 §4)."""
    document: dict[str, Any] = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "revocation_endpoint": f"{issuer}/revoke",
        "introspection_endpoint": f"{issuer}/introspect",
        "device_authorization_endpoint": f"{issuer}/device_authorization",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/jwks",
        "scopes_supported": list(config.scopes),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": GRANTS,
        "token_endpoint_auth_methods_supported": AUTH_METHODS,
        "token_endpoint_auth_signing_alg_values_supported": SIGNING,
        "pushed_authorization_request_endpoint": f"{issuer}/par",
        "require_pushed_authorization_requests": config.pushed_only,
        "revocation_endpoint_auth_methods_supported": AUTH_METHODS,
        "introspection_endpoint_auth_methods_supported": AUTH_METHODS,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": config.iss_parameter,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "claims_supported": ["sub", "name", "email", "email_verified"],
    }
    if config.registration:
        document["registration_endpoint"] = f"{issuer}/register"
    return document


def registration_metadata(config: SandboxConfig) -> dict[str, Any]:
    """The part that Authlib checks a client's metadata against."""
    document: dict[str, Any] = {
        "response_types_supported": ["code"],
        "grant_types_supported": GRANTS,
        "token_endpoint_auth_methods_supported": AUTH_METHODS,
    }
    if not config.any_scope:
        document["scopes_supported"] = list(config.scopes)
    return document
