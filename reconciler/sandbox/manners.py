"""How a sandbox speaks: the habits of one provider, as plain data, where they depart from the RFCs.

A sandbox without manners speaks RFC 6749. With them, `dialect` reads requests and writes answers as that provider does, and
the world keeps its limits. Who knows providers makes the data (`reconciler sandbox --like NAME`); here nobody does.

Rules: durations are seconds by the sandbox's clock; paths in answers are dotted; a refusal is the status and the whole body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a token request is written: `body` is form, json or query; `names`: the RFC's name -> this provider's."""

    body: str = "form"
    names: Mapping[str, str] = field(default_factory=dict)
    omit: tuple[str, ...] = ()
    grant_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """More than `requests` token requests of one client within `per_seconds` are refused, and all for `block_seconds`."""

    requests: int
    per_seconds: float
    block_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """`like`: whose they are. `renewal`: refresh-token, access-token (the token itself is renewed) or probe."""

    like: str = ""
    request: Shape = field(default_factory=Shape)
    refresh_request: Shape | None = None
    exchange_request: Shape | None = None
    """How the code's token is exchanged for one that lives longer, at /exchange."""
    authentication: str = "client_secret_basic"
    renewal: str = "refresh-token"
    token_header: str = "Authorization"
    token_scheme: str = "Bearer"
    """How access tokens are presented to the provider's APIs."""
    scope_separator: str = " "
    scopes_echoed: bool = True
    fields: Mapping[str, str] = field(default_factory=dict)
    """RFC's field -> dotted path in the answer, where it is another; '' leaves the field out."""
    expiry: str = "seconds"
    """seconds, milliseconds, or instant (RFC 3339 text)."""
    keep: tuple[str, ...] = ()
    """Identifiers that answers hold besides, dotted."""
    offline: Mapping[str, str] = field(default_factory=dict)
    """What the consent page's request must say for a refresh token to come."""
    offline_scopes: tuple[str, ...] = ()
    callback_code: str = "code"
    callback_keep: tuple[str, ...] = ()
    callback_server: str = ""
    callback_signature: str = ""
    """The parameter that signs all others with the client's secret."""
    refusals: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """RFC's error -> {status, body}."""
    throttle: Throttle | None = None

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> Manners:
        """The field names above; TypeError for one that is none."""
        fields = dict(document)
        for name in ("request", "refresh_request", "exchange_request"):
            if fields.get(name) is not None:
                fields[name] = Shape(**_with_tuples(fields[name], "omit"))
        if fields.get("throttle") is not None:
            fields["throttle"] = Throttle(**fields["throttle"])
        return Manners(**_with_tuples(fields, "keep", "offline_scopes", "callback_keep"))


def _with_tuples(document: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: tuple(value) if key in names else value for key, value in document.items()}
