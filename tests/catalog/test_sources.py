"""Nothing is claimed that no source carries: every field of every base is in `facts.yaml`, or is marked as unverified.

A field is carried by the fact that says the same (`CARRIED`), by words of the facts that `evidence.yaml` quotes, or by a
source of the base's own that it names there. What people read (descriptions, notes, steps) is no claim of this kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.adapters.manifest_catalogue import load_catalogue, shipped_document
from reconciler.decide.merge import written_fields
from reconciler.decide.url_parts import fill
from reconciler.model.behaviour import Behaviour
from reconciler.model.choices import BodyFormat, ClientAuth, LifetimeKind, Pkce, Renewal, Rotation
from reconciler.model.state import GrantType

HERE = Path(__file__).parent


def read(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load((HERE / name).read_text("utf-8"), Loader=yaml.CSafeLoader)
    return loaded


FACTS, EVIDENCE = read("facts.yaml"), read("evidence.yaml")
OF = {"slack-user": "slack", "salesforce-my-domain": "salesforce"}
"""Bases that stand on the facts of another."""
NAMES = sorted(set(load_catalogue().bases) - {"custom"})
PROSE = ("description", "docs", "notes", "announced", "verifiedOn", "unverified", "base", "parameters.")
PROSE_PARTS = ("refreshToken.missing", "console.steps")
ROTATIONS = {
    "none": Rotation.REUSABLE,
    "rotates": Rotation.SINGLE_USE,
    "rotates_old_valid": Rotation.OLD_STAYS_VALID,
    "rotates_with_grace": Rotation.SINGLE_USE_WITH_GRACE,
    "rotates_periodically": Rotation.PERIODIC,
    "optional": Rotation.BY_SETTING,
    "not_applicable": Rotation.REUSABLE,
}
PKCE = {
    "required": Pkce.REQUIRED,
    "required_public_only": Pkce.SUPPORTED,
    "supported": Pkce.SUPPORTED,
    "optional_app_setting": Pkce.SUPPORTED,
    "unsupported": Pkce.UNSUPPORTED,
}
AUTH = {
    "client_secret_post": ClientAuth.POST,
    "client_secret_basic": ClientAuth.BASIC,
    "none": ClientAuth.NONE,
    "bearer_secret_key": ClientAuth.BEARER,
}
KINDS = {
    "none": LifetimeKind.NONE,
    "idle_sliding": LifetimeKind.IDLE,
    "absolute": LifetimeKind.ABSOLUTE,
    "idle_and_absolute": LifetimeKind.IDLE_AND_ABSOLUTE,
    "access_token_renewal": LifetimeKind.IDLE,
}
STANDARD = [
    "invalid_grant",
    "invalid_client",
    "invalid_scope",
    "invalid_request",
    "unsupported_grant_type",
    "login_required",
]
"""RFC 6749 §5.2, OpenID Connect Core §3.1.2.6: no provider's own."""
DOUBTED = {
    "authorization_url": "endpoints.authorization",
    "token_url": "endpoints.token",
    "refresh_url": "endpoints.refresh",
    "revocation_url": "endpoints.revocation",
    "introspection_url": "endpoints.introspection",
    "device_authorization_url": "endpoints.deviceAuthorization",
    "registration_url": "endpoints.registration",
    "token_endpoint_auth_methods": "clientAuth",
    "pkce": "pkce",
    "scope_separator": "scopes.separator",
    "offline_scopes": "scopes.mandatory",
    "access_token_ttl_s": "accessToken.lifetime",
    "refresh_token_ttl_s": "refreshToken.lifetime",
    "refresh_token_expiry_model": "refreshToken.lifetime",
    "refresh_token_rotation": "refreshToken.rotation",
    "reuse_consequence": "refreshToken.reuseRevokes",
    "max_refresh_tokens": "refreshToken.maxLive",
    "user_revoke_location": "accessRemoval",
}
"""Where a doubt of the facts must show."""

Carried = Callable[[Behaviour, dict[str, Any]], bool]


def words(fact: Any) -> str:
    if isinstance(fact, dict):
        return "\n".join(words(value) for value in fact.values())
    return "\n".join(words(value) for value in fact) if isinstance(fact, list) else str(fact)


def urls(fact: Any) -> set[str]:
    return {_open(url) for url in re.findall(r"https://[^\s)]+", words(fact))}


def _open(url: str) -> str:
    return re.sub(r"\{[^{}]*\}", "{}", url)


def filled(base: Behaviour, template: str) -> str:
    """With its first or default choice; what only a person can fill stays open."""
    texts = {
        name: parameter.choices[parameter.default or next(iter(parameter.choices))]
        if any("." in text for text in parameter.choices.values())
        else f"{{{name}}}"
        for name, parameter in base.parameters.items()
    }
    return _open(fill(template, texts=texts) or template)


