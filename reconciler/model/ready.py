"""A provider that may be called in this run: client known, endpoints known and trusted. Made by the engine, used by
refresh and consent; holds secrets, so it is never rendered."""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.model.assertion import AssertionTerms
from reconciler.model.behaviour import BasicEncoding, ClientAuth
from reconciler.model.desired import DesiredProvider
from reconciler.model.endpoint import TrustedUrl, Url
from reconciler.model.secret import Secret


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """How we authenticate at the token endpoint. `secret` None with `auth` NONE: a public client.

    `assertions`: how its JWTs are made, for `private_key_jwt`, `client_secret_jwt` and `jwt_bearer`.
    """

    client_id: str
    secret: Secret | None
    auth: ClientAuth
    encoding: BasicEncoding = BasicEncoding.FORM
    assertions: AssertionTerms | None = None


@dataclass(frozen=True, slots=True)
class ReadyEndpoints:
    """Whole URLs; those that receive a credential have passed trust. `authorization` is opened by a person."""

    token: TrustedUrl
    refresh: TrustedUrl
    authorization: Url | None = None
    revocation: TrustedUrl | None = None
    introspection: TrustedUrl | None = None
    userinfo: TrustedUrl | None = None
    exchange: TrustedUrl | None = None
    probe: TrustedUrl | None = None
    pushed_authorization_request: TrustedUrl | None = None
    jwks: Url | None = None
    device_authorization: TrustedUrl | None = None


@dataclass(frozen=True, slots=True)
class ReadyProvider:
    desired: DesiredProvider
    endpoints: ReadyEndpoints
    client: ClientCredentials
    issuer: str | None = None
    issuer_in_response: bool = False
    pushes_authorization: bool = False
    """The authorization request is pushed before the person is sent there (RFC 9126)."""
    signing_algorithms: tuple[str, ...] = ()
    """What the issuer announces for ID tokens; empty: nothing is known."""
    secret_version: int | None = None
    """KV version of the client secret in `client`; None for public and dynamic clients."""
    last_good: ClientCredentials | None = None
    """Credentials of the last version that worked, where that is another one than `secret_version`."""
    redirect_uri: str | None = None
    notes: tuple[str, ...] = field(default=())
