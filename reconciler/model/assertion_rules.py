"""What a base says of the JWTs that its clients sign (RFC 7523 §3): for whom, how, for how long, and where scopes stand.

Nothing here is secret. Which defaults stand for what is left out is decided in `decide/client_assertion`; what must hold
between fields in `decide/server_rules`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from reconciler.model.assertion import SigningAlgorithm
from reconciler.model.choices import AssertionScope
from reconciler.model.spec import Line, Spec, Window


def _at_most_an_hour(value: timedelta) -> timedelta:
    if value > timedelta(hours=1):
        raise ValueError("must be at most 1h")
    return value


AssertionLifetime = Annotated[Window, AfterValidator(_at_most_an_hour)]


class AssertionRules(Spec):
    """The JWTs of `private_key_jwt`, `client_secret_jwt` and `jwt_bearer` (RFC 7523 §3)."""

    audience: Line | None = Field(
        None,
        description="`issuer`, `token-endpoint`, or what the provider wants to be called, which may hold `{parameter}`; by "
        "default the token endpoint for jwt_bearer, and for client authentication the issuer where it is known",
    )
    algorithm: SigningAlgorithm | None = Field(
        None,
        description="by default RS256, ES256, ES384, ES512 or EdDSA as the key is; HS256 for a client secret",
    )
    lifetime: AssertionLifetime = Field(
        timedelta(minutes=2), description="from `iat` to `exp`, at most an hour"
    )
    scope: AssertionScope = Field(
        AssertionScope.REQUEST, description="where a jwt_bearer grant says its scopes"
    )
