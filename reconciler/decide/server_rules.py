"""What must hold between the fields of a server's behaviour, and its URLs made whole.

Used twice: on a BaseProvider as it is written, and on a provider's behaviour after base and overrides are merged. Each
finding names the field by its path as people write it, so that the caller can say where it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from reconciler.decide.client_assertion import AUDIENCE_ISSUER, AUDIENCE_TOKEN
from reconciler.decide.token_paths import read_from_tokens
from reconciler.decide.url_parts import check_labels, check_parameter, check_template, fill, named_parts
from reconciler.model.behaviour import (
    Behaviour,
    ClientAuth,
    Endpoints,
    IdentitySource,
    LifetimeKind,
    Loopback,
    Renewal,
    Rotation,
)
from reconciler.model.endpoint import parse_origin, parse_url
from reconciler.model.extra_parameters import is_ours
from reconciler.model.state import GrantType
from reconciler.model.suggestion import quoted

FieldPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """`path` as written, below `spec` of a BaseProvider or `spec.server` of a Provider."""

    path: FieldPath
    message: str


def check_base(behaviour: Behaviour) -> list[Finding]:
    """A BaseProvider by itself, before anybody fills its parameters."""
    found = [
        Finding(("parameters", name), said)
        for name, parameter in behaviour.parameters.items()
        if (said := check_parameter(parameter))
    ]
    if found:
        return found
    samples = {name: _sample(behaviour, name) for name in behaviour.parameters}
    _, findings = fill_urls(behaviour, texts=samples)
    return [*findings, *check_rules(behaviour)]


def _sample(behaviour: Behaviour, name: str) -> str:
    choices = behaviour.parameters[name].choices
    return next(iter(choices.values()), "x")


def fill_urls(behaviour: Behaviour, *, texts: Mapping[str, str]) -> tuple[Behaviour, list[Finding]]:
    """Every URL whole and checked. `texts`: parameter name -> text in URLs; a URL without all of its texts is left out."""
    filling = _Filling(behaviour, texts)
    endpoints = {
        name: filling.url(("endpoints", field.alias or name), getattr(behaviour.endpoints, name))
        for name, field in Endpoints.model_fields.items()
    }
    changes: dict[str, Any] = {
        "issuer": filling.url(("issuer",), behaviour.issuer, check=_parse_issuer),
        "endpoints": behaviour.endpoints.model_copy(update=endpoints),
        "api_origins": filling.origins("apiOrigins", behaviour.api_origins),
        "former_origins": filling.origins("formerOrigins", behaviour.former_origins),
    }
    for name, alias in (("access_removal", "accessRemoval"), ("console", "console")):
        words = getattr(behaviour, name)
        changes[name] = words.model_copy(update={"url": filling.url((alias, "url"), words.url)})
    changes["redirect"] = behaviour.redirect.model_copy(
        update={"sent_as": filling.text(("redirect", "sentAs"), behaviour.redirect.sent_as)}
    )
    changes["assertion"] = behaviour.assertion.model_copy(
        update={"audience": filling.text(("assertion", "audience"), behaviour.assertion.audience)}
    )
    extra = behaviour.authorization_parameters.items()
    filled = {name: filling.text(("authorizationParameters", name), text) for name, text in extra}
    changes["authorization_parameters"] = {n: text for n, text in filled.items() if text is not None}
    return behaviour.model_copy(update=changes), filling.findings


class _Filling:
    def __init__(self, behaviour: Behaviour, texts: Mapping[str, str]) -> None:
        self.parameters = behaviour.parameters
        self.texts = texts
        self.kept = kept_names(behaviour)
        self.findings: list[Finding] = []

    def text(self, path: FieldPath, template: str | None) -> str | None:
        """A value with `{parameter}` parts, whole; None where a part has no text."""
        if template is None:
            return None
        unknown = sorted(named_parts(template) - self.parameters.keys())
        if unknown:
            self.findings.append(Finding(path, f"is not valid: there is no parameter {quoted(unknown[0])}"))
            return None
        return fill(template, texts=self.texts)

    def url(
        self, path: FieldPath, template: str | None, *, check: Callable[[str], object] | None = None
    ) -> str | None:
        if template is None:
            return None
        kept = {name: f"{{{name}}}" for name in self.kept} if path == ("endpoints", "probe") else {}
        said = check_template(template, parameters=self.parameters, kept=frozenset(kept)) or check_labels(
            template, parameters=self.parameters, texts=self.texts
        )
        whole = None if said else fill(template, texts={**kept, **self.texts})
        if whole is not None:
            try:
                (check or _parse_url)(whole)
            except ValueError as problem:
                said = str(problem)
        if said:
            self.findings.append(Finding(path, f"is not valid: {said}"))
        return whole

    def origins(self, alias: str, templates: tuple[str, ...]) -> tuple[str, ...]:
        filled = (self.url((alias, i), text, check=_parse_origin) for i, text in enumerate(templates))
        return tuple(whole for whole in filled if whole is not None)


def kept_names(behaviour: Behaviour) -> frozenset[str]:
    """What a grant keeps of callbacks and answers, by the name under which it is kept."""
    return frozenset(path.rpartition(".")[2] for path in (*behaviour.callback.keep, *behaviour.response.keep))


def _parse_url(text: str) -> object:
    # http to loopback is let pass here: whether it is admitted is a switch of trust, enforced there.
    return parse_url(text, allow_loopback_http=True)


def _parse_origin(text: str) -> object:
    return parse_origin(text, allow_loopback_http=True)


def _parse_issuer(text: str) -> object:
    if "?" in text:
        raise ValueError("an issuer has no query (RFC 8414 §2)")
    return _parse_url(text)


def check_rules(behaviour: Behaviour) -> Iterator[Finding]:
    """What holds between fields, whatever the URLs are."""
    redirect, refresh = behaviour.redirect, behaviour.refresh_token
    if behaviour.discovery and behaviour.issuer is None:
        yield Finding(("discovery",), "needs an issuer")
    if redirect.loopback is Loopback.FIXED_PORT and redirect.port is None:
        yield Finding(("redirect", "loopback"), "is fixed-port: say which in redirect.port")
    if not redirect.path.startswith("/"):
        yield Finding(("redirect", "path"), "must begin with '/'")
    if refresh.rotation is Rotation.SINGLE_USE_WITH_GRACE and refresh.grace is None:
        yield Finding(
            ("refreshToken", "rotation"), "is single-use-with-grace: say how long in refreshToken.grace"
        )
    if refresh.renewal is Renewal.PROBE and refresh.rotation.needs_intent:
        yield Finding(("refreshToken", "renewal"), "is probe: nothing rotates, so rotation must be reusable")
    if behaviour.exchange_request is not None and behaviour.endpoints.exchange is None:
        yield Finding(("exchangeRequest",), "is given: say where in endpoints.exchange")
    kind, lifetime = refresh.lifetime.kind, refresh.lifetime
    if kind in (LifetimeKind.IDLE, LifetimeKind.IDLE_AND_ABSOLUTE) and lifetime.idle is None:
        yield Finding(("refreshToken", "lifetime", "kind"), f"is {kind.value}: say how long in `idle`")
    if kind in (LifetimeKind.ABSOLUTE, LifetimeKind.IDLE_AND_ABSOLUTE) and lifetime.absolute is None:
        yield Finding(("refreshToken", "lifetime", "kind"), f"is {kind.value}: say how long in `absolute`")
    yield from _assertion_findings(behaviour)
    yield from _identity_findings(behaviour)
    yield from _query_findings(behaviour)
    for path, said in read_from_tokens(behaviour):
        yield Finding(path, said)


def _query_findings(behaviour: Behaviour) -> Iterator[Finding]:
    """No parameter may be there twice (RFC 6749 §3.1), and servers differ in which of two they take: a query could widen the
    scopes, or bring a request object in which everything else stands (RFC 9101; a JWT, and so a text with dots)."""
    for name, field in Endpoints.model_fields.items():
        text = getattr(behaviour.endpoints, name)
        try:
            pairs = parse_qsl(urlsplit(text or "").query, keep_blank_values=True)
        except ValueError:
            continue  # no URL, which is said elsewhere
        for parameter, value in pairs:
            if is_ours(parameter) and (parameter != "request" or "." in value):
                yield Finding(
                    ("endpoints", field.alias or name),
                    f"may not hold {quoted(parameter)} in its query: the tool sets it",
                )


def _assertion_findings(behaviour: Behaviour) -> Iterator[Finding]:
    rules = behaviour.assertion
    named = rules.audience
    if named == AUDIENCE_ISSUER and behaviour.issuer is None:
        yield Finding(("assertion", "audience"), "is issuer: say which in `issuer`")
    elif named is not None and named not in (AUDIENCE_ISSUER, AUDIENCE_TOKEN) and not set(named) & set(".:/"):
        yield Finding(
            ("assertion", "audience"),
            "must be issuer, token-endpoint, or what the provider calls itself: a URL or a host",
        )
    symmetric = rules.algorithm is not None and rules.algorithm.is_symmetric
    by_secret = behaviour.client_auth is ClientAuth.CLIENT_SECRET_JWT
    if rules.algorithm is not None and symmetric is not by_secret:
        fitting = (
            "HS256, HS384 or HS512 with client_secret_jwt"
            if by_secret
            else "one of a key pair: RS256, PS256, ES256 …"
        )
        yield Finding(("assertion", "algorithm"), f"must be {fitting}")
    if by_secret and GrantType.JWT_BEARER in behaviour.grants:
        yield Finding(
            ("clientAuth",), "is client_secret_jwt, and jwt_bearer signs with a key pair: take one of them"
        )
    if behaviour.pushed_authorization and not (
        behaviour.endpoints.pushed_authorization_request or behaviour.issuer
    ):
        yield Finding(
            ("pushedAuthorization",),
            "is true: endpoints.pushedAuthorizationRequest is not given, nor an issuer",
        )


def _identity_findings(behaviour: Behaviour) -> Iterator[Finding]:
    needed = {
        IdentitySource.USERINFO: behaviour.endpoints.userinfo,
        IdentitySource.INTROSPECTION: behaviour.endpoints.introspection,
    }
    source = behaviour.identity.source
    if source is IdentitySource.CALLBACK and behaviour.identity.claim not in behaviour.callback.keep:
        yield Finding(("identity", "claim"), "is read from the callback: name it in callback.keep")
    if source in needed and needed[source] is None and behaviour.issuer is None:
        yield Finding(("identity", "source"), f"is {source.value}: endpoints.{source.value} is not given")


def with_discovery(behaviour: Behaviour, *, needs_registration: bool) -> Behaviour:
    """Discovery switched on where an issuer is given and an endpoint that is needed is not."""
    given, grants = behaviour.endpoints, behaviour.grants
    wanted = (
        given.token is None
        or (GrantType.AUTHORIZATION_CODE in grants and given.authorization is None)
        or (GrantType.DEVICE_CODE in grants and given.device_authorization is None)
        or (behaviour.pushed_authorization is True and given.pushed_authorization_request is None)
        or (behaviour.identity.source is IdentitySource.ID_TOKEN and given.jwks is None)
        or (needs_registration and given.registration is None)
    )
    if behaviour.issuer is None or behaviour.discovery or not wanted:
        return behaviour
    return behaviour.model_copy(update={"discovery": True})
