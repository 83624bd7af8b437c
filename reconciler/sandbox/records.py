"""What the sandbox remembers: clients, grants, tokens, codes and device requests.

Each record knows simple facts about itself and offers the method names that Authlib's server side asks of it
(`get_client_id`, `check_client`, ...). None of them decides what a request may do, and none is safe to change without
the world's lock.

Rules: times are seconds since the epoch by the sandbox's clock; secrets are compared in constant time; a redirect URI
matches exactly, but for the port of a loopback address where the config says so (RFC 8252 §7.3).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from reconciler.sandbox.config import LoopbackRedirects, TokenPolicy

CODE = "authorization_code"
REFRESH = "refresh_token"
CLIENT_CREDENTIALS = "client_credentials"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"

Now = Callable[[], float]

_ANY_PORT_HOSTS: Mapping[LoopbackRedirects, frozenset[str]] = {
    LoopbackRedirects.EXACT: frozenset(),
    LoopbackRedirects.IP: frozenset({"127.0.0.1", "::1"}),
    LoopbackRedirects.LOCALHOST: frozenset({"127.0.0.1", "::1", "localhost"}),
}


@dataclass(slots=True)
class Client:
    """A registered client; `metadata` in the words of RFC 7591 §2."""

    client_id: str
    secret: str | None
    metadata: dict[str, Any]
    issued_at: int
    now: Now
    loopback: LoopbackRedirects
    secret_expires_at: int = 0
    policy: TokenPolicy | None = None
    dynamic: bool = False
    registration_token: str | None = None

    @property
    def auth_method(self) -> str:
        return str(self.metadata.get("token_endpoint_auth_method", "client_secret_basic"))

    @property
    def name(self) -> str:
        return str(self.metadata.get("client_name") or self.client_id)

    @property
    def client_info(self) -> dict[str, Any]:
        """The part of a registration answer that the server chose (RFC 7591 §3.2.1)."""
        info: dict[str, Any] = {"client_id": self.client_id, "client_id_issued_at": self.issued_at}
        if self.secret is not None:
            info |= {"client_secret": self.secret, "client_secret_expires_at": self.secret_expires_at}
        return info

    @property
    def client_metadata(self) -> dict[str, Any]:
        return self.metadata

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str | None:
        uris = self.metadata.get("redirect_uris") or []
        return str(uris[0]) if len(uris) == 1 else None

    def get_allowed_scope(self, scope: str | None) -> str:
        """The requested scopes, cut down to the registered ones where the client registered any (RFC 7591 §2)."""
        wanted = (scope or "").split()
        registered = str(self.metadata.get("scope") or "").split()
        return " ".join(one for one in wanted if not registered or one in registered)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return any(
            _same_redirect(str(one), redirect_uri, loopback=self.loopback)
            for one in self.metadata.get("redirect_uris") or []
        )

    def check_client_secret(self, client_secret: str) -> bool:
        if self.secret is None or (self.secret_expires_at and self.now() >= self.secret_expires_at):
            return False
        return hmac.compare_digest(self.secret.encode(), client_secret.encode("utf-8", "surrogateescape"))

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        return method == self.auth_method

    def check_response_type(self, response_type: str) -> bool:
        return response_type in self.metadata.get("response_types", ["code"])

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.metadata.get("grant_types", [CODE])


@dataclass(slots=True)
class Grant:
    """One person's consent for one client: the family of every token that came from it."""

    grant_id: str
    client_id: str
    subject: str
    scopes: tuple[str, ...]
    origin: str
    created_at: float
    nonce: str | None = None
    revoked_at: float | None = None
    revoked_because: str | None = None
    last_issued_at: float = 0.0
    exchanges: int = 0
    reuses: int = 0

    @property
    def alive(self) -> bool:
        return self.revoked_at is None


@dataclass(slots=True)
class RefreshToken:
    """One refresh token, with its place in the chain of its grant."""

    value: str = field(repr=False)
    grant: Grant
    issued_at: float
    used_at: float
    superseded_at: float | None = None
    successor: str | None = field(default=None, repr=False)

    def check_client(self, client: Client) -> bool:
        return self.grant.client_id == client.client_id

    def get_scope(self) -> str:
        return " ".join(self.grant.scopes)

    def is_revoked(self) -> bool:
        return not self.grant.alive

    def is_expired(self) -> bool:
        return False  # told by the rotation rules, which know the policy


@dataclass(slots=True)
class AccessToken:
    """One access token. `grant` is None for a client's own (client_credentials)."""

    value: str = field(repr=False)
    client_id: str
    subject: str
    scope: str
    issued_at: float
    expires_at: float
    now: Now
    grant: Grant | None = None
    revoked: bool = False

    def check_client(self, client: Client) -> bool:
        return self.client_id == client.client_id

    def get_scope(self) -> str:
        return self.scope

    def is_revoked(self) -> bool:
        return self.revoked or (self.grant is not None and not self.grant.alive)

    def is_expired(self) -> bool:
        return self.now() >= self.expires_at


@dataclass(slots=True)
class AuthorizationCode:
    """An authorization code, with the PKCE challenge that Authlib checks."""

    value: str = field(repr=False)
    client_id: str
    redirect_uri: str | None
    subject: str
    scopes: tuple[str, ...]
    expires_at: float
    code_challenge: str | None
    code_challenge_method: str | None
    nonce: str | None
    wants_refresh_token: bool
    presented: bool = False
    grant: Grant | None = None

    def get_redirect_uri(self) -> str | None:
        return self.redirect_uri

    def get_scope(self) -> str:
        return " ".join(self.scopes)

    def get_nonce(self) -> str | None:
        return self.nonce


@dataclass(slots=True)
class DeviceRequest:
    """A device that waits for its person (RFC 8628 §3.2)."""

    device_code: str = field(repr=False)
    user_code: str
    client_id: str
    scopes: tuple[str, ...]
    expires_at: float
    now: Now
    polled_at: float | None = None
    decision: bool | None = None
    subject: str = ""
    spent: bool = False

    def get_client_id(self) -> str:
        return self.client_id

    def get_scope(self) -> str:
        return " ".join(self.scopes)

    def get_user_code(self) -> str:
        return self.user_code

    def is_expired(self) -> bool:
        return self.spent or self.now() >= self.expires_at


def _same_redirect(registered: str, asked: str, *, loopback: LoopbackRedirects) -> bool:
    if hmac.compare_digest(registered.encode(), asked.encode("utf-8", "surrogateescape")):
        return True
    one, other = _without_port(registered), _without_port(asked)
    return one is not None and one == other and one[0] == "http" and one[1] in _ANY_PORT_HOSTS[loopback]


def _without_port(uri: str) -> tuple[str, str | None, str, str, str] | None:
    """Scheme, host, path, query and fragment; None for what is no plain URL (userinfo, a port that is no number)."""
    try:
        parts = urlsplit(uri)
        if "@" in parts.netloc or parts.port == 0:
            return None
    except ValueError:
        return None
    return parts.scheme, parts.hostname, parts.path, parts.query, parts.fragment
