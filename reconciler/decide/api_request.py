"""Where a request with an account's token may go, and what it may carry (DESIGN §8, "the API origins").

Rules:
- only to an origin that the provider's base lists under `apiOrigins`, and that trust has bound to its credential: not to
  a host that somebody typed, nor to one that a change in Git added;
- a path alone goes to the first listed origin;
- only what that provider itself gave out: a token of another provider or client is sent nowhere;
- headers that carry a credential or that frame the message are ours alone.
Pure; nothing of an answer's body ever enters a message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

from reconciler.decide.account_view import AccountView
from reconciler.decide.trust import BoundAlready, TrustDecision, permit
from reconciler.decide.trust_origins import client_credential
from reconciler.errors import (
    ObjectFailed,
    ProviderFailed,
    ReconcilerError,
    TrustRefused,
    UsageError,
    clean,
)
from reconciler.model.desired import DesiredProvider
from reconciler.model.endpoint import Origin, TrustedUrl, Url, parse_origin, parse_url
from reconciler.model.names import Address

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_METHOD = re.compile(r"[A-Z]{1,20}")
_VALUE = re.compile(r"[\x20-\x7e]{0,4096}")
_CREDENTIALS = frozenset({"authorization", "proxy-authorization"})
_FRAMING = frozenset(
    {
        "accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te",
        "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"


def api_origins(provider: DesiredProvider, *, loopback: bool) -> tuple[Origin, ...]:
    """As the base lists them. TrustRefused where one is none that the settings admit."""
    try:
        return tuple(
            parse_origin(text, allow_loopback_http=loopback) for text in provider.behaviour.api_origins
        )
    except ValueError as problem:
        raise TrustRefused(f"{provider.address}: apiOrigins: {problem}", hint=_declare(provider)) from None


def api_url(
    text: str, provider: DesiredProvider, *, query: Iterable[tuple[str, str]] = (), loopback: bool
) -> Url:
    """The URL that is meant, with `query` added. UsageError where it is none, TrustRefused where its origin is not listed."""
    listed = api_origins(provider, loopback=loopback)
    if not listed:
        raise TrustRefused(
            f"{provider.address}: its base lists no API origin, so its tokens are sent to none",
            hint=_declare(provider),
        )
    whole = f"{listed[0]}{text}" if text.startswith("/") and not text.startswith("//") else text
    added = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    if added:
        whole += ("" if whole.endswith(("?", "&")) else "&" if "?" in whole else "?") + added
    try:
        url = parse_url(whole, allow_loopback_http=loopback)
    except ValueError as problem:
        raise UsageError(
            f"the URL cannot be requested: {problem}",
            hint="write it whole, or a path that begins with '/' at the first API origin of the base",
        ) from None
    if url.origin not in listed:
        raise TrustRefused(
            f"{clean(url.origin)} is no API origin of {provider.address}: its tokens go to"
            f" {', '.join(clean(origin) for origin in listed)}",
            hint=_declare(provider),
        )
    return url


def trusted_api_url(url: Url, provider: DesiredProvider, *, decision: TrustDecision) -> TrustedUrl:
    """`url` as one that the token may be sent to. TrustRefused unless everything of the provider is bound already."""
    name = client_credential(provider)
    if decision.refused:
        raise TrustRefused(f"{provider.address}: {decision.message}", hint=f"run: {decision.command}")
    part = next((p for p in decision.parts if isinstance(p, BoundAlready) and p.credential == name), None)
    if part is None:
        raise TrustRefused(
            f"{provider.address}: nothing is bound to {clean(name)} yet, so its tokens are sent to no API",
            hint=f"run: reconciler reconcile, or: reconciler trust {provider.address}",
        )
    return permit(url, part.binding)


def refuse_strange_token(view: AccountView) -> None:
    """Raises where the published token is not known to be one that this very provider and client were given."""
    account, address = view.account, view.address
    if view.observed.unreadable:
        raise ObjectFailed(f"{address}: {view.observed.unreadable}")
    if account is None or view.provider is None or view.status is None:
        raise ObjectFailed(f"{address}: nothing is known of its token yet", hint="run: reconciler reconcile")
    if view.foreign:
        raise TrustRefused(f"{address}: its token belongs to {clean(view.foreign, cap=80)}")
    if view.provider_differs or view.status.provider != str(account.provider):
        raise TrustRefused(
            f"{address}: its token is of {clean(view.status.provider or 'another provider')}, and is not sent to an API of"
            f" {account.provider}",
            hint=_afresh(view),
        )
    if view.client_differs:
        raise TrustRefused(
            f"{address}: its token was given to another client than {account.provider} has now",
            hint=_afresh(view),
        )
    if account.suspend:
        raise ObjectFailed(f"{address}: suspended by its manifest", hint="take `suspend` out of it to go on")


def checked_headers(texts: Sequence[str]) -> dict[str, str]:
    """`Name: value` lines by name in lower case. UsageError for what is no header, or is not for others to set."""
    found: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition(":")
        lower, value = name.lower(), value.strip()
        if not separator or _TOKEN.fullmatch(name) is None or _VALUE.fullmatch(value) is None:
            raise UsageError("a header is 'Name: value' in plain ASCII", hint="write -H 'Accept: text/csv'")
        if lower in _CREDENTIALS:
            raise UsageError(
                f"the header {lower} is added by itself, and taken from nobody",
                hint="leave it out: the account's token is put into it",
            )
        if lower in _FRAMING:
            raise UsageError(f"the header {lower} is not for others to set")
        if lower in found:
            raise UsageError(f"the header {lower} is given twice", hint="join its values by commas")
        found[lower] = value
    return found


def checked_query(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """`name=value` as pairs, in their order."""
    pairs = []
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise UsageError("a query parameter is name=value", hint="write -q pageSize=10")
        pairs.append((name, value))
    return tuple(pairs)


def checked_method(text: str | None, *, with_body: bool) -> str:
    """GET by default, POST with a body."""
    method = (text or ("POST" if with_body else "GET")).upper()
    if _METHOD.fullmatch(method) is None or method in ("CONNECT", "TRACE"):
        raise UsageError(
            f"'{clean(method, cap=40)}' is no method for an API", hint="one of GET, POST, PUT, PATCH, DELETE"
        )
    return method


def content_type(body: bytes) -> str:
    """What a body is where nobody says: a JSON object or array, or else a form, as curl has it."""
    try:
        return JSON_TYPE if isinstance(json.loads(body), dict | list) else FORM_TYPE
    except (ValueError, RecursionError):
        return FORM_TYPE


def refusal_of(
    status: int, headers: Mapping[str, str], *, account: Address, url: Url, scopes: Sequence[str]
) -> ReconcilerError | None:
    """What an API's answer means for the command; None where it is a good one. Nothing of the body is told."""
    if 200 <= status < 300 or status == 304:
        return None
    said = f"{account}: {clean(url.origin)} answered HTTP {status}"
    match status:
        case 401:
            return ProviderFailed(
                f"{said}: it does not accept the token",
                hint=f"run: reconciler check {account.short} --live",
            )
        case 403:
            granted = clean(" ".join(scopes), cap=300) or "none that are told"
            return ProviderFailed(
                f"{said}: the token is not enough for that", hint=f"its scopes are: {granted}"
            )
        case 429:
            wait = clean(headers.get("retry-after", ""), cap=40)
            return ProviderFailed(
                f"{said}: too many requests", hint=f"wait {wait} s" if wait.isdecimal() else None
            )
        case _ if 300 <= status < 400:
            return ProviderFailed(
                f"{said}, a redirect{_leading_to(headers)}: the token is not carried along, so it is not followed",
                hint="-i shows where it leads",
            )
        case _:
            return ProviderFailed(said)


def _leading_to(headers: Mapping[str, str]) -> str:
    """The redirect's origin; what stands behind it may be signed, and is nobody's business."""
    try:
        return f" to {clean(parse_url(headers.get('location', ''), allow_loopback_http=True).origin)}"
    except ValueError:
        return ""


def _declare(provider: DesiredProvider) -> str:
    return (
        f"an API is listed under spec.server.apiOrigins in {provider.location}, and then trusted:"
        f" reconciler trust {provider.address}"
    )


def _afresh(view: AccountView) -> str:
    if view.is_person:
        return f"run: reconciler consent {view.address.short}"
    return f"run: reconciler refresh {view.address.short}"
