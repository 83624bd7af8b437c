"""How requests to a server are written where it departs from RFC 6749 §§4.1.3 and 6: bodies, names, what is left out.

Rules:
- a shape renames and leaves out, it never adds a credential; which fields there are is the protocol's, not the data's;
- no field is called by the name of another one: a secret sent as `scope` would come back as one, and be shown;
- header names that carry credentials, or that say how the body is read, are the tool's own;
- with `query` the fields travel in the URL of a GET: only for servers that take nothing else.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from reconciler.model.choices import BodyFormat
from reconciler.model.extra_parameters import is_ours
from reconciler.model.spec import Line, Plain, Spec

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_OURS = frozenset(
    {
        *("accept", "accept-encoding", "authorization", "connection", "content-length", "content-type"),
        *("cookie", "host", "proxy-authorization", "te", "transfer-encoding", "upgrade"),
    }
)
RENAMED = frozenset(
    {
        *("client_id", "client_secret", "redirect_uri", "scope", "code", "code_verifier"),
        *("grant_type", "refresh_token", "response_type"),
    }
)
"""What a server may call otherwise, or take without."""
_SAME = frozenset({("refresh_token", "access_token")})
"""Where what renews an access token is the access token itself."""


def _free_headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or not value.isascii():
            raise ValueError(f"{name} is no header that can be sent")
        if name.lower() in _OURS:
            raise ValueError(f"{name} is set by the tool itself: leave it out")
    return headers


def token_header(name: str) -> str:
    """`name` itself where a token may travel in it: Authorization, or a header that means nothing to HTTP."""
    if not _TOKEN.fullmatch(name) or (name.lower() in _OURS and name.lower() != "authorization"):
        raise ValueError("must be Authorization, or a header that means nothing to HTTP itself")
    return name


def _known_fields(names: dict[str, str]) -> dict[str, str]:
    if unknown := sorted(names.keys() - RENAMED):
        raise ValueError(f"{unknown[0]} is no field that can be renamed: {', '.join(sorted(RENAMED))}")
    taken = (
        ours for ours, theirs in sorted(names.items()) if is_ours(theirs) and (ours, theirs) not in _SAME
    )
    if (ours := next(taken, None)) is not None:
        raise ValueError(f"{ours} may not be called {names[ours]}: that is another field of the protocol")
    return names


def _known_omissions(names: tuple[str, ...]) -> tuple[str, ...]:
    if unknown := sorted(set(names) - RENAMED):
        raise ValueError(f"{unknown[0]} is no field that can be left out: {', '.join(sorted(RENAMED))}")
    return names


class RequestShape(Spec):
    """One kind of request, where the server departs from the RFC."""

    body: BodyFormat = BodyFormat.FORM
    names: Annotated[dict[Line, Line], AfterValidator(_known_fields)] = Field(
        default_factory=dict,
        description="the protocol's name of a field -> the server's, e.g. client_id: client_key",
    )
    omit: Annotated[tuple[Line, ...], AfterValidator(_known_omissions)] = Field(
        (), description="fields of the protocol that this server does without, e.g. grant_type"
    )
    grant_type: Line | None = Field(None, description="instead of the protocol's own `grant_type`")
    headers: Annotated[dict[Line, Plain], AfterValidator(_free_headers)] = Field(
        default_factory=dict, description="headers that the server insists on, e.g. a version of its API"
    )
