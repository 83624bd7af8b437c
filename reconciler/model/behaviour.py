"""How an authorization server behaves towards everybody: the `spec` of a BaseProvider, and what a Provider may override.

The same frozen models are used twice: as written (URLs may hold `{parameter}` parts) and as resolved by
`decide/desired`, where every URL is whole and has passed `model.endpoint.parse_url`. Field names in YAML are camelCase.
Unknown keys are refused. Durations are texts like `6h` (`model.duration`). Nothing here is secret.
What must hold between fields is checked after base and overrides are merged (`decide/server_rules`), not here.
Sources: RFC 6749 (grants, errors), 7009 (revocation), 7591/7592 (registration), 7636 (PKCE), 7662 (introspection),
7523 (assertions), 8252 (native apps), 8414 (metadata), 8628 (device), 9126 (PAR), 9207 (iss), 9700 (rotation, reuse).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from reconciler.model.answer_rules import CallbackRules, ErrorRule, ErrorRules, ResponseFields
from reconciler.model.assertion_rules import AssertionRules
from reconciler.model.base_words import AccessRemoval, Announcement, ConsoleRules, Day
from reconciler.model.choices import (
    BasicEncoding,
    ClientAuth,
    IdentitySource,
    LifetimeKind,
    Loopback,
    Pkce,
    Renewal,
    Rotation,
)
from reconciler.model.extra_parameters import ExtraParameters, RefreshParameters
from reconciler.model.pattern import Pattern
from reconciler.model.request_rules import RequestShape
from reconciler.model.spec import (
    Duration,
    Flag,
    Line,
    NameText,
    Plain,
    ReadNumber,
    ReadWhole,
    Spec,
    Text,
    Window,
    one_of_these,
)
from reconciler.model.state import GrantType
from reconciler.model.taking_back import RevocationRules
from reconciler.model.token_rules import AccessTokenRules, RefreshLifetime, RefreshTokenRules

__all__ = [
    "AccessRemoval",
    "AccessTokenRules",
    "Announcement",
    "AssertionRules",
    "BasicEncoding",
    "Behaviour",
    "CallbackRules",
    "ClientAuth",
    "ConsoleRules",
    "Duration",
    "Endpoints",
    "ErrorRule",
    "ErrorRules",
    "IdentityRules",
    "IdentitySource",
    "LifetimeKind",
    "Line",
    "Loopback",
    "Parameter",
    "Pkce",
    "RateLimit",
    "RateRules",
    "RedirectRules",
    "RefreshLifetime",
    "RefreshTokenRules",
    "Renewal",
    "RequestShape",
    "ResponseFields",
    "RevocationRules",
    "Rotation",
    "ScopeRules",
    "ServerRules",
    "Spec",
    "Text",
]


class Endpoints(Spec):
    """Absolute URLs; `{name}` parts are filled from parameters. What is not given is discovered or unsupported."""

    authorization: Line | None = Field(None, description="the page where a person consents")
    token: Line | None = Field(None, description="where codes and refresh tokens are exchanged")
    refresh: Line | None = Field(None, description="only where refreshing has a URL of its own")
    exchange: Line | None = Field(
        None, description="where the code's token is exchanged for one that lives longer; see exchangeRequest"
    )
    probe: Line | None = Field(
        None,
        description="with renewal: probe, a page of the API that says by its status whether the token works; "
        "`{name}` parts are also filled from what was kept",
    )
    revocation: Line | None = Field(None, description="RFC 7009")
    introspection: Line | None = Field(None, description="RFC 7662")
    userinfo: Line | None = Field(None, description="OpenID Connect Core §5.3")
    registration: Line | None = Field(None, description="dynamic client registration, RFC 7591")
    device_authorization: Line | None = Field(None, description="RFC 8628")
    pushed_authorization_request: Line | None = Field(None, description="RFC 9126")
    jwks: Line | None = Field(None, description="the server's public keys")


class Parameter(Spec):
    """A part of a URL that each Provider fills. Fills one label or path segment, never a domain, unless by a choice."""

    model_config = one_of_these("pattern", "choices")

    description: Line
    pattern: Pattern | None = Field(None, description="regular expression that the value matches in full")
    default: Plain | None = Field(None, description="used where a Provider gives none")
    choices: dict[Line, Line] = Field(
        default_factory=dict,
        description="value that people write -> text in the URL; spelled out here, so it may be a whole host",
    )
    required: Flag = Field(True, description="false: without a value the URLs that name it are left out")

    @model_validator(mode="after")
    def _says_what_it_takes(self) -> Parameter:
        if self.pattern is None and not self.choices:
            raise ValueError("a parameter needs a pattern or choices")
        return self


class RedirectRules(Spec):
    """What redirect URI the provider's console accepts for a command on a laptop."""

    loopback: Loopback = Field(
        Loopback.IP, description="RFC 8252 §7.3; none: only a public https URI, so paste"
    )
    port: Annotated[int, Field(ge=1, le=65535), ReadWhole] | None = Field(
        None, description="for `fixed-port`"
    )
    path: Line = "/callback"
    sent_as: Line | None = Field(
        None,
        description="sent as `redirect_uri` where the provider wants a name for it; may hold `{parameter}`",
    )


