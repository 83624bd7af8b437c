"""Revocation (RFC 7009), introspection (RFC 7662), and what a bearer token opens (RFC 6750).

Revoking a refresh token kills its whole family, access tokens included; revoking an access token kills that one. A
client sees and revokes its own tokens only; of another's, introspection says "not active" and nothing more.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from authlib.integrations.flask_oauth2 import ResourceProtector
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import OAuth2Request
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from flask import Response, abort

from reconciler.sandbox.records import AccessToken, Client, RefreshToken
from reconciler.sandbox.rotation import Presented
from reconciler.sandbox.world import World


def _find(world: World, value: str) -> AccessToken | RefreshToken | None:
    return world.find_access_token(value) or world.find_refresh_token(value)


class Revocation(RevocationEndpoint):
    """RFC 7009."""

    def query_token(self, token_string: str, _hint: str | None) -> AccessToken | RefreshToken | None:
        return _find(self.server.world, token_string)

    def revoke_token(self, token: AccessToken | RefreshToken, _request: OAuth2Request) -> None:
        world: World = self.server.world
        if isinstance(token, RefreshToken):
            world.revoke_grants([token.grant], because="revoked by the client")
        else:
            token.revoked = True


class Introspection(IntrospectionEndpoint):
    """RFC 7662."""

    def query_token(self, token_string: str, _hint: str | None) -> AccessToken | RefreshToken | None:
        return _find(self.server.world, token_string)

    def check_permission(
        self, token: AccessToken | RefreshToken, client: Client, _request: OAuth2Request
    ) -> bool:
        return token.check_client(client)

    def introspect_token(self, token: AccessToken | RefreshToken) -> dict[str, Any]:
        world: World = self.server.world
        told: dict[str, Any] = {
            "iss": self.server.issuer,
            "scope": token.get_scope(),
            "iat": int(token.issued_at),
        }
        if isinstance(token, AccessToken):
            return told | {
                "active": True,
                "token_type": "Bearer",
                "client_id": token.client_id,
                "sub": token.subject,
                "exp": int(token.expires_at),
            }
        if world.judge(token) is not Presented.CURRENT:
            return {"active": False}
        return told | {"active": True, "client_id": token.grant.client_id, "sub": token.grant.subject}


class Protector(ResourceProtector):
    """Guards resources: what a refused token is told goes out as it stands (RFC 6750 §3)."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.register_token_validator(SandboxBearer(world))

    def raise_error_response(self, error: OAuth2Error) -> NoReturn:
        abort(
            Response(
                json.dumps(dict(error.get_body())), status=error.status_code, headers=error.get_headers()
            )
        )


class SandboxBearer(BearerTokenValidator):
    """Finds access tokens for the resource server and the userinfo endpoint."""

    def __init__(self, world: World) -> None:
        super().__init__(realm="sandbox")
        self._world = world

    def authenticate_token(self, token_string: str) -> AccessToken | None:
        return self._world.find_access_token(token_string)
