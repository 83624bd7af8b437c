"""The authorization endpoint as a person sees it: who asks for what, log in as whom, allow or deny.

Authlib validates the request and makes the code; this page makes the decision. A request that cannot be trusted to name
its redirect URI gets an error page and is never redirected (RFC 6749 §4.1.2.1); every redirect names the issuer.

The form's fields, for scripted persons: `subject`, `granted_scope` (one for each ticked scope), `ticket`, and the
button `decision` = `allow` | `deny`. It is posted to the very URL of the request.
"""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit

from authlib.oauth2 import OAuth2Error
from flask import Flask, request

from reconciler.sandbox.pages import shell
from reconciler.sandbox.protocol.grants import CodeGrant
from reconciler.sandbox.protocol.server import SandboxServer

_ONCE = ("response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge",
         "code_challenge_method")  # fmt: skip
MAX_SUBJECT = 254


class ConsentPages:
    """`GET` and `POST /authorize` of one sandbox."""

    def __init__(self, server: SandboxServer) -> None:
        self._server = server

    def add_to(self, app: Flask) -> None:
        app.add_url_rule("/authorize", "authorize", self.authorize, methods=["GET", "POST"])

    def authorize(self) -> Any:
        """Show the page, or act on what was decided on it."""
        with self._server.world.lock:
            if any(len(request.args.getlist(name)) > 1 for name in _ONCE):
                return shell.error_page(
                    "A parameter is given twice", "The request names a parameter more than once."
                )
            if request.args.get("response_type") != "code":
                return shell.error_page(
                    "Not a code request", "This server knows response_type=code and no other."
                )
            try:
                grant: CodeGrant = self._server.get_consent_grant()
            except OAuth2Error as refused:
                return self._refuse(refused)
            grant.granted_scopes = tuple(self._requested(grant))
            if request.method == "GET":
                return self._show(grant)
            return self._decide(grant)

    def _requested(self, grant: CodeGrant) -> list[str]:
        asked = grant.request.scope or ""
        if not asked and not grant.request.payload.scope:
            asked = grant.request.client.get_allowed_scope(" ".join(self._server.world.config.default_scopes))
        return list(dict.fromkeys(asked.split()))

    def _show(self, grant: CodeGrant) -> Any:
        config = self._server.world.config
        return shell.page(
            "consent.html",
            form_action=f"'self' {_origin(grant.redirect_uri)}",
            client=grant.request.client,
            redirect_uri=grant.redirect_uri,
            people=config.people,
            scopes=[(name, config.scopes.get(name, "")) for name in grant.granted_scopes],
            ticket=self._server.pending.open_ticket(_purpose()),
            device=None,
        )

    def _decide(self, grant: CodeGrant) -> Any:
        form = request.form
        if not self._server.pending.spend_ticket(form.get("ticket", ""), purpose=_purpose()):
            return shell.error_page("This page is out of date", "Go back to the application and start again.")
        subject = chosen_subject()
        if form.get("decision") == "allow" and not subject:
            return shell.error_page("Nobody is logged in", "Choose a person, or type a name.")
        ticked = set(form.getlist("granted_scope"))
        grant.granted_scopes = tuple(one for one in grant.granted_scopes if one in ticked)
        allowed = form.get("decision") == "allow" and bool(grant.granted_scopes)
        return self._server.create_authorization_response(
            grant_user=subject if allowed else None, grant=grant
        )

    def _refuse(self, refused: OAuth2Error) -> Any:
        if not refused.redirect_uri:
            return shell.error_page(
                "This request cannot be answered", refused.get_error_description() or refused.error
            )
        response = self._server.handle_error_response(None, refused)
        self._server.execute_hook("after_create_authorization_response", response)
        return response


def chosen_subject() -> str:
    """Who logged in on the form: somebody typed, or somebody chosen."""
    typed = request.form.get("other_subject", "").strip()
    return (typed or request.form.get("subject", "").strip())[:MAX_SUBJECT]


def _purpose() -> str:
    return hashlib.sha256(request.query_string).hexdigest()


def _origin(uri: str) -> str:
    """What a redirect's target is to a content security policy: its origin, or its scheme where it is an app's own."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else f"{parts.scheme}:"
