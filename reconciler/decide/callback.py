"""What may come back from an authorization request, and what of it is believed.

Rules (RFC 6749 §4.1.2, RFC 9207, RFC 9700 §§2.1, 4.4):
- a callback is ours only if it came to our redirect URI with exactly our `state`, once: anything else is ignored, and
  waiting goes on, so that no page a person visits can end or spoil a consent;
- `iss` must be there where the server announces it, and must be the issuer that was asked; where that is not known, it must
  be at the host of the page that the person was sent to, or of the token endpoint: a server that leads people on to another
  one is sent no code of that one's (mix-up);
- a doubled parameter, or an error together with a code, is refused; the provider's words are shown cleaned and short.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from urllib.parse import parse_qsl, urlencode, urlsplit

from reconciler.decide.callback_signature import SignedText, signed_text
from reconciler.decide.classify import plain_words, shown_code
from reconciler.decide.token_response import kept_values
from reconciler.model.behaviour import CallbackRules
from reconciler.model.secret import Secret, same_text

_LONGEST_CALLBACK = 16 * 1024
_MOST_PARAMETERS = 50
_SINGLE = ("code", "error", "iss", "error_description", "error_uri")


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """`url` is for the person's browser. The rest is what the callback and the exchange are held against."""

    url: str
    redirect_uri: str
    """As sent: a name for it, where the base says so."""
    state: Secret
    verifier: Secret | None
    """None: the server refuses PKCE."""
    nonce: Secret | None
    issuer: str | None
    issuer_in_response: bool
    comes_back_to: str = ""
    """The URI that the browser is sent to, where `redirect_uri` is a name for it."""
    rules: CallbackRules = field(default_factory=CallbackRules)
    server: str = ""
    """The token endpoint's host."""
    page: str = ""
    """The host of the page that the person is sent to."""
    only: tuple[str, ...] | None = None
    """The scopes that were asked for, where the server is to add them to what it granted before; None: all."""


class Refusal(StrEnum):
    """Why a callback is not accepted."""

    NOT_OURS = "not-ours"
    MALFORMED = "malformed"
    STATE_MISSING = "state-missing"
    STATE_WRONG = "state-wrong"
    DOUBLED = "doubled"
    ISSUER_MISSING = "issuer-missing"
    ISSUER_WRONG = "issuer-wrong"
    ISSUER_ELSEWHERE = "issuer-elsewhere"
    ERROR_AND_CODE = "error-and-code"
    DENIED = "denied"
    ERROR = "error"
    CODE_MISSING = "code-missing"
    OTHER_SERVER = "other-server"
    UNSIGNED = "unsigned"


_IGNORED = frozenset({Refusal.NOT_OURS, Refusal.MALFORMED, Refusal.STATE_MISSING, Refusal.STATE_WRONG})


@dataclass(frozen=True, slots=True)
class Callback:
    """The person allowed it; `code` is to be exchanged once."""

    code: Secret
    kept: Mapping[str, str] = field(default_factory=dict)
    """Identifiers that the base keeps of a callback: realmId, a shop."""
    scope: str | None = None
    """What the callback says of the granted scopes, as it says it; None: it does not."""
    signed: SignedText | None = None
    """To be held against the client's secret before the code is sent; None: this server signs nothing."""


@dataclass(frozen=True, slots=True)
class CallbackRefused:
    """`message` is ours, one line. `final` False: this was not the answer to our request; go on waiting."""

    kind: Refusal
    message: str
    code: str = ""
    """The `error` code, safe to show."""
    description: str = ""
    """The provider's `error_description`: its plain words, few."""

    @property
    def final(self) -> bool:
        return self.kind not in _IGNORED


def judge_callback(redirected: str, *, request: AuthorizationRequest) -> Callback | CallbackRefused:
    """Judge the URL that the browser was sent to, from a listener or from a paste."""
    query = _query_of(redirected, request.comes_back_to or request.redirect_uri)
    if query is None:
        return CallbackRefused(Refusal.NOT_OURS, "that is not the redirect URI of this consent")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        return CallbackRefused(Refusal.MALFORMED, "the callback cannot be read")
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    states = values.get("state", [])
    if len(states) != 1:
        return CallbackRefused(Refusal.STATE_MISSING, "the callback has no single `state`")
    if not same_text(states[0], request.state.reveal()):
        return CallbackRefused(Refusal.STATE_WRONG, "the callback's `state` is not the one of this consent")
    rules = request.rules
    if any(len(values.get(name, [])) > 1 for name in (*_SINGLE, rules.code, *rules.keep)):
        return CallbackRefused(Refusal.DOUBLED, "the callback has a parameter twice (RFC 6749 §3.1)")
    single = {name: found[0] for name, found in values.items()}
    refused = _judge_issuer(single, request) or _judge_server(single, request)
    judged = refused or _judge_result(single, rules)
    return (
        judged
        if rules.signature is None or isinstance(judged, CallbackRefused)
        else _signed(judged, pairs, rules)
    )