def endpoint(name: str) -> Carried:
    return lambda base, fact: filled(base, getattr(base.endpoints, name)) in urls(fact)


def seconds(value: Any) -> int:
    return int(value.total_seconds())


def errors(base: Behaviour, fact: dict[str, Any]) -> bool:
    told = [e for key, found in fact.items() if key.endswith("_errors") for e in found]
    told += [{"error": error} for error in STANDARD]
    return all(
        any(
            (rule.error is None or rule.error == e.get("error"))
            and (rule.code is None or rule.code == str(e.get("code")))
            and (rule.status is None or rule.status == e.get("http_status"))
            and (rule.match is None or rule.match.casefold() in str(e.get("match", "")).casefold())
            for e in told
        )
        for rule in base.errors.table
    )


def spans(base: Behaviour, fact: dict[str, Any]) -> bool:
    life = base.refresh_token.lifetime
    ttl, renewed = fact.get("refresh_token_ttl_s"), fact.get("access_token_ttl_s")
    idle = {fact.get("refresh_token_idle_ttl_s"), ttl}
    idle |= {renewed} if base.refresh_token.renewal is Renewal.ACCESS_TOKEN else set()
    model = fact.get("refresh_token_expiry_model")
    kind = model == "configurable" and life.configurable
    return (
        (kind or KINDS.get(str(model), LifetimeKind.UNKNOWN) is life.kind)
        and (life.idle is None or seconds(life.idle) in idle)
        and (
            life.absolute is None or seconds(life.absolute) in {fact.get("refresh_token_absolute_ttl_s"), ttl}
        )
    )


def listed(key: str, values: Callable[[Behaviour], Any]) -> Carried:
    return lambda base, fact: set(values(base)) <= set(fact.get(key, ()))


CARRIED: dict[str, Carried] = {
    "issuer": lambda base, fact: (
        f"{base.issuer}/.well-known/openid-configuration" == fact.get("discovery_url")
    ),
    "endpoints.authorization": endpoint("authorization"),
    "endpoints.token": endpoint("token"),
    "endpoints.refresh": endpoint("refresh"),
    "endpoints.revocation": endpoint("revocation"),
    "endpoints.introspection": endpoint("introspection"),
    "endpoints.deviceAuthorization": endpoint("device_authorization"),
    "endpoints.registration": endpoint("registration"),
    "endpoints.exchange": endpoint("exchange"),
    "endpoints.probe": endpoint("probe"),
    "authorizationParameters": lambda base, fact: (
        base.authorization_parameters.items()
        <= {k: str(v) for k, v in fact.get("offline_params", {}).items()}.items()
    ),
    "request.body": lambda base, fact: (
        base.request.body is BodyFormat.FORM
        or base.request.body.value in str(fact.get("token_request_format"))
    ),
    "grants": lambda base, fact: (
        {*base.grants}
        <= {
            *([GrantType.AUTHORIZATION_CODE] if "authorization_url" in fact else []),
            *([GrantType.DEVICE_CODE] if fact.get("device_flow") else []),
        }
    ),
    "clientAuth": lambda base, fact: (
        base.client_auth in {AUTH.get(method) for method in fact.get("token_endpoint_auth_methods", ())}
    ),
    "pkce": lambda base, fact: PKCE.get(str(fact.get("pkce"))) is base.pkce,
    "scopes.separator": lambda base, fact: fact.get("scope_separator") == base.scopes.separator,
    "scopes.mandatory": listed("offline_scopes", lambda base: base.scopes.mandatory),
    "scopes.inRequest": lambda base, fact: fact.get("scopes_in_request") is base.scopes.in_request,
    "accessToken.lifetime": lambda base, fact: (
        base.access_token.lifetime is not None
        and seconds(base.access_token.lifetime) == fact.get("access_token_ttl_s")
    ),
    "refreshToken.renewal": lambda base, fact: (
        {"access_token_renewal": Renewal.ACCESS_TOKEN, "no_refresh_token": Renewal.PROBE}.get(
            str(fact.get("refresh_token_expiry_model"))
        )
        is base.refresh_token.renewal
    ),
    "refreshToken.rotation": lambda base, fact: (
        ROTATIONS.get(str(fact.get("refresh_token_rotation"))) is base.refresh_token.rotation
    ),
    "refreshToken.grace": lambda base, fact: (
        base.refresh_token.grace is not None
        and seconds(base.refresh_token.grace) == fact.get("refresh_grace_s")
    ),
    "refreshToken.reuseRevokes": lambda base, fact: "reuse_consequence" in fact,
    "refreshToken.lifetime": spans,
    "refreshToken.lifetimeField": lambda base, fact: (
        fact.get("refresh_expiry_field") == base.refresh_token.lifetime_field
    ),
    "refreshToken.endField": lambda base, fact: (
        fact.get("refresh_expiry_field") == base.refresh_token.end_field
    ),
    "refreshToken.maxLive": lambda base, fact: (
        base.refresh_token.max_live is not None
        and fact.get("max_refresh_tokens") == base.refresh_token.max_live.count
    ),
    "refreshToken.causes": lambda base, fact: "invalidation_causes" in fact,
    "response.keep": listed(
        "extra_token_response_fields", lambda base: [path.partition(".")[0] for path in base.response.keep]
    ),
    "callback.keep": listed("extra_callback_params", lambda base: base.callback.keep),
    "callback.server": listed("extra_callback_params", lambda base: [base.callback.server]),
    "callback.signature": listed("extra_callback_params", lambda base: [base.callback.signature]),
    "callback.scope": listed("extra_callback_params", lambda base: [base.callback.scope]),
    "errors.table": errors,
    "apiOrigins": lambda base, fact: all(
        filled(base, origin).removeprefix("https://") in "\n".join(urls(fact)) for origin in base.api_origins
    ),
    "accessRemoval": lambda base, fact: "user_revoke_location" in fact,
}


