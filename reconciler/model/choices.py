"""The closed vocabularies of a BaseProvider. Values are what people write.

Sources: RFC 6749 §2.3.1 and RFC 7523 §2 (client authentication), 7636 (PKCE), 8252 §§7.3, 8.3 (loopback redirects),
9700 §4.14 (rotation).
"""

from __future__ import annotations

from enum import StrEnum


class ClientAuth(StrEnum):
    """How the client authenticates at the token endpoint (RFC 6749 §2.3.1, RFC 7523 §2.2). Never probed."""

    BASIC = "basic"
    POST = "post"
    NONE = "none"
    BEARER = "bearer"
    """The secret is sent as a bearer token, and authenticates alone."""
    SECRET_AS_USER = "secret-as-user"
    """Basic authentication with the secret as the user's name and no password."""
    PRIVATE_KEY_JWT = "private_key_jwt"
    CLIENT_SECRET_JWT = "client_secret_jwt"

    @property
    def has_key_pair(self) -> bool:
        """True where a private key of ours authenticates the client."""
        return self is ClientAuth.PRIVATE_KEY_JWT


class AssertionScope(StrEnum):
    """Where a `jwt_bearer` grant says its scopes: RFC 7523 §2.1 in the request, Google in the assertion."""

    REQUEST = "request"
    CLAIM = "claim"


class BasicEncoding(StrEnum):
    """`form`: id and secret are form-encoded before base64, as RFC 6749 §2.3.1 says; `raw`: as many providers do."""

    FORM = "form"
    RAW = "raw"


class Pkce(StrEnum):
    """Whether the authorization request carries an S256 challenge (RFC 7636). `unsupported`: it must not."""

    REQUIRED = "required"
    SUPPORTED = "supported"
    UNSUPPORTED = "unsupported"


class Loopback(StrEnum):
    """Which loopback redirect the provider's console accepts (RFC 8252 §7.3, §8.3)."""

    IP = "ip"
    LOCALHOST = "localhost"
    FIXED_PORT = "fixed-port"
    NONE = "none"


class Rotation(StrEnum):
    """What becomes of a refresh token that was used. What is not known for sure is treated as `single-use`."""

    REUSABLE = "reusable"
    SINGLE_USE = "single-use"
    SINGLE_USE_WITH_GRACE = "single-use-with-grace"
    OLD_STAYS_VALID = "old-stays-valid"
    PERIODIC = "periodic"
    """A new one comes now and then, and ends the one before."""
    BY_SETTING = "by-setting"
    """A setting at the provider decides; whoever knows it says so under `server`."""
    UNKNOWN = "unknown"

    @property
    def needs_intent(self) -> bool:
        """True where presenting the token twice can destroy the grant: a write-ahead intent is due."""
        return self not in (Rotation.REUSABLE, Rotation.OLD_STAYS_VALID)


class LifetimeKind(StrEnum):
    """`idle`: counted from the last use; `absolute`: from the consent; `none`: no fixed end; `unknown`: nobody says."""

    UNKNOWN = "unknown"
    NONE = "none"
    IDLE = "idle"
    ABSOLUTE = "absolute"
    IDLE_AND_ABSOLUTE = "idle-and-absolute"


class IdentitySource(StrEnum):
    """Where the subject of a grant is read from."""

    NONE = "none"
    ID_TOKEN = "id-token"
    USERINFO = "userinfo"
    INTROSPECTION = "introspection"
    TOKEN_RESPONSE = "token-response"
    CALLBACK = "callback"


class BodyFormat(StrEnum):
    """How the fields of a request are sent. `query`: a GET with the fields in its URL."""

    FORM = "form"
    JSON = "json"
    QUERY = "query"


class TimeUnit(StrEnum):
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"


class Renewal(StrEnum):
    """What keeps a grant alive. `access-token`: the living access token is presented and a new one comes.
    `probe`: nothing is renewed, the token lives until it is removed, and a call tells whether it still works."""

    REFRESH_TOKEN = "refresh-token"
    ACCESS_TOKEN = "access-token"
    PROBE = "probe"


class CauseScope(StrEnum):
    """Whose grants a cause ends."""

    GRANT = "grant"
    APPLICATION = "application"
