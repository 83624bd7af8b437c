"""Which credentials a provider has, where they would go, and which of these origins the shipped catalogue spells out.

Rules (DESIGN §8):
- a credential is named by its secret's mount and path, whatever key or version is meant; ours and public ones by
  `providers/<ns>/<name>`;
- every origin that a credential or token is sent to counts, and those of the authorization page and of the APIs;
- declared endpoints win over discovered ones; a discovered origin is never spelled out by its being discovered;
- a shipped base spells an origin out where the field is its own, and parameters fill at most a label under a fixed
  domain, or a choice that the catalogue lists. Whatever the Provider overrides is Git's word, not the catalogue's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from reconciler.decide.provider_fields import ENDPOINT_NAMES, declared_endpoints
from reconciler.model.behaviour import Behaviour, Parameter
from reconciler.model.desired import DesiredProvider, Registration
from reconciler.model.endpoint import Origin, parse_origin, parse_url
from reconciler.model.names import Address

SHOWN_ROLES = ("authorization",)
"""Endpoints that count alike, since a person or `request` is sent there in the provider's name."""
_PUBLIC_ROLES = ("jwks",)
"""Only read, by anybody."""
CREDENTIAL_ROLES = tuple(name for name in ENDPOINT_NAMES if name not in (*SHOWN_ROLES, *_PUBLIC_ROLES))
"""All others, by their field's name: a credential or a token is sent there. A new endpoint counts until it is public."""

_AUTHORITY = re.compile(r"https://([^/?#]+)")
_PLACE = re.compile(r"\{([^{}]*)\}")
_FIXED_DOMAIN = re.compile(r"[a-z0-9-]*(?:\.[a-z0-9-]+){2,}(?::[0-9]{1,5})?")


def own_credential(address: Address) -> str:
    """The name of a client that is ours (registered dynamically), or public."""
    return f"providers/{address.namespace}/{address.name}"


def credentials_of(provider: DesiredProvider) -> dict[str, frozenset[str] | None]:
    """Credential name -> the roles that it is sent to (None: all). The client's own credential comes first."""
    client, initial = provider.client, provider.client.initial_access_token_ref
    if provider.registration is Registration.DYNAMIC:
        found: dict[str, frozenset[str] | None] = {own_credential(provider.address): None}
        if initial is not None:
            found[str(initial.path)] = frozenset({"registration"})
        if client.key_ref is not None:
            found[str(client.key_ref.path)] = None
        return found
    ref = client.credential_ref or client.id_ref
    return {own_credential(provider.address) if ref is None else str(ref.path): None}


def client_credential(provider: DesiredProvider) -> str:
    """The name of the credential that authenticates the client, and that its tokens belong to."""
    return next(iter(credentials_of(provider)))


def endpoints_in_use(provider: DesiredProvider, discovered: Mapping[str, str]) -> dict[str, str]:
    """Endpoint URLs by field name: declared ones, and discovered ones where nothing is declared."""
    declared = declared_endpoints(provider.behaviour)
    found = {**discovered, **declared} if wants_discovery(provider.behaviour) else declared
    if "token" in found:
        found.setdefault("refresh", found["token"])
    return found


def wants_discovery(behaviour: Behaviour) -> bool:
    """True where endpoints may come from the issuer's metadata (RFC 8414)."""
    return behaviour.issuer is not None and (behaviour.discovery or behaviour.endpoints.token is None)


def origins_of(
    provider: DesiredProvider, discovered: Mapping[str, str], *, loopback: bool = False
) -> dict[str, Origin]:
    """Role -> origin. Roles are endpoint field names, and `api`, `api 2`, … ValueError names a role whose URL is none.

    `registration` counts for dynamic clients only: nothing of a static one is sent there.
    """
    found: dict[str, Origin] = {}
    in_use = endpoints_in_use(provider, discovered)
    for role in (*CREDENTIAL_ROLES, *SHOWN_ROLES):
        if role in in_use and (role != "registration" or provider.registration is Registration.DYNAMIC):
            try:
                found[role] = parse_url(in_use[role], allow_loopback_http=loopback).origin
            except ValueError as problem:
                raise ValueError(f"endpoints.{role}: {problem}") from None
    for number, text in enumerate(provider.behaviour.api_origins, start=1):
        try:
            found["api" if number == 1 else f"api {number}"] = parse_origin(
                text, allow_loopback_http=loopback
            )
        except ValueError as problem:
            raise ValueError(f"apiOrigins: {problem}") from None
    return found