def claims(name: str) -> Iterator[str]:
    """What its own file says, by dotted path."""
    for path in sorted(written_fields(shipped_document(name).spec)):
        if not path.startswith(PROSE) and path not in PROSE_PARTS:
            yield path


def under(path: str, heads: Any) -> list[str]:
    return [head for head in heads if path == head or path.startswith(f"{head}.")]


def is_carried(name: str, path: str) -> bool:
    fact, base = FACTS[OF.get(name, name)], load_catalogue().bases[name]
    if under(path, shipped_document(name).spec.unverified):
        return True
    if any(CARRIED[head](base, fact) for head in under(path, CARRIED)):
        return True
    said = [str(EVIDENCE.get(name, {})[head]) for head in under(path, EVIDENCE.get(name, {}))]
    return any(
        quote.removeprefix("source: ") in "\n".join(base.docs)
        if quote.startswith("source: ")
        else quote in words(fact)
        for quote in said
    )


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_claimed_that_no_source_carries(name: str):
    assert [path for path in claims(name) if not is_carried(name, path)] == []


@pytest.mark.parametrize("name", sorted(set(NAMES) - OF.keys()))
def test_what_the_facts_doubt_is_not_shown_as_sure(name: str):
    unverified, said = shipped_document(name).spec.unverified, set(claims(name))
    shown = [
        DOUBTED[doubt]
        for doubt in FACTS[name].get("unverified", ())
        if doubt in DOUBTED and any(under(path, [DOUBTED[doubt]]) for path in said)
    ]
    assert [path for path in shown if not under(path, unverified)] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_is_marked_as_unverified_is_there(name: str):
    said = written_fields(shipped_document(name).spec)
    marked = shipped_document(name).spec.unverified
    assert [head for head in marked if not any(under(path, [head]) for path in said)] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_parameter_chooses_among_hosts_that_a_source_names_or_says_that_none_does(name: str):
    fact, base = FACTS[OF.get(name, name)], shipped_document(name).spec
    hosts = [text for p in base.parameters.values() for text in p.choices.values() if "." in text]
    unknown = [host for host in hosts if host not in words(fact)]
    assert unknown == [] or "parameters" in base.unverified


def test_evidence_is_used_and_stands_in_the_facts():
    """A quote that nothing needs any more is taken out."""
    for name, quotes in EVIDENCE.items():
        said = set(claims(name)) | {"parameters"}
        assert [path for path in quotes if not any(under(one, [path]) for one in said)] == [], name


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("bling", {"refresh_token": {"lifetime": {"kind": "idle", "idle": "31d"}}}),
        ("xero", {"refresh_token": {"grace": "31m"}}),
        ("quickbooks", {"endpoints": {"token": "https://oauth.platform.intuit.com/oauth2/v2/tokens"}}),
    ],
)
def test_a_claim_that_is_made_up_is_seen(name: str, change: dict[str, Any]):
    """The check itself: a value that no fact has is not carried."""
    base = load_catalogue().bases[name]
    ((group, fields),) = change.items()
    changed = getattr(base, group).model_copy(
        update=dict(type(getattr(base, group)).model_validate(fields))
        if group != "endpoints"
        else dict(fields)
    )
    made_up = base.model_copy(update={group: changed})
    (field,) = fields
    head = f"{'refreshToken' if group == 'refresh_token' else group}.{field}"
    assert CARRIED[head](base, FACTS[name])
    assert not CARRIED[head](made_up, FACTS[name])
