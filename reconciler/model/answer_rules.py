"""Where a server's answers hold what the protocol needs, and what its refusals mean: data for `decide/token_response`.

Rules:
- a path is dotted, a number counts in a list (`errors.0.errorType`); several paths are tried in order, the first that
  holds anything counts; of descriptions all are read;
- what is kept of an answer or a callback is an identifier that workloads need (a company, a shop, an API's host), never
  a secret: it is published beside the access token.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from reconciler.model.choices import TimeUnit
from reconciler.model.spec import LINE_PATTERN, Line, Plain, ReadWhole, Spec, Window, one_of_these
from reconciler.model.state import ErrorClass, Reason


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


_PATH: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 512, "pattern": LINE_PATTERN}
Paths = Annotated[
    tuple[Line, ...],
    BeforeValidator(_several),
    WithJsonSchema({"anyOf": [_PATH, {"type": "array", "items": _PATH}]}),
]
"""One path, or several that are tried in order."""


class ResponseFields(Spec):
    """Where an answer of the token endpoint holds what, for providers that depart from RFC 6749 §5.1."""

    access_token: Paths = ("access_token",)
    refresh_token: Paths = ("refresh_token",)
    token_type: Paths = ("token_type",)
    bearer_types: tuple[Line, ...] = Field(
        (), description="values of `token_type` that mean Bearer here, e.g. User Access Token"
    )
    expires_in: Paths = ("expires_in",)
    expires_in_unit: TimeUnit = TimeUnit.SECONDS
    expires_at: Paths = Field(
        (), description="instant instead of a span: RFC 3339 text, or Unix seconds or milliseconds"
    )
    scope: Paths = ("scope",)
    error: Paths = ("error",)
    error_description: Paths = ("error_description",)
    keep: tuple[Line, ...] = Field(
        (), description="identifiers to keep and publish with the token, e.g. instance_url; never a secret"
    )


class CallbackRules(Spec):
    """What the browser comes back with besides RFC 6749 §4.1.2."""

    code: Line = Field("code", description="the parameter that holds the authorization code")
    code_lifetime: Window | None = Field(None, description="how long a code works: a paste may come too late")
    keep: tuple[Line, ...] = Field(
        (), description="parameters to keep and publish with the token, e.g. realmId; never a secret"
    )
    server: Line | None = Field(
        None,
        description="parameter that names the server where the grant lives: its host must be the token endpoint's",
    )
    scope: Line | None = Field(None, description="parameter that says which scopes the person granted")
    signature: Line | None = Field(
        None,
        description="parameter that signs all the others with the client's secret: HMAC-SHA256 in hexadecimal of "
        "`name=value`, sorted by name and joined by `&`; a callback without it is refused",
    )


class ErrorRule(Spec):
    """One row of an error table: all given conditions must hold. First match wins."""

    model_config = one_of_these("error", "status", "code", "match")

    error: Plain | None = Field(None, description="the OAuth `error` code")
    status: Annotated[int, Field(ge=100, le=599), ReadWhole] | None = Field(
        None, description="the HTTP status"
    )
    code: Plain | None = Field(
        None,
        description="the provider's own code, e.g. AADSTS70008; 190/458 for the codes of two fields at once, "
        "200-299 for a span of numbers",
    )
    match: Line | None = Field(None, description="text within error_description (case-insensitive)")
    judge: ErrorClass = Field(alias="class", description="how the answer is judged")
    reason: Reason | None = Field(None, description="what the report says; by default what the class says")
    note: Line | None = None

    @model_validator(mode="after")
    def _has_a_condition(self) -> ErrorRule:
        if self.error is None and self.status is None and self.code is None and self.match is None:
            raise ValueError("an error rule needs a condition: error, status, code or match")
        return self


class ErrorRules(Spec):
    table: tuple[ErrorRule, ...] = Field((), description="first match wins")
    code_fields: tuple[Line, ...] = Field(
        (), description="dotted paths to the provider's own codes (text or list)"
    )
    code_prefix: str = Field("", max_length=32, description="put before numeric codes, e.g. AADSTS")
