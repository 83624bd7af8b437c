"""How an authorization server behaves towards everybody: the `spec` of a BaseProvider, and what a Provider may override.

The same frozen model is used twice: as written (endpoints may hold `{parameter}` parts) and as resolved by
`decide/desired`, where every URL is whole and has passed `model.endpoint.parse_url`. Field names in YAML are camelCase.
Unknown keys are refused. Durations are texts like `6h` (`model.duration`). Nothing here is secret.

Sources: RFC 6749 (grants, errors), 7009 (revocation), 7591/7592 (registration), 7636 (PKCE), 7662 (introspection),
8252 (native apps), 8414 (metadata), 8628 (device), 9126 (PAR), 9207 (iss), 9700 (rotation, reuse).
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

from reconciler.model.duration import format_duration, parse_duration
from reconciler.model.state import ErrorClass, GrantType, Reason


class Spec(BaseModel):
    """Base of every model that people write: frozen, camelCase, no unknown keys, no input in errors."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,
    )


def _duration(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str) else value


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": r"^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$", "examples": ["6h"]}
    ),
]
Text = Annotated[str, Field(min_length=1, max_length=4096)]
Line = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f]+$")]


class ClientAuth(StrEnum):
    """How the client authenticates at the token endpoint (RFC 6749 §2.3.1, RFC 7523 §2.2). Never probed."""

    BASIC = "basic"
    POST = "post"
    NONE = "none"


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
    """What becomes of a refresh token that was used. `unknown` is treated as `single-use`."""

    REUSABLE = "reusable"
    SINGLE_USE = "single-use"
    SINGLE_USE_WITH_GRACE = "single-use-with-grace"
    OLD_STAYS_VALID = "old-stays-valid"
    UNKNOWN = "unknown"

    @property
    def needs_intent(self) -> bool:
        """True where presenting the token twice can destroy the grant: a write-ahead intent is due."""
        return self not in (Rotation.REUSABLE, Rotation.OLD_STAYS_VALID)


class LifetimeKind(StrEnum):
    """`idle`: counted from the last use; `absolute`: from the consent."""

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


class Endpoints(Spec):
    """Absolute URLs; `{name}` parts are filled from parameters. What is not given is discovered or unsupported."""

    authorization: Line | None = None
    token: Line | None = None
    refresh: Line | None = Field(None, description="only where refreshing has a URL of its own")
    revocation: Line | None = None
    introspection: Line | None = None
    userinfo: Line | None = None
    registration: Line | None = None
    device_authorization: Line | None = None
    pushed_authorization_request: Line | None = None
    jwks: Line | None = None


class Parameter(Spec):
    """A part of a URL that each Provider fills. Fills one label or path segment, never a domain."""

    description: Line
    pattern: Line = Field(description="regular expression that the value matches in full")
    default: Line | None = None
    choices: dict[str, Line] = Field(
        default_factory=dict, description="value written by people -> text in the URL"
    )
    required: bool = True


class RedirectRules(Spec):
    """What redirect URI the provider's console accepts for a command on a laptop."""

    loopback: Loopback = Loopback.IP
    port: int | None = Field(None, ge=1, le=65535, description="for `fixed-port`")
    path: Line = "/callback"


class ScopeRules(Spec):
    separator: Annotated[str, Field(min_length=1, max_length=1)] = " "
    mandatory: tuple[Line, ...] = Field((), description="added to every request where an account lacks them")
    in_request: bool = Field(True, description="False where scopes are set at the provider's console only")
    echoed: bool = Field(True, description="False where the answer's `scope` does not tell what was granted")
    not_echoed: tuple[Line, ...] = Field(
        (), description="scopes that the answer's `scope` leaves out though granted"
    )
    aliases: dict[str, Line] = Field(
        default_factory=dict, description="written scope -> how the answer spells it"
    )
    incremental: bool = False
    max_count: int | None = Field(None, ge=1, description="more scopes than this are refused by the provider")
    pattern: Line | None = Field(None, description="regular expression that every scope matches in full")


class AccessTokenRules(Spec):
    lifetime: Duration | None = Field(None, description="where the answer has no `expires_in`")
    min_age: Duration | None = Field(
        None, description="refreshing a younger token is refused by the provider"
    )


