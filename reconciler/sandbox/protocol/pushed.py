"""Pushed authorization requests (RFC 9126): taken from an authenticated client, then named by the browser.

A WSGI layer puts the pushed parameters in the place of a `request_uri`, so that the consent page reads one kind of
request alone. Rules: a `request_uri` is good for its own client, for a minute and a half, and for one decision.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

from authlib.consts import default_json_headers
from authlib.oauth2.rfc6749 import OAuth2Request, TokenEndpoint
from authlib.oauth2.rfc6749.errors import InvalidRequestError

from reconciler.sandbox.records import Client
from reconciler.sandbox.world import World

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LIVES_SECONDS = 90
_PREFIX = "urn:ietf:params:oauth:request_uri:"
_CREDENTIALS = ("client_secret", "client_assertion", "client_assertion_type")


@dataclass(frozen=True, slots=True)
class _Request:
    client_id: str
    query: str
    expires_at: float


class PushedRequests:
    """What was pushed, and the layer that brings it back."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kept: dict[str, _Request] = {}

    def keep(self, client: Client, form: dict[str, str]) -> str:
        """Remember the request; its `request_uri`."""
        with self._world.lock:
            now = self._world.clock.now()
            self._kept = {uri: one for uri, one in self._kept.items() if one.expires_at > now}
            uri = _PREFIX + secrets.token_urlsafe(24)
            said = {name: value for name, value in form.items() if name not in _CREDENTIALS}
            query = urlencode({**said, "client_id": client.client_id})
            self._kept[uri] = _Request(client.client_id, query, now + LIVES_SECONDS)
            return uri

    def around(self, app: WSGIApplication) -> WSGIApplication:
        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if environ["PATH_INFO"] == "/authorize":
                environ = {**environ, "QUERY_STRING": self._query(environ)}
            return app(environ, start_response)

        return answer

    def _query(self, environ: WSGIEnvironment) -> str:
        """The parameters that are meant. An unknown `request_uri` leaves a request that no client made."""
        query: str = environ.get("QUERY_STRING", "")
        asked = {name: values[0] for name, values in parse_qs(query, max_num_fields=100).items()}
        if "request_uri" not in asked:
            return "" if self._world.config.pushed_only else query
        with self._world.lock:
            found = self._kept.get(asked["request_uri"])
            if (
                found is None
                or found.client_id != asked.get("client_id")
                or found.expires_at <= self._world.clock.now()
            ):
                return ""
            if environ["REQUEST_METHOD"] == "POST":
                del self._kept[asked["request_uri"]]
            return found.query


class PushedAuthorization(TokenEndpoint):
    """RFC 9126 §2."""

    ENDPOINT_NAME = "pushed_authorization_request"

    def create_endpoint_response(self, request: OAuth2Request) -> tuple[int, dict[str, Any], Any]:
        client: Client = self.server.authenticate_client(request, [], self.ENDPOINT_NAME)
        form = dict(request.form)
        if "request_uri" in form:
            raise InvalidRequestError("A request_uri is not pushed.")
        if form.get("response_type") != "code" or not client.check_redirect_uri(form.get("redirect_uri", "")):
            raise InvalidRequestError("The request is none, or its redirect_uri is not registered.")
        self.server.validate_requested_scope(form.get("scope"))
        uri = self.server.pushed.keep(client, form)
        return 201, {"request_uri": uri, "expires_in": LIVES_SECONDS}, default_json_headers
