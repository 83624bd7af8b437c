"""What becomes of a server's tokens: how long they live, what a refresh does to them, and what else ends them.

Rules: a lifetime in an answer counts more than the one that stands here; what nobody knows is left out, or `unknown`,
and then the careful way is taken. Sources: RFC 6749 §6, RFC 9700 §4.14 (rotation, reuse).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from reconciler.model.choices import CauseScope, LifetimeKind, Renewal, Rotation
from reconciler.model.request_rules import token_header
from reconciler.model.spec import Flag, Line, ReadWhole, Spec, Window


class AccessTokenRules(Spec):
    lifetime: Window | None = Field(
        None,
        description="where the answer has no `expires_in`; with renewal: probe, how long a check is good for",
    )
    min_age: Window | None = Field(None, description="refreshing a younger token is refused by the provider")
    last_of_life: Window | None = Field(
        None, description="refreshing is refused before this last part of the token's life"
    )
    dies_at_refresh: Flag = Field(
        False, description="the running access token dies when it is refreshed: refreshed late, not early"
    )
    header: Annotated[Line, AfterValidator(token_header)] = Field(
        "Authorization", description="the header in which the provider's APIs take it"
    )
    scheme: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,31}$")] = Field(
        "Bearer", description="the word before the token in that header"
    )


class RefreshLifetime(Spec):
    """How long a refresh token lives: `idle` from its last use, `absolute` from the consent."""

    kind: LifetimeKind = LifetimeKind.UNKNOWN
    idle: Window | None = None
    absolute: Window | None = None
    configurable: Flag = Field(
        False,
        description="the customer's administrator may have set another: what stands here is the default",
    )


class Cause(Spec):
    """What ends a grant besides time."""

    what: Line = Field(description="in words, e.g. the password was changed")
    ends: CauseScope = Field(CauseScope.GRANT, description="one grant, or those of the whole application")


class LiveLimit(Spec):
    """How many grants of one person and client live at a time; the next one ends the oldest."""

    count: Annotated[int, Field(ge=1, le=100_000), ReadWhole]
    per: Line = Field("person and application", description="in words")


class RefreshTokenRules(Spec):
    renewal: Renewal = Field(
        Renewal.REFRESH_TOKEN, description="what keeps a grant alive where there is no refresh token"
    )
    rotation: Rotation = Field(
        Rotation.UNKNOWN,
        description="what becomes of a refresh token that was used; unknown counts as single-use",
    )
    grace: Window | None = Field(None, description="how long a rotated token may still be presented")
    reuse_revokes: Flag = Field(
        False, description="presenting a spent token ends the whole grant (RFC 9700 §4.14.2)"
    )
    lifetime: RefreshLifetime = RefreshLifetime()
    testing: Window | None = Field(
        None, description="how long grants live while the app is in testing at the provider, for the forecast"
    )
    lifetime_field: Line | None = Field(
        None, description="answer field with the refresh token's seconds to live"
    )
    end_field: Line | None = Field(
        None, description="answer field with the instant at which it ends: RFC 3339 text, or a Unix time"
    )
    sends_scope: Flag = Field(False, description="the refresh request repeats the scopes")
    sends_redirect_uri: Flag = Field(
        False, description="the refresh request repeats the redirect URI of the consent"
    )
    missing: Line | None = Field(
        None, description="in words: why a consent may bring no refresh token, what to do"
    )
    max_live: LiveLimit | None = None
    causes: tuple[Cause, ...] = Field((), description="what ends a grant besides time")
