"""How a grant is taken back at its provider: a part of a base's behaviour.

RFC 7009 where nothing else is said: a form post of the refresh token, with the client's authentication. Providers that have an
endpoint of their own say which token it wants, under which name, or that it is a DELETE with the access token as bearer.
"""

from __future__ import annotations

import re
from enum import StrEnum

from pydantic import Field, model_validator

from reconciler.model.spec import Line, Spec

_PATH = re.compile(r"(?:[A-Za-z0-9/_-]|\.(?!\.)|\{subject\}|\{clientId\}){1,200}")


class RevocationMethod(StrEnum):
    """`post`: a form post with client authentication; `delete`: a DELETE with the access token as bearer, no body."""

    POST = "post"
    DELETE = "delete"


class RevokedToken(StrEnum):
    """Which token the endpoint wants."""

    REFRESH = "refresh"
    ACCESS = "access"


class RevocationReach(StrEnum):
    """What one revocation ends: this grant, or everything that this person granted to the app."""

    GRANT = "grant"
    APP = "app"


class RevocationRules(Spec):
    """Where the revocation endpoint departs from RFC 7009, and how far it reaches."""

    method: RevocationMethod = Field(
        RevocationMethod.POST, description="`delete`: with the access token as bearer, and no body"
    )
    token: RevokedToken = Field(RevokedToken.REFRESH, description="which token is posted")
    parameter: Line = Field("token", description="under which name it is posted")
    path: Line | None = Field(
        None,
        description="added to the endpoint's URL; `{subject}` and `{clientId}` are filled in, quoted",
    )
    reach: RevocationReach = Field(
        RevocationReach.GRANT,
        description="what one revocation ends: this grant, or all that this person granted to the app",
    )

    @model_validator(mode="after")
    def _can_be_filled(self) -> RevocationRules:
        if self.path is not None and _PATH.fullmatch(self.path) is None:
            raise ValueError("a path holds letters, digits and '/', '-', '_', '.', {subject} and {clientId}")
        if self.method is RevocationMethod.DELETE and self.token is not RevokedToken.ACCESS:
            raise ValueError("a DELETE carries the access token: write `token: access`")
        return self
