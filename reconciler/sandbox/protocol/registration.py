"""Dynamic client registration: create (RFC 7591), read, update and delete (RFC 7592).

Authlib checks the metadata's meaning; `_read_metadata` first makes sure of its shape, since anybody may post anything.

Rules:
- where the config names an initial access token, creating needs it; without one, registration is open;
- a client's registration access token opens that client alone, is compared in constant time, and is replaced at reads
  or updates as the config says: the old one is dead from then on;
- an update replaces the whole metadata, and must repeat the client's id, and its secret if it names one.
"""

from __future__ import annotations

import hmac
from typing import Any, Protocol

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import JsonRequest
from authlib.oauth2.rfc7591 import ClientRegistrationEndpoint
from authlib.oauth2.rfc7592 import ClientConfigurationEndpoint

from reconciler.sandbox.config import RegistrationTokenRotation
from reconciler.sandbox.protocol.metadata import registration_metadata
from reconciler.sandbox.records import CLIENT_CREDENTIALS, CODE, Client
from reconciler.sandbox.world import World

_LISTS = ("redirect_uris", "grant_types", "response_types", "contacts")
_TEXTS = ("token_endpoint_auth_method", "client_name", "client_uri", "logo_uri", "scope", "tos_uri", "policy_uri",
          "jwks_uri", "software_id", "software_version")  # fmt: skip


class _Endpoint(Protocol):
    def extract_client_metadata(self, request: JsonRequest) -> dict[str, Any]: ...


class Registration(ClientRegistrationEndpoint):
    """RFC 7591 §3."""

    def authenticate_token(self, request: JsonRequest) -> str:
        wanted = self.server.world.config.initial_access_token
        if wanted is None:
            return "open registration"
        if not _same(_bearer(request), wanted):
            raise OAuth2Error(
                error="invalid_token", description="Wrong initial access token.", status_code=401
            )
        return "initial access token"

    def create_registration_response(self, request: JsonRequest) -> tuple[int, dict[str, Any], Any]:
        self.authenticate_token(request)
        metadata = _read_metadata(self, request)
        world: World = self.server.world
        client = world.add_client(metadata, dynamic=True)
        return 201, _describe(client, self.server.issuer), _headers()

    def get_server_metadata(self) -> dict[str, Any]:
        return registration_metadata(self.server.world.config)


class Configuration(ClientConfigurationEndpoint):
    """RFC 7592 §2."""

    def create_configuration_response(self, request: JsonRequest) -> tuple[int, Any, Any]:
        world: World = self.server.world
        client = world.clients.get(request.uri.partition("?")[0].rstrip("/").rpartition("/")[2])
        if (
            client is None
            or client.registration_token is None
            or not _same(_bearer(request), client.registration_token)
        ):
            raise OAuth2Error(
                error="invalid_token", description="Wrong registration access token.", status_code=401
            )
        rotation = world.config.registration_token_rotation
        match request.method:
            case "DELETE":
                world.remove_client(client.client_id)
                world.counters.deregistrations += 1
                return 204, "", [("Cache-Control", "no-store")]
            case "PUT":
                self._update(client, request)
                rotates = rotation is not RegistrationTokenRotation.NEVER
            case _:
                rotates = rotation is RegistrationTokenRotation.ON_READ_AND_UPDATE
        if rotates:
            world.renew_registration_token(client)
        return 200, _describe(client, self.server.issuer), _headers()

    def _update(self, client: Client, request: JsonRequest) -> None:
        document = _read_object(request)
        forbidden = {"registration_access_token", "registration_client_uri", "client_secret_expires_at",
                     "client_id_issued_at"}  # fmt: skip
        secret = document.get("client_secret")
        if (
            forbidden & document.keys()
            or document.get("client_id") != client.client_id
            or (secret is not None and not (isinstance(secret, str) and client.check_client_secret(secret)))
        ):
            raise OAuth2Error(
                error="invalid_request", description="Not an update of this client (RFC 7592 2.2)."
            )
        self.server.world.update_client(client, _read_metadata(self, request))

    def extract_client_metadata(self, request: JsonRequest) -> dict[str, Any]:
        """As at creation. Authlib's own version for updates prints what it refuses to standard output."""
        metadata: dict[str, Any] = Registration(self.server).extract_client_metadata(request)
        return metadata


def _read_metadata(endpoint: _Endpoint, request: JsonRequest) -> dict[str, Any]:
    """The metadata of a request, complete with the defaults of RFC 7591 §2."""
    document = _read_object(request)
    wrong = [
        name
        for name, value in document.items()
        if (name in _LISTS and not (isinstance(value, list) and all(isinstance(one, str) for one in value)))
        or (name in _TEXTS and not isinstance(value, str))
    ]
    if wrong:
        raise _refuse(f"Wrong type: {', '.join(sorted(wrong))}.")
    try:
        metadata = endpoint.extract_client_metadata(request)
    except (ValueError, TypeError, KeyError) as refused:
        # Authlib's words for a refused value may hold quotes, which its error class then refuses; a `jwks` of an odd
        # shape is none of its errors at all
        raise _refuse("A value is not supported by this server.") from refused
    metadata.setdefault("grant_types", [CODE])
    metadata.setdefault("response_types", ["code"] if CODE in metadata["grant_types"] else [])
    metadata.setdefault("redirect_uris", [])
    if CODE in metadata["grant_types"] and not metadata["redirect_uris"]:
        raise OAuth2Error(error="invalid_redirect_uri", description="authorization_code needs redirect_uris.")
    if CLIENT_CREDENTIALS in metadata["grant_types"] and metadata["token_endpoint_auth_method"] == "none":
        raise _refuse("A public client cannot use client_credentials.")
    return metadata


def _read_object(request: JsonRequest) -> dict[str, Any]:
    document = request.payload.data
    if not isinstance(document, dict) or not document:
        raise _refuse("A JSON object is needed.")
    return document


def _describe(client: Client, issuer: str) -> dict[str, Any]:
    """The client information response (RFC 7591 §3.2.1, RFC 7592 §3)."""
    return {
        **client.metadata,
        **client.client_info,
        "registration_client_uri": f"{issuer}/register/{client.client_id}",
        "registration_access_token": client.registration_token,
    }


def _refuse(description: str) -> OAuth2Error:
    return OAuth2Error(error="invalid_client_metadata", description=description)


def _bearer(request: JsonRequest) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _same(presented: str, wanted: str) -> bool:
    return hmac.compare_digest(presented.encode("utf-8", "surrogateescape"), wanted.encode())


def _headers() -> list[tuple[str, str]]:
    return [("Content-Type", "application/json"), ("Cache-Control", "no-store"), ("Pragma", "no-cache")]