class RefreshLifetime(Spec):
    kind: LifetimeKind = LifetimeKind.NONE
    idle: Duration | None = None
    absolute: Duration | None = None


class RefreshTokenRules(Spec):
    rotation: Rotation = Rotation.UNKNOWN
    grace: Duration | None = Field(None, description="how long a rotated token may still be presented")
    lifetime: RefreshLifetime = RefreshLifetime()
    lifetime_field: Line | None = Field(
        None, description="answer field with the refresh token's seconds to live"
    )
    sends_scope: bool = Field(False, description="the refresh request repeats the scopes")
    missing: Line | None = Field(
        None, description="in words: why a consent may bring no refresh token, what to do"
    )


class ResponseFields(Spec):
    """Dotted paths into the token answer, for providers that depart from RFC 6749 §5.1."""

    access_token: Line = "access_token"
    refresh_token: Line = "refresh_token"
    token_type: Line = "token_type"
    expires_in: Line = "expires_in"
    scope: Line = "scope"
    error: Line = "error"
    error_description: Line = "error_description"


class ErrorRule(Spec):
    """One row of an error table: all given conditions must hold. First match wins."""

    error: Line | None = Field(None, description="the OAuth `error` code")
    status: int | None = Field(None, ge=100, le=599)
    code: Line | None = Field(None, description="the provider's own code, e.g. AADSTS70008")
    match: Line | None = Field(None, description="text within error_description (case-insensitive)")
    judge: ErrorClass = Field(alias="class")
    reason: Reason | None = None
    note: Line | None = None


class ErrorRules(Spec):
    table: tuple[ErrorRule, ...] = ()
    code_fields: tuple[Line, ...] = Field(
        (), description="dotted paths to the provider's own codes (text or list)"
    )
    code_prefix: str = Field("", max_length=32, description="put before numeric codes, e.g. AADSTS")


class IdentityRules(Spec):
    source: IdentitySource = IdentitySource.NONE
    claim: Line = "sub"
    email_claim: Line | None = None


class AccessRemoval(Spec):
    """Where a person removes the app's access, so that the next consent starts afresh."""

    url: Line | None = None
    steps: Line | None = None


class ConsoleRules(Spec):
    """Where the client is registered by hand, shown with the redirect URI to enter there."""

    url: Line | None = None
    steps: Line | None = None


class RateRules(Spec):
    concurrency: int = Field(8, ge=1, le=64)
    per_second: float | None = Field(None, gt=0)


class Behaviour(Spec):
    """Everything that is true of an authorization server for everybody."""

    description: Line | None = None
    docs: tuple[Line, ...] = Field((), description="sources of what is said here")
    issuer: Line | None = Field(
        None, description="exact issuer identifier (RFC 8414 §2); discovered where endpoints are not given"
    )
    discovery: bool = Field(
        False, description="fetch the issuer's metadata and fill endpoints that are not given"
    )
    issuer_in_response: bool | None = Field(
        None, description="callbacks carry `iss` (RFC 9207); None: as discovered"
    )
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    endpoints: Endpoints = Endpoints()
    authorization_parameters: dict[str, Line] = Field(default_factory=dict)
    token_parameters: dict[str, Line] = Field(default_factory=dict)
    refresh_parameters: dict[str, Line] = Field(default_factory=dict)
    grants: tuple[GrantType, ...] = (GrantType.AUTHORIZATION_CODE, GrantType.CLIENT_CREDENTIALS)
    client_auth: ClientAuth = ClientAuth.BASIC
    basic_encoding: BasicEncoding = BasicEncoding.FORM
    pkce: Pkce = Pkce.REQUIRED
    redirect: RedirectRules = RedirectRules()
    scopes: ScopeRules = ScopeRules()
    access_token: AccessTokenRules = AccessTokenRules()
    refresh_token: RefreshTokenRules = RefreshTokenRules()
    response: ResponseFields = ResponseFields()
    errors: ErrorRules = ErrorRules()
    identity: IdentityRules = IdentityRules()
    access_removal: AccessRemoval = AccessRemoval()
    console: ConsoleRules = ConsoleRules()
    rate: RateRules = RateRules()
    api_origins: tuple[Line, ...] = ()
    former_origins: tuple[Line, ...] = Field(
        (), description="origins that this server's tokens came from before"
    )
