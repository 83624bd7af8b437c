"""The device authorization endpoint (RFC 8628 §3.1 and §3.2)."""

from __future__ import annotations

from typing import Any

from authlib.consts import default_json_headers
from authlib.oauth2.rfc6749 import OAuth2Request
from authlib.oauth2.rfc6749.errors import UnauthorizedClientError
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint

from reconciler.sandbox.pending import DEVICE_SECONDS
from reconciler.sandbox.records import DEVICE


class DeviceAuthorization(DeviceAuthorizationEndpoint):
    """Hands a device its two codes, and the page on which its person types the short one."""

    def create_endpoint_response(self, request: OAuth2Request) -> tuple[int, dict[str, Any], Any]:
        client = self.authenticate_client(request)
        if not client.check_grant_type(DEVICE):
            raise UnauthorizedClientError("The client is not registered for the device grant.")
        self.server.validate_requested_scope(request.payload.scope)
        world = self.server.world
        wanted = request.payload.scope or " ".join(world.config.default_scopes)
        opened = self.server.pending.open_device_request(
            client_id=client.client_id, scopes=tuple(client.get_allowed_scope(wanted).split())
        )
        page = f"{self.server.issuer}/device"
        answer = {
            "device_code": opened.device_code,
            "user_code": opened.user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={opened.user_code}",
            "expires_in": DEVICE_SECONDS,
            "interval": world.config.device_interval_seconds,
        }
        return 200, answer, default_json_headers
