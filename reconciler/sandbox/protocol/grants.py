"""The four grants of the token endpoint: authorization_code, refresh_token, client_credentials, device_code.

Authlib reads and checks the requests; these classes say what a code, a refresh token or a device code of this sandbox
is, and what is issued for it. The caller holds the world's lock for the whole request, so each is atomic.

Rules: PKCE with S256 and nothing else, required unless the config says otherwise (RFC 7636, RFC 9700 §2.1.1); a code is
spent by its first presentation, even where the verifier is wrong; a refresh never widens its scope (RFC 6749 §6).
"""

from __future__ import annotations

import secrets
from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidRequestError, UnauthorizedClientError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, ClientCredentialsGrant, RefreshTokenGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc8628 import DeviceCodeGrant
from flask import request as flask_request

from reconciler.sandbox.config import RefreshTokenRule
from reconciler.sandbox.dialect import EXCHANGE
from reconciler.sandbox.protocol.answers import make_token_answer
from reconciler.sandbox.records import CODE, AuthorizationCode, Client, DeviceRequest, RefreshToken
from reconciler.sandbox.world import World


class CodeGrant(AuthorizationCodeGrant):
    """RFC 6749 §4.1. `granted_scopes` is what the person left ticked; the page sets it before the decision."""

    granted_scopes: tuple[str, ...] = ()

    @staticmethod
    def validate_authorization_redirect_uri(request: OAuth2Request, client: Client) -> str:
        """The redirect URI, which must be registered. Said without quoting it: it is foreign text."""
        asked = request.payload.redirect_uri or client.get_default_redirect_uri()
        if not asked or not client.check_redirect_uri(asked):
            raise InvalidRequestError("The redirect_uri is missing, or not registered for this client.")
        return str(asked)

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        asked = request.payload.data
        self.server.pending.keep_code(
            AuthorizationCode(
                value=code,
                client_id=request.client.client_id,
                redirect_uri=request.payload.redirect_uri,
                subject=request.user,
                scopes=self.granted_scopes,
                expires_at=self.server.world.clock.now() + self.server.world.config.code_seconds,
                code_challenge=asked.get("code_challenge"),
                code_challenge_method=asked.get("code_challenge_method"),
                nonce=asked.get("nonce"),
                wants_refresh_token=self._wants_refresh_token(request),
            )
        )

    def _wants_refresh_token(self, request: OAuth2Request) -> bool:
        world, client = self.server.world, request.client
        manners = world.config.manners
        if any(request.payload.data.get(name) != value for name, value in manners.offline.items()):
            return False
        if not set(manners.offline_scopes) <= set(self.granted_scopes):
            return False
        rule: RefreshTokenRule = world.policy_of(client.client_id).refresh_token_rule
        match rule:
            case RefreshTokenRule.ALWAYS:
                return True
            case RefreshTokenRule.OFFLINE_ACCESS_SCOPE:
                return "offline_access" in self.granted_scopes
            case RefreshTokenRule.ACCESS_TYPE_OFFLINE:
                asked = request.payload.data
                again = bool(world.grants_of(client_id=client.client_id, subject=request.user))
                asked_anew = "consent" in asked.get("prompt", "").split()
                return asked.get("access_type") == "offline" and (asked_anew or not again)

    def generate_authorization_code(self) -> str:
        return secrets.token_urlsafe(32)

    def query_authorization_code(self, code: str, client: Client) -> AuthorizationCode | None:
        found: AuthorizationCode | None = self.server.pending.present_code(code, client_id=client.client_id)
        return found

    def authenticate_user(self, authorization_code: AuthorizationCode) -> str:
        return authorization_code.subject

    def generate_token(self, user: str | None = None, **_wanted: Any) -> dict[str, Any]:
        code: AuthorizationCode = self.request.authorization_code
        world: World = self.server.world
        code.grant = world.open_grant(
            client_id=code.client_id, subject=code.subject, scopes=code.scopes, origin=CODE, nonce=code.nonce
        )
        self.request.sandbox_grant = code.grant
        refreshes = code.wants_refresh_token and self.request.client.check_grant_type("refresh_token")
        return make_token_answer(
            world,
            client_id=code.client_id,
            subject=code.subject,
            scope=code.get_scope(),
            grant=code.grant,
            refresh_token=world.issue_refresh_token(code.grant) if refreshes else None,
        )

    def delete_authorization_code(self, authorization_code: AuthorizationCode) -> None:
        """A spent code stays known, marked, so that a second use is noticed."""
        authorization_code.presented = True


