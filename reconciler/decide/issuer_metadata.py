"""What an issuer says of itself (RFC 8414, OpenID Connect Discovery 1.0): any answer gives IssuerMetadata or a problem.

Rules:
- the `issuer` inside must be the issuer that was asked, character by character (RFC 8414 §3.3): else another server's
  metadata could send our credentials there;
- endpoints are checked as URLs; a broken token or authorization endpoint is a problem, another broken one is left out
  and noted; whether a credential may go there is for `decide/trust`;
- nothing else is believed: what the base spells out wins, and PKCE is sent whether or not it is announced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.decide.answer_document import read_json_object, text_at, value_at
from reconciler.errors import clean
from reconciler.model.answer import NoAnswer, Outcome
from reconciler.model.endpoint import Url, parse_url

_OIDC = ".well-known/openid-configuration"
_OAUTH = ".well-known/oauth-authorization-server"

_ENDPOINTS = {
    "authorization_endpoint": "authorization",
    "token_endpoint": "token",
    "revocation_endpoint": "revocation",
    "introspection_endpoint": "introspection",
    "userinfo_endpoint": "userinfo",
    "registration_endpoint": "registration",
    "device_authorization_endpoint": "device_authorization",
    "pushed_authorization_request_endpoint": "pushed_authorization_request",
    "jwks_uri": "jwks",
}
_MOST_ALGORITHMS = 20
_NEEDED = ("token_endpoint", "authorization_endpoint")


@dataclass(frozen=True, slots=True)
class IssuerMetadata:
    """`endpoints` by the names of `model.behaviour.Endpoints`; whole, checked URLs."""

    issuer: str
    endpoints: Mapping[str, str]
    issuer_in_response: bool
    """Callbacks carry `iss` (RFC 9207 §3)."""
    s256: bool | None
    """PKCE with S256 is announced; None: nothing is said of PKCE."""
    auth_methods: tuple[str, ...]
    """`token_endpoint_auth_methods_supported`; RFC 8414 says client_secret_basic where it is left out."""
    scopes: tuple[str, ...]
    pushed_only: bool = False
    """Authorization requests must be pushed (RFC 9126 §5)."""
    signing_algorithms: tuple[str, ...] = ()
    """`id_token_signing_alg_values_supported`."""
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class MetadataProblem:
    """`message` names the issuer and what is wrong; `transient`: later may be better."""

    message: str
    transient: bool = False


def metadata_urls(issuer: str, *, loopback: bool = False) -> tuple[Url, ...]:
    """Where an issuer's metadata may be, in the order to be asked: OpenID Connect Discovery §4, then RFC 8414 §3.1.

    ValueError where `issuer` is no issuer: not a checked URL, or with a query (RFC 8414 §2).
    """
    url = parse_url(issuer, allow_loopback_http=loopback)
    if "?" in issuer:
        raise ValueError("an issuer has no query")
    authority, _, path = url.text.partition("://")[2].partition("/")
    base, path = f"{url.origin.scheme}://{authority}", path.rstrip("/")
    appended = f"{base}/{path}/{_OIDC}" if path else f"{base}/{_OIDC}"
    inserted = f"{base}/{_OAUTH}/{path}" if path else f"{base}/{_OAUTH}"
    return tuple(parse_url(text, allow_loopback_http=loopback) for text in (appended, inserted))


def judge_metadata_answer(
    issuer: str, outcome: Outcome, *, loopback: bool = False
) -> IssuerMetadata | MetadataProblem:
    """Judge one answer to a metadata request."""
    shown = clean(issuer)
    if isinstance(outcome, NoAnswer):
        return MetadataProblem(f"metadata of {shown}: {outcome.why}", transient=True)
    if outcome.status != 200:
        transient = outcome.status in (408, 429) or outcome.status >= 500
        return MetadataProblem(f"metadata of {shown}: HTTP {outcome.status}", transient=transient)
    return judge_metadata(issuer, outcome.body.reveal(), loopback=loopback)


def _difference(issuer: str, said: str) -> str:
    """How the document's issuer differs, without repeating it: what a server says of itself may hold anything."""
    if not said:
        return "it names no issuer"
    if said.rstrip("/") == issuer.rstrip("/"):
        return f"its issuer is written {'with' if said.endswith('/') else 'without'} a slash at the end"
    return "its issuer is another one"


def judge_metadata(issuer: str, body: bytes, *, loopback: bool = False) -> IssuerMetadata | MetadataProblem:
    """Judge a metadata document; `loopback` admits http to this machine."""
    shown = clean(issuer)
    document = read_json_object(body)
    if document is None:
        return MetadataProblem(f"metadata of {shown}: not a JSON object")
    if text_at(document, "issuer") != issuer:
        return MetadataProblem(f"metadata of {shown}: {_difference(issuer, text_at(document, 'issuer'))}")
    notes: list[str] = []
    endpoints: dict[str, str] = {}
    for key, name in _ENDPOINTS.items():
        if value_at(document, key) is None:
            continue
        url = _checked(value_at(document, key), loopback=loopback)
        if url is not None:
            endpoints[name] = url.text
        elif key in _NEEDED:
            return MetadataProblem(f"metadata of {shown}: {key} is no usable URL")
        else:
            notes.append(f"{key} is no usable URL and is left out")
    if "token" not in endpoints:
        return MetadataProblem(f"metadata of {shown}: token_endpoint is missing")
    methods = value_at(document, "code_challenge_methods_supported")
    s256 = "S256" in methods if isinstance(methods, list) else None
    if s256 is False:
        notes.append("PKCE with S256 is not among what it announces")
    return IssuerMetadata(
        issuer=issuer,
        endpoints=endpoints,
        issuer_in_response=value_at(document, "authorization_response_iss_parameter_supported") is True,
        s256=s256,
        auth_methods=_texts(value_at(document, "token_endpoint_auth_methods_supported"))
        or ("client_secret_basic",),
        scopes=_texts(value_at(document, "scopes_supported")),
        pushed_only=value_at(document, "require_pushed_authorization_requests") is True,
        signing_algorithms=_algorithms(value_at(document, "id_token_signing_alg_values_supported")),
        notes=tuple(notes),
    )


def _checked(value: Any, *, loopback: bool) -> Url | None:
    try:
        return parse_url(value, allow_loopback_http=loopback) if isinstance(value, str) else None
    except ValueError:
        return None


def _algorithms(value: Any) -> tuple[str, ...]:
    """Names that look like algorithms (RFC 7518 §3.1), few: they are kept on record."""
    named = (text for text in _texts(value)[:_MOST_ALGORITHMS] if text.isalnum() and len(text) <= 16)
    return tuple(dict.fromkeys(named))


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
