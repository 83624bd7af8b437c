"""`docs/reference/base-providers.md`: what the shipped catalogue says, from the catalogue itself."""

from reconciler.adapters.manifest_catalogue import load_catalogue
from reconciler.model.behaviour import Behaviour
from reconciler.model.choices import LifetimeKind
from reconciler.model.duration import format_duration
from tests.docs.pages.markdown import code, page, table


def base_providers() -> str:
    bases = load_catalogue().bases
    rows = [
        (
            f"[{code(name)}](#{name})",
            base.refresh_token.rotation.value,
            _lifetime(base),
            _access(base),
            base.redirect.loopback.value,
            base.client_auth.value,
            base.pkce.value,
        )
        for name, base in bases.items()
    ]
    head = (
        "base",
        "rotation",
        "refresh token dies",
        "access token",
        "loopback redirect",
        "client auth",
        "PKCE",
    )
    return page(
        "Base providers",
        "What is true of an authorization server for everybody, as shipped in `reconciler/catalog/`. A `Provider` names one "
        "under `spec.base` and may override any of it under `spec.server`. `access token` is the lifetime that is assumed "
        "where an answer gives none. Your own `BaseProvider` documents take the same keys: see "
        "[manifests](manifests.md#baseprovider-spec).",
        table(head, rows),
        *(_section(name, base) for name, base in bases.items()),
    )


def _lifetime(base: Behaviour) -> str:
    rules = base.refresh_token.lifetime
    idle = "" if rules.idle is None else f"{format_duration(rules.idle)} unused"
    absolute = "" if rules.absolute is None else f"{format_duration(rules.absolute)} after consent"
    match rules.kind:
        case LifetimeKind.NONE:
            return "not by time"
        case _:
            return " or ".join(part for part in (idle, absolute) if part)


def _access(base: Behaviour) -> str:
    life = base.access_token.lifetime
    return "1h" if life is None else format_duration(life)


def _section(name: str, base: Behaviour) -> str:
    endpoints = {field: url for field, url in base.endpoints.model_dump(by_alias=True).items() if url}
    if base.issuer:
        endpoints = {"issuer": base.issuer, **endpoints}
    parts = [f"## {name}", (base.description or "").strip()]
    if endpoints:
        parts.append(
            table(("endpoint", "URL"), [(code(field), code(url)) for field, url in endpoints.items()])
        )
    for parameter, rules in base.parameters.items():
        values = f" One of {', '.join(map(code, rules.choices))}." if rules.choices else ""
        default = f" Default {code(rules.default)}." if rules.default else ""
        parts.append(f"Parameter {code(parameter)}: {rules.description}.{default}{values}")
    parts.append(_facts(base))
    if base.errors.table:
        parts.append(_errors(base))
    if base.docs:
        parts.append("Sources:\n\n" + "\n".join(f"- {source}" for source in base.docs))
    return "\n\n".join(part for part in parts if part)


def _facts(base: Behaviour) -> str:
    scopes = base.scopes
    facts = [
        ("grants", ", ".join(grant.value for grant in base.grants)),
        ("scopes that are added", " ".join(scopes.mandatory)),
        ("scopes are asked for", "" if scopes.in_request else "no: they are set at the provider's console"),
        (
            "added to the consent page's URL",
            " ".join(f"{k}={v}" for k, v in base.authorization_parameters.items()),
        ),
        ("why a consent may bring no refresh token", base.refresh_token.missing or ""),
        ("whose grant it is", _identity(base)),
        ("where a person removes access", _place(base.access_removal.url, base.access_removal.steps)),
        ("where the client is registered", _place(base.console.url, base.console.steps)),
        ("API origins", " ".join(base.api_origins)),
    ]
    return "\n".join(f"- {what}: {text}" for what, text in facts if text)


def _identity(base: Behaviour) -> str:
    return (
        ""
        if base.identity.source.value == "none"
        else f"{base.identity.source.value}, claim `{base.identity.claim}`"
    )


def _place(url: str | None, steps: str | None) -> str:
    return " — ".join(part for part in (url, (steps or "").strip()) if part)


def _errors(base: Behaviour) -> str:
    rows = []
    for rule in base.errors.table:
        conditions = [
            f"error `{rule.error}`" if rule.error else "",
            f"code `{rule.code}`" if rule.code else "",
            f"status {rule.status}" if rule.status else "",
            f"text “{rule.match}”" if rule.match else "",
        ]
        reason = "" if rule.reason is None else rule.reason.value
        rows.append((", ".join(one for one in conditions if one), rule.judge.value, reason, rule.note or ""))
    return "How its refusals are judged; the first row that fits counts:\n\n" + table(
        ("answer", "class", "reason", "note"), rows
    )
