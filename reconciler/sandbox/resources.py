"""The resource server: two resources that open to a valid access token with a fitting scope (RFC 6750)."""

from __future__ import annotations

from typing import Any

from flask import Flask, jsonify

from reconciler.sandbox.config import SandboxConfig
from reconciler.sandbox.protocol.openid import claims_about
from reconciler.sandbox.protocol.tokens import Protector

_FILES = ("minutes.txt", "budget.csv", "holiday.jpg")


def add_resources(app: Flask, *, config: SandboxConfig, protector: Protector) -> None:
    """Serve `/api/me` (who the token speaks for) and `/api/files` (three names)."""

    def me() -> Any:
        with protector.acquire(list(config.api_scopes.get("me", ()))) as token:
            claims = claims_about(token.subject, scope="profile email", people=config.people)
            return jsonify(**claims, client_id=token.client_id, scope=token.scope)

    def files() -> Any:
        with protector.acquire(list(config.api_scopes.get("files", ()))) as token:
            return jsonify(owner=token.subject, files=[{"name": name} for name in _FILES])

    app.add_url_rule("/api/me", "api_me", me)
    app.add_url_rule("/api/files", "api_files", files)