def _judge_issuer(values: dict[str, str], request: AuthorizationRequest) -> CallbackRefused | None:
    said = values.get("iss")
    if said is None:
        if request.issuer_in_response:
            return CallbackRefused(
                Refusal.ISSUER_MISSING, "the callback lacks `iss`, which this server always sends (RFC 9207)"
            )
        return None
    if request.issuer is not None:
        if said == request.issuer:
            return None
        return CallbackRefused(
            Refusal.ISSUER_WRONG, "the callback came from another issuer than was asked (RFC 9207)"
        )
    host = _host(said)
    if not host or not request.page or host in (request.page, request.server):
        return None  # a consent that an earlier version of the tool began does not know its page
    return CallbackRefused(
        Refusal.ISSUER_ELSEWHERE,
        "the callback came from a server that is neither the page's nor the token endpoint's (RFC 9207)",
        description=plain_words(host, cap=80),
    )


def _judge_server(values: dict[str, str], request: AuthorizationRequest) -> CallbackRefused | None:
    """Where a grant lives on one of several servers, the code is for that one: it is sent nowhere else, and never to
    where a callback says."""
    name = request.rules.server
    said = values.get(name, "") if name is not None else ""
    if not said:
        return None
    host = _host(said) if "//" in said else said.lower()
    if host == request.server:
        return None
    words = plain_words(host, cap=80)
    return CallbackRefused(
        Refusal.OTHER_SERVER,
        f"this person's account is on another server than {request.server}: the provider's parameters name the wrong one",
        description=words,
    )


def _signed(
    callback: Callback, pairs: Iterable[tuple[str, str]], rules: CallbackRules
) -> Callback | CallbackRefused:
    signed = signed_text(pairs, parameter=rules.signature or "")
    if signed is None:
        return CallbackRefused(
            Refusal.UNSIGNED, "the callback has no signature, and this server always signs it"
        )
    return replace(callback, signed=signed)


def wrongly_signed() -> CallbackRefused:
    return CallbackRefused(
        Refusal.UNSIGNED, "the callback is not signed with our client secret: it was changed on its way"
    )


def _host(url: str) -> str:
    """In lower case; '' where it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _judge_result(values: dict[str, str], rules: CallbackRules) -> Callback | CallbackRefused:
    code, error = values.get(rules.code, ""), values.get("error", "")
    if error:
        if code:
            return CallbackRefused(Refusal.ERROR_AND_CODE, "the callback has an error and a code at once")
        shown, words = shown_code(error), plain_words(values.get("error_description", ""), cap=120)
        if error == "access_denied":
            return CallbackRefused(Refusal.DENIED, "access was denied at the provider", shown, words)
        return CallbackRefused(Refusal.ERROR, f"the provider answered {shown}", shown, words)
    if not code:
        return CallbackRefused(Refusal.CODE_MISSING, "the callback has neither a code nor an error")
    return Callback(Secret(code), kept_values(values, rules.keep), values.get(rules.scope or ""))


def _query_of(redirected: str, expected: str) -> str | None:
    """The query of `redirected` where all before it is our redirect URI; None otherwise."""
    text = redirected.strip()
    if len(text) > _LONGEST_CALLBACK or not text.isascii():
        return None
    try:
        got, ours = urlsplit(text), urlsplit(expected)
        if (got.scheme, got.hostname, got.port) != (ours.scheme, ours.hostname, ours.port):
            return None
    except ValueError:
        return None
    if "@" in got.netloc or (got.path or "/") != (ours.path or "/"):
        return None
    own = dict(parse_qsl(ours.query, keep_blank_values=True))
    kept = [
        (name, value)
        for name, value in parse_qsl(got.query, keep_blank_values=True)
        if own.get(name) != value
    ]
    return got.query if not own else urlencode(kept)