def check_issuer(behaviour: Behaviour, *, loopback: bool) -> None:
    """ValueError where the endpoints come from an issuer that the settings do not let us ask."""
    if behaviour.issuer is not None and wants_discovery(behaviour):
        try:
            parse_url(behaviour.issuer, allow_loopback_http=loopback)
        except ValueError as problem:
            raise ValueError(f"issuer: {problem}") from None


def shipped_origins(provider: DesiredProvider) -> frozenset[Origin]:
    """The origins that the shipped catalogue spells out for this provider; none where its base comes from Git."""
    if not provider.base_shipped:
        return frozenset()
    own_parameters = is_overridden(provider, "parameters")
    parameters = {} if own_parameters else _written(provider).parameters
    found = set()
    for field, template, text in _written_urls(provider):
        if not is_overridden(provider, field) and is_spelled_out(template, text, parameters=parameters):
            found.add(parse_url(text).origin)
    return frozenset(found)


def is_overridden(provider: DesiredProvider, field: str) -> bool:
    """True where the Provider itself sets the field, the group that it is in, or a part of it."""
    parts = field.split(".")
    groups = {".".join(parts[: n + 1]) for n in range(len(parts))}
    return any(own in groups or own.startswith(f"{field}.") for own in provider.overridden)


def is_spelled_out(template: str, text: str, *, parameters: Mapping[str, Parameter]) -> bool:
    """True where `text` is `template` filled without letting a parameter choose the domain."""
    written, filled = _AUTHORITY.match(template), _AUTHORITY.match(text)
    if written is None or filled is None:
        return False
    pieces, tail = [], 0
    for place in _PLACE.finditer(written[1]):
        parameter = parameters.get(place[1])
        if parameter is None:
            return False
        pieces.append(re.escape(written[1][tail : place.start()]))
        tail = place.end()
        if parameter.choices:
            pieces.append("(?:" + "|".join(re.escape(choice) for choice in parameter.choices.values()) + ")")
        elif (
            _FIXED_DOMAIN.fullmatch(_PLACE.sub(lambda m: _sample(m[1], parameters), written[1][tail:]))
            is None
        ):
            return False
        else:
            pieces.append("[a-z0-9-]+")
    pieces.append(re.escape(written[1][tail:]))
    return re.fullmatch("".join(pieces), filled[1]) is not None


def _sample(name: str, parameters: Mapping[str, Parameter]) -> str:
    """A label that a later part of the host may hold; what no domain has where it is not one of a closed list."""
    parameter = parameters.get(name)
    if parameter is None or parameter.pattern is not None:
        return "{"
    return "{" if any("." in text for text in parameter.choices.values()) else "x"


def _written(provider: DesiredProvider) -> Behaviour:
    return provider.behaviour if provider.written is None else provider.written


def _written_urls(provider: DesiredProvider) -> list[tuple[str, str, str]]:
    """(dotted field, as written, as filled) of everything that names an origin."""
    written, filled = _written(provider), provider.behaviour
    if provider.written is None and (filled.parameters or provider.parameters):
        return []  # what was written is not known, so nothing of it is vouched for
    templates, texts = declared_endpoints(written), declared_endpoints(filled)
    found = [
        (f"endpoints.{role}", templates[role], texts[role])
        for role in (*CREDENTIAL_ROLES, *SHOWN_ROLES)
        if role in templates and role in texts
    ]
    if len(written.api_origins) == len(filled.api_origins):
        pairs = zip(written.api_origins, filled.api_origins, strict=True)
        found += [("api_origins", template, text) for template, text in pairs]
    return found
