"""The Flask application of one sandbox: which path leads to which endpoint.

Each view takes the world's lock for as long as it works, so that a token request is atomic; waiting (scripted delays,
slow readers) happens outside of it, in `wire`.

Rules: nothing is cached, framed or referred to (`no-store`, a content security policy without scripts, `no-referrer`);
an error of a machine's endpoint is JSON, of a person's page a page.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from reconciler.sandbox.config import SandboxConfig
from reconciler.sandbox.dialect import Speaking
from reconciler.sandbox.faults import Sighting
from reconciler.sandbox.pages import shell
from reconciler.sandbox.pages.consent import ConsentPages
from reconciler.sandbox.pages.device import DevicePages
from reconciler.sandbox.pending import Pending
from reconciler.sandbox.protocol import openid
from reconciler.sandbox.protocol.assertions import BearerGrant
from reconciler.sandbox.protocol.device import DeviceAuthorization
from reconciler.sandbox.protocol.grants import S256, ClientGrant, CodeGrant, DeviceGrant, RefreshGrant
from reconciler.sandbox.protocol.metadata import server_metadata
from reconciler.sandbox.protocol.pushed import PushedAuthorization
from reconciler.sandbox.protocol.registration import Configuration, Registration
from reconciler.sandbox.protocol.server import SandboxServer
from reconciler.sandbox.protocol.tokens import Introspection, Protector, Revocation
from reconciler.sandbox.resources import add_resources
from reconciler.sandbox.world import World

View = Callable[..., Any]


def make_app(config: SandboxConfig, *, world: World, issuer: str) -> Flask:
    """The application, serving `world` under `issuer` (a URL without a trailing slash)."""
    app = Flask("reconciler.sandbox", static_folder=None, template_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask types the provider by its base class
    pending = Pending(world)
    key = openid.SigningKey()
    server = SandboxServer(app, world=world, pending=pending, issuer=issuer, signing_key=key)
    _register_protocol(server, config)
    protector = Protector(world)
    _add_machine_routes(app, server=server, protector=protector)
    _add_discovery_routes(app, metadata=server_metadata(config, issuer=issuer), key=key)
    add_resources(app, config=config, protector=protector)
    ConsentPages(server).add_to(app)
    DevicePages(server).add_to(app)
    shell.add_to(app, world=world, issuer=issuer)
    inner = (
        Speaking(app.wsgi_app, world=world, issuer=issuer, client_of=pending.client_of)
        if config.manners.like
        else app.wsgi_app
    )
    app.wsgi_app = server.pushed.around(inner)  # type: ignore[method-assign, assignment]  # Flask's own way to add a layer
    app.after_request(_with_manners)
    app.register_error_handler(HTTPException, _describe_http_error)
    return app


def _register_protocol(server: SandboxServer, config: SandboxConfig) -> None:
    id_token = openid.SandboxIdToken(world=server.world, issuer=server.issuer, signing_key=server.signing_key)
    server.register_grant(CodeGrant, [S256(required=config.pkce_required), id_token])
    server.register_grant(RefreshGrant)
    server.register_grant(ClientGrant)
    server.register_grant(DeviceGrant, [id_token])
    server.register_grant(BearerGrant)
    server.register_endpoint(Revocation)
    server.register_endpoint(Introspection)
    server.register_endpoint(DeviceAuthorization)
    server.register_endpoint(PushedAuthorization)
    if config.registration:
        server.register_endpoint(Registration)
        server.register_endpoint(Configuration)


def _add_machine_routes(app: Flask, *, server: SandboxServer, protector: Protector) -> None:
    def endpoint(name: str) -> View:
        @wraps(server.create_endpoint_response)
        def answer(**_path: str) -> Any:
            with server.world.lock:
                return server.create_endpoint_response(name)

        return answer

    def token() -> Any:
        with server.world.lock:
            sighting = Sighting.of(request.form, request.headers.get("Authorization", ""))
            wait = server.world.patience.throttled(sighting.client_id or "")
            if wait is not None:
                return jsonify(error="too_many_requests"), 429, {"Retry-After": str(int(wait) + 1)}
            return server.create_token_response()

    def userinfo() -> Any:
        with protector.acquire("openid") as found:
            return jsonify(
                openid.claims_about(found.subject, scope=found.scope, people=server.world.config.people)
            )

    app.add_url_rule("/token", "token", token, methods=["POST"])
    app.add_url_rule("/revoke", "revoke", endpoint("revocation"), methods=["POST"])
    app.add_url_rule("/introspect", "introspect", endpoint("introspection"), methods=["POST"])
    app.add_url_rule("/userinfo", "userinfo", userinfo, methods=["GET", "POST"])
    app.add_url_rule("/par", "par", endpoint("pushed_authorization_request"), methods=["POST"])
    device = endpoint("device_authorization")
    app.add_url_rule("/device_authorization", "device_authorization", device, methods=["POST"])
    if server.world.config.registration:
        app.add_url_rule("/register", "register", endpoint("client_registration"), methods=["POST"])
        client = endpoint("client_configuration")
        app.add_url_rule("/register/<client_id>", "client", client, methods=["GET", "PUT", "DELETE"])


def _add_discovery_routes(app: Flask, *, metadata: dict[str, Any], key: openid.SigningKey) -> None:
    app.add_url_rule("/.well-known/oauth-authorization-server", "oauth_metadata", lambda: jsonify(metadata))
    app.add_url_rule("/.well-known/openid-configuration", "openid_metadata", lambda: jsonify(metadata))
    app.add_url_rule("/jwks", "jwks", lambda: jsonify(key.public_set()))


def _with_manners(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Cache-Control", "no-store")
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    return response


def _describe_http_error(error: HTTPException) -> Any:
    if error.response is not None:
        return error.response
    status = error.code or 500
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
        return shell.error_page(error.name, "There is nothing to do on this page.", status=status)
    response = jsonify(error="invalid_request", error_description=error.name)
    response.status_code = status
    if status == 405:
        response.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or ["POST"]))
    return response