class S256(CodeChallenge):
    """PKCE: S256 only, and asked of every client where the config requires it."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012  # Authlib's class attribute

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        asked = grant.request.payload.data
        if self.required and not asked.get("code_challenge"):
            raise InvalidRequestError("PKCE is required: code_challenge is missing.")
        if asked.get("code_challenge") and asked.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE is required with code_challenge_method=S256.")
        super().validate_code_challenge(grant, redirect_uri)


def environ_of() -> dict[str, Any]:
    """The WSGI environment of the request at hand."""
    return flask_request.environ


class RefreshGrant(RefreshTokenGrant):
    """RFC 6749 §6, with the rotation of the client's policy."""

    def authenticate_refresh_token(self, refresh_token: str) -> RefreshToken | None:
        world: World = self.server.world
        client_id = self.request.client.client_id
        known = world.find_refresh_token(refresh_token)
        exchanged = environ_of().get(EXCHANGE)
        mine = known is not None and known.grant.client_id == client_id
        if known is not None and mine and not exchanged and world.is_too_young(known.grant):
            world.counters.too_early += 1
            raise InvalidRequestError("The token is too young to be refreshed.")
        return world.present_refresh_token(refresh_token, client_id=client_id)

    def authenticate_user(self, refresh_token: RefreshToken) -> str:
        return refresh_token.grant.subject

    def issue_token(self, user: str, refresh_token: RefreshToken) -> dict[str, Any]:
        world: World = self.server.world
        grant = refresh_token.grant
        self.request.sandbox_grant = grant
        told = not world.policy_of(grant.client_id).omit_refresh_token_on_refresh
        return make_token_answer(
            world,
            client_id=grant.client_id,
            subject=user,
            scope=" ".join((self.request.payload.scope or refresh_token.get_scope()).split()),
            grant=grant,
            refresh_token=world.succeed(refresh_token) if told else None,
        )

    def revoke_old_credential(self, refresh_token: RefreshToken) -> None:
        self.server.world.spend(refresh_token)


class ClientGrant(ClientCredentialsGrant):
    """RFC 6749 §4.4: confidential clients only."""

    def validate_token_request(self) -> None:
        super().validate_token_request()
        if self.request.auth_method == "none":
            raise UnauthorizedClientError("A public client has no credentials of its own.")

    def generate_token(self, scope: str | None = None, **_wanted: Any) -> dict[str, Any]:
        client: Client = self.request.client
        world: World = self.server.world
        return make_token_answer(
            world,
            client_id=client.client_id,
            subject=client.client_id,
            scope=client.get_allowed_scope(scope or " ".join(world.config.default_scopes)),
            grant=None,
            refresh_token=None,
        )


class DeviceGrant(DeviceCodeGrant):
    """RFC 8628 §3.4: one grant a device code, and never faster than its interval."""

    def query_device_credential(self, device_code: str) -> DeviceRequest | None:
        found: DeviceRequest | None = self.server.pending.find_device_request(device_code)
        return found

    def query_user_grant(self, _user_code: str) -> tuple[str, bool] | None:
        request = self._device_request()
        return None if request.decision is None else (request.subject, request.decision)

    def should_slow_down(self, credential: DeviceRequest) -> bool:
        now = self.server.world.clock.now()
        last, credential.polled_at = credential.polled_at, now
        return last is not None and now - last < self.server.world.config.device_interval_seconds

    def generate_token(self, user: str | None = None, **_wanted: Any) -> dict[str, Any]:
        request: DeviceRequest = self.request.credential
        request.spent = True
        world: World = self.server.world
        grant = world.open_grant(
            client_id=request.client_id,
            subject=request.subject,
            scopes=request.scopes,
            origin=self.GRANT_TYPE,
        )
        self.request.sandbox_grant = grant
        refreshes = self.request.client.check_grant_type("refresh_token")
        return make_token_answer(
            world,
            client_id=request.client_id,
            subject=request.subject,
            scope=request.get_scope(),
            grant=grant,
            refresh_token=world.issue_refresh_token(grant) if refreshes else None,
        )

    def _device_request(self) -> DeviceRequest:
        asked: str = self.request.payload.data["device_code"]
        request: DeviceRequest | None = self.server.pending.find_device_request(asked)
        if request is None:
            raise InvalidRequestError("Unknown device_code.")
        return request
