"""Authlib's authorization server, bound to one sandbox's world.

It finds clients, authenticates them (by secret, by assertion, or not at all where they are public), checks scopes, and
hands each request to the grant or endpoint that fits. It holds no state of its own.

Rules:
- Basic credentials are form-decoded (RFC 6749 §2.3.1), or taken raw where the config says so;
- a client authenticates by the one method that it is registered with;
- every authorization response names its issuer (RFC 9207), unless the config turns that off.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import unquote_plus

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidScopeError
from authlib.oauth2.rfc9207 import IssuerParameter
from flask import Flask

from reconciler.sandbox.pending import Pending
from reconciler.sandbox.protocol.assertions import ClientAssertion
from reconciler.sandbox.protocol.openid import SigningKey
from reconciler.sandbox.protocol.pushed import PushedRequests
from reconciler.sandbox.records import Client
from reconciler.sandbox.world import World

_BY_ASSERTION = ("private_key_jwt", "client_secret_jwt")


class SandboxServer(AuthorizationServer):
    """The authorization server of one sandbox."""

    def __init__(
        self, app: Flask, *, world: World, pending: Pending, issuer: str, signing_key: SigningKey
    ) -> None:
        super().__init__()
        self.world = world
        self.pending = pending
        self.issuer = issuer
        self.signing_key = signing_key
        self.init_app(app, query_client=world.clients.get, save_token=self.count_token)
        self.pushed = PushedRequests(world)
        self.register_client_auth_method("client_secret_basic", self._authenticate_basic)
        for method in _BY_ASSERTION:
            self.register_client_auth_method(
                method, ClientAssertion(method, world=world, audiences=self.audiences)
            )
        if world.config.iss_parameter:
            self.register_extension(lambda server: _Issuer(issuer)(server))

    def count_token(self, _token: dict[str, Any], request: OAuth2Request) -> None:
        """Authlib's hook "store what was issued". The world stored it when it made it; here it is counted."""
        self.world.count_exchange(
            request.payload.grant_type,
            client_id=request.client.client_id,
            grant=getattr(request, "sandbox_grant", None),
        )

    def handle_error_response(self, request: object, error: OAuth2Error) -> Any:
        """Count the refusal, then answer as Authlib does."""
        with self.world.lock:
            self.world.counters.refusals[str(error.error)] += 1
        return super().handle_error_response(request, error)

    def validate_requested_scope(self, scope: str | None) -> None:
        """Refuse scopes that the sandbox does not know (RFC 6749 §3.3)."""
        known = self.world.config.scopes
        if not self.world.config.any_scope and any(one not in known for one in (scope or "").split()):
            raise InvalidScopeError

    def authenticate_client(self, request: OAuth2Request, methods: list[str], endpoint: str = "token") -> Any:
        """The client that sent the request, by whichever method it used; a method that is not its own fails."""
        if "client_assertion" in request.form:
            return super().authenticate_client(request, list(_BY_ASSERTION), endpoint)
        return super().authenticate_client(
            request, ["client_secret_basic", "client_secret_post", "none"], endpoint
        )

    def audiences(self) -> list[str]:
        """The names by which an assertion may mean this server (RFC 7523 §3, RFC 9126 §2)."""
        return [self.issuer, f"{self.issuer}/token", f"{self.issuer}/par"]

    def _authenticate_basic(self, _query_client: object, request: OAuth2Request) -> Client | None:
        presented = read_basic(request.headers.get("Authorization", ""), raw=self.world.config.basic_raw)
        if presented is None:
            return None
        client = self.world.clients.get(presented[0])
        if client is None or not client.check_client_secret(presented[1]):
            raise InvalidClientError(status_code=401, description="Unknown client or wrong secret.")
        return client


class _Issuer(IssuerParameter):
    """RFC 9207 §2: the issuer goes into every authorization response, errors included."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer

    def get_issuer(self) -> str:
        return self._issuer


def read_basic(header: str, *, raw: bool) -> tuple[str, str] | None:
    """Client id and secret from a Basic `Authorization` header; None where there are none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    client_id, colon, secret = text.partition(":")
    if not colon:
        return None
    return (client_id, secret) if raw else (unquote_plus(client_id), unquote_plus(secret))