class ScopeRules(Spec):
    """How scopes are written, asked for and answered (RFC 6749 §3.3)."""

    separator: Annotated[str, Field(min_length=1, max_length=1)] = " "
    mandatory: tuple[Line, ...] = Field(
        (), description="added where a person consents and the account lacks them, e.g. offline_access"
    )
    in_request: Flag = Field(True, description="false where scopes are set at the provider's console only")
    echoed: Flag = Field(True, description="false where the answer's `scope` does not tell what was granted")
    not_echoed: tuple[Line, ...] = Field(
        (), description="scopes that the answer's `scope` leaves out though granted"
    )
    aliases: dict[Line, Line] = Field(
        default_factory=dict, description="written scope -> how the answer spells it"
    )
    incremental: Flag = Field(False, description="the server adds new scopes to those granted before")
    incremental_parameters: ExtraParameters = Field(
        default_factory=dict, description="added where only new scopes are asked for: include_granted_scopes"
    )
    max_count: Annotated[int, Field(ge=1), ReadWhole] | None = Field(
        None, description="more scopes than this are refused by the provider"
    )
    pattern: Pattern | None = Field(None, description="regular expression that every scope matches in full")


class IdentityRules(Spec):
    """How to learn whose grant it is."""

    source: IdentitySource = IdentitySource.NONE
    claim: Line = Field("sub", description="field with the subject's stable id")
    email_claim: Line | None = Field(
        None, description="field with a name that people know: e-mail or user name"
    )
    tenant_claim: Line | None = Field(None, description="field with the id of the person's organisation")
    issuer: Line | None = Field(
        None, description="what `iss` of the ID token is, where not the server's issuer; {claim} for a claim"
    )
    scopes: tuple[Line, ...] = Field(
        (), description="added where an account says whose `identity` it must be"
    )


class RateLimit(Spec):
    """At most so many requests to the token endpoint within any such span."""

    requests: Annotated[int, Field(ge=1, le=100_000), ReadWhole]
    per: Window


class RateRules(Spec):
    concurrency: Annotated[int, Field(ge=1, le=64), ReadWhole] = Field(
        8, description="requests at the same time"
    )
    per_second: Annotated[float, Field(gt=0), ReadNumber] | None = None
    limit: RateLimit | None = Field(
        None,
        description="of refreshes, kept within a run and from one to the next; stay below what the provider blocks at",
    )


class ServerRules(Spec):
    """All but the parameters: what a Provider may override under `server`."""

    description: Text | None = None
    docs: tuple[Line, ...] = Field((), description="sources of what is said here")
    issuer: Line | None = Field(
        None, description="exact issuer identifier (RFC 8414 §2); discovered where endpoints are not given"
    )
    discovery: Flag = Field(
        False,
        description="fetch the issuer's metadata for endpoints not given; true by itself where `token` is not given",
    )
    issuer_in_response: Flag | None = Field(
        None, description="callbacks carry `iss` (RFC 9207); left out: as discovered"
    )
    endpoints: Endpoints = Endpoints()
    authorization_parameters: ExtraParameters = Field(
        default_factory=dict,
        description="added to the consent page's URL, e.g. access_type: offline; values may hold `{parameter}`",
    )
    device_parameters: ExtraParameters = Field(
        default_factory=dict, description="added to the request that begins the device flow"
    )
    token_parameters: ExtraParameters = Field(
        default_factory=dict, description="added to the request that exchanges a code"
    )
    refresh_parameters: RefreshParameters = Field(
        default_factory=dict, description="added to the refresh request"
    )
    request: RequestShape = Field(
        RequestShape(), description="how the consent page and the token endpoint want to be asked"
    )
    refresh_request: RequestShape | None = Field(
        None, description="the same for a refresh, where it differs from `request`"
    )
    exchange_request: RequestShape | None = Field(
        None,
        description="a second step after the code, where its token lives briefly; needs endpoints.exchange",
    )
    callback: CallbackRules = CallbackRules()
    grants: Annotated[tuple[GrantType, ...], Field(min_length=1)] = Field(
        (GrantType.AUTHORIZATION_CODE, GrantType.CLIENT_CREDENTIALS), description="what the server supports"
    )
    client_auth: ClientAuth = Field(
        ClientAuth.BASIC, description="how the client authenticates (RFC 6749 §2.3.1, RFC 7523 §2.2)"
    )
    basic_encoding: BasicEncoding = BasicEncoding.FORM
    assertion: AssertionRules = AssertionRules()
    pushed_authorization: Flag | None = Field(
        None,
        description="the authorization request is pushed first (RFC 9126); left out: where the issuer's metadata asks for it",
    )
    pkce: Pkce = Field(Pkce.REQUIRED, description="S256 (RFC 7636); sent unless `unsupported`")
    redirect: RedirectRules = RedirectRules()
    scopes: ScopeRules = ScopeRules()
    access_token: AccessTokenRules = AccessTokenRules()
    refresh_token: RefreshTokenRules = RefreshTokenRules()
    response: ResponseFields = ResponseFields()
    errors: ErrorRules = ErrorRules()
    identity: IdentityRules = IdentityRules()
    revocation: RevocationRules = RevocationRules()
    access_removal: AccessRemoval = AccessRemoval()
    console: ConsoleRules = ConsoleRules()
    rate: RateRules = RateRules()
    api_origins: tuple[Line, ...] = Field((), description="origins of the APIs that its tokens are for")
    former_origins: tuple[Line, ...] = Field(
        (), description="origins that this server's tokens came from before"
    )


class Behaviour(ServerRules):
    """Everything that is true of an authorization server for everybody."""

    base: NameText | None = Field(None, description="another base that this one departs from")
    parameters: dict[Line, Parameter] = Field(
        default_factory=dict, description="parts of URLs that each Provider fills"
    )
    verified_on: Day | None = Field(None, description="when the sources were last read")
    unverified: tuple[Line, ...] = Field(
        (), description="fields that no source of ours shows, by dotted path, e.g. refreshToken.lifetime"
    )
    notes: tuple[Line, ...] = Field((), description="what a person should know who uses this provider")
    announced: tuple[Announcement, ...] = ()
