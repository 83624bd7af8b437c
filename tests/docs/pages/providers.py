"""`docs/providers/`: one page for each shipped base, and a table of all, from the catalogue itself.

A field that no source of ours shows bears a `°` wherever it stands, as the base says under `unverified`.
"""

from collections.abc import Callable, Mapping
from functools import partial

from reconciler.adapters.manifest_catalogue import load_catalogue, shipped_document, without_base
from reconciler.model.choices import CauseScope, Renewal
from reconciler.model.duration import format_duration
from tests.docs.pages.base_words import CLASS, LOOPBACK, PKCE, ROTATION, SHORT, access, auth_words, life
from tests.docs.pages.markdown import block, code, page, table

_DOUBT = "°"


def pages() -> Mapping[str, Callable[[], str]]:
    """Name of each file below `docs/providers/`, without its ending, and what makes it."""
    names = [name for name in load_catalogue().bases if name != "custom"]
    return {"README": _all, **{name: partial(_one, name) for name in names}}


class _Base:
    """A base and its doubts."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_ = load_catalogue().bases[name]
        self.title = (self.is_.description or name).strip()

    def doubt(self, *paths: str) -> str:
        """The mark, where any of these fields, or a part of one, is unverified."""
        marked = self.is_.unverified
        hit = any(
            path == one or path.startswith(f"{one}.") or one.startswith(f"{path}.")
            for path in paths
            for one in marked
        )
        return _DOUBT if hit else ""


def _all() -> str:
    rows: list[tuple[str, ...]] = []
    for name in load_catalogue().bases:
        if name == "custom":
            continue
        it = _Base(name)
        base, rules = it.is_, it.is_.refresh_token
        kept = {Renewal.ACCESS_TOKEN: "access token renewed", Renewal.PROBE: "never ends, checked"}
        kind = kept.get(rules.renewal, SHORT[rules.rotation])
        rows.append(
            (
                f"[{it.title}]({name}.md)",
                code(name),
                shipped_document(name).metadata.labels.get("category", ""),
                access(base).partition(";")[0] + it.doubt("accessToken.lifetime"),
                kind + it.doubt("refreshToken.rotation", "refreshToken.renewal"),
                life(base) + it.doubt("refreshToken.lifetime"),
                auth_words(base.client_auth) + it.doubt("clientAuth"),
            )
        )
    head = ("provider", "`base:`", "kind", "access token", "refresh token", "dies", "client authentication")
    return page(
        "Providers",
        f"{len(rows)} providers that the tool knows, as data. `°`: no source of ours shows it, so it is general knowledge; "
        "`?`: not known, and then the careful way is taken. An answer of the provider counts more than anything here. What "
        "is wrong or missing can be said in one line under `server:` of your own `Provider`, or in a "
        "[base of your own](../guide/providers.md#a-base-of-your-own).",
        table(head, sorted(rows, key=lambda row: str(row[0]).casefold())),
        "Without a base, for a reason:\n\n"
        + "\n".join(f"- {code(name)}: {why}" for name, why in sorted(without_base().items())),
        "Any other server: `base: custom` with its issuer or endpoints.",
    )


def _one(name: str) -> str:
    it = _Base(name)
    base = it.is_
    return page(
        it.title,
        _state(it),
        block(_manifest(it), "yaml"),
        _parameters(it),
        "## At the provider's console",
        _console(it),
        "## What ends, and when",
        _ends(it),
        "## What a person must do",
        _person(it),
        _refusals(it),
        _departures(it),
        _listed("Good to know", base.notes),
        _listed("Announced", tuple(f"{one.day or 'no date'}: {one.what}" for one in base.announced)),
        _listed("Sources", base.docs),
    )


def _state(it: _Base) -> str:
    base = it.is_
    when = f"Sources read on {base.verified_on}." if base.verified_on else ""
    marked = ", ".join(map(code, base.unverified))
    doubts = f" Marked with `°`, since no source of ours shows it: {marked}." if marked else ""
    return f"{when}{doubts} [All providers](README.md)."


def _manifest(it: _Base) -> str:
    base, given = it.is_, []
    for name, parameter in base.parameters.items():
        if parameter.default is None:
            value = next(iter(parameter.choices), "…")
            given.append(f"    {name}: {value}")
    public = base.client_auth.value == "none"
    client = (
        "  client: {id: …}"
        if public
        else f"  client: {{id: …, secretRef: {{path: clients/{it.name}, key: client_secret}}}}"
    )
    lines = [
        "apiVersion: oauth2.reconciler/v1",
        "kind: Provider",
        f"metadata: {{name: {it.name}}}",
        "spec:",
        f"  base: {it.name}",
        *(["  parameters:", *given] if given else []),
        client,
    ]
    if base.redirect.loopback.value == "none":
        lines.append("  redirectUri: https://…")
    if base.endpoints.token is None:
        lines.append("  server: {issuer: https://…}")
    return "\n".join(lines)


def _parameters(it: _Base) -> str:
    rows = [
        (code(name), one.description, ", ".join(map(code, one.choices)), code(one.default or ""))
        for name, one in it.is_.parameters.items()
    ]
    doubt = it.doubt("parameters")
    return table(("parameter" + doubt, "what", "one of", "default"), rows) if rows else ""


def _console(it: _Base) -> str:
    base, scopes = it.is_, it.is_.scopes
    redirect = LOOPBACK[base.redirect.loopback]
    if "redirect" not in base.model_fields_set:
        redirect = f"which its console takes no source of ours says{_DOUBT}; {redirect} are tried"
    if base.redirect.sent_as:
        redirect += f"; sent by its name, {code(base.redirect.sent_as)}"
    joint = "commas" if scopes.separator == "," else "blanks"
    asked = (
        f"asked for in the request, with {joint} between them" if scopes.in_request else "set at the console"
    )
    extra = {**base.authorization_parameters, **base.token_parameters}
    facts = [
        ("where", base.console.url or "", "console.url"),
        ("what to do", base.console.steps or "", "console.steps"),
        ("redirect URI", redirect, "redirect"),
        ("client", f"{auth_words(base.client_auth)}; {PKCE[base.pkce]}{it.doubt('pkce')}", "clientAuth"),
        ("scopes", asked, "scopes"),
        ("scopes that are always added", " ".join(map(code, scopes.mandatory)), "scopes.mandatory"),
        ("sent besides", " ".join(code(f"{k}={v}") for k, v in extra.items()), "authorizationParameters"),
    ]
    return _facts(it, facts)


def _ends(it: _Base) -> str:
    base, rules = it.is_, it.is_.refresh_token
    grant = {
        Renewal.REFRESH_TOKEN: f"the refresh token {ROTATION[rules.rotation]}",
        Renewal.ACCESS_TOKEN: "there is no refresh token: the living access token is exchanged for the next one",
        Renewal.PROBE: "there is nothing to refresh: the token lives until it is removed, and is shown to the API now and then"
        if base.endpoints.probe
        else "there is nothing to refresh, and nobody can tell whether the token still works",
    }[rules.renewal]
    hours = base.access_token
    facts = [
        ("access token", access(base), "accessToken.lifetime"),
        (
            "refreshed",
            "late: a refresh ends the running token at once" if hours.dies_at_refresh else "",
            "accessToken",
        ),
        ("not younger than", format_duration(hours.min_age) if hours.min_age else "", "accessToken.minAge"),
        (
            "only in the last",
            format_duration(hours.last_of_life) if hours.last_of_life else "",
            "accessToken.lastOfLife",
        ),
        ("grant", grant, "refreshToken.rotation"),
        ("grace", format_duration(rules.grace) if rules.grace else "", "refreshToken.grace"),
        ("dies", life(base), "refreshToken.lifetime"),
        (
            "a spent token that comes again",
            "ends the whole grant" if rules.reuse_revokes else "",
            "refreshToken.reuseRevokes",
        ),
        (
            "living at a time",
            f"{rules.max_live.count} per {rules.max_live.per}" if rules.max_live else "",
            "refreshToken.maxLive",
        ),
        (
            "a code works for",
            format_duration(base.callback.code_lifetime) if base.callback.code_lifetime else "",
            "callback.codeLifetime",
        ),
        (
            "token calls",
            f"at most {base.rate.limit.requests} in {format_duration(base.rate.limit.per)}"
            if base.rate.limit
            else "",
            "rate",
        ),
    ]
    causes = [
        f"- {one.what}{' (of everybody)' if one.ends is CauseScope.APPLICATION else ''}"
        for one in rules.causes
    ]
    also = [f"A grant also ends by{it.doubt('refreshToken.causes')}:", "\n".join(causes)] if causes else []
    return "\n\n".join([_facts(it, facts), *also])


def _person(it: _Base) -> str:
    base, lifetime = it.is_, it.is_.refresh_token.lifetime
    again = (
        f"every {format_duration(lifetime.absolute)}, whatever is done: announced beforehand"
        if lifetime.absolute
        else "only when the grant was removed, or nobody refreshed it in time"
    )
    identity = base.identity
    who = f"told by {identity.source.value}, `{identity.claim}`" if identity.source.value != "none" else ""
    removal = " — ".join(part for part in (base.access_removal.url, base.access_removal.steps) if part)
    facts = [
        ("consents again", again, "refreshToken.lifetime"),
        ("no refresh token came", base.refresh_token.missing or "", "refreshToken.missing"),
        ("who consented", who, "identity"),
        ("removes the app's access", removal, "accessRemoval"),
    ]
    return _facts(it, facts)


def _refusals(it: _Base) -> str:
    rows = []
    for rule in it.is_.errors.table:
        told = [
            f"error {code(rule.error)}" if rule.error else "",
            f"code {code(rule.code)}" if rule.code else "",
            f"status {rule.status}" if rule.status else "",
            f"“{rule.match}”" if rule.match else "",
        ]
        rows.append((", ".join(filter(None, told)), CLASS[rule.judge], rule.note or ""))
    head = (f"answer{it.doubt('errors')}", "what it means", "note")
    words = "Besides what RFC 6749 §5.2 says; the first row that fits counts."
    return f"## How its refusals are read\n\n{words}\n\n{table(head, rows)}" if rows else ""


def _departures(it: _Base) -> str:
    base = it.is_
    kept = [*base.callback.keep, *base.response.keep]
    shapes = (base.request, base.refresh_request, base.exchange_request)
    renamed = {ours: theirs for shape in shapes if shape for ours, theirs in shape.names.items()}
    facts = [
        (
            "requests",
            "" if base.request.body.value == "form" else f"as {base.request.body.value}",
            "request.body",
        ),
        ("fields by another name", ", ".join(code(f"{a} → {b}") for a, b in renamed.items()), "request"),
        ("published with the token", ", ".join(map(code, kept)), "response.keep"),
        ("the callback must name our server in", code(base.callback.server or ""), "callback"),
        ("token endpoint", code(base.endpoints.token or ""), "endpoints.token"),
        ("refresh endpoint", code(base.endpoints.refresh or ""), "endpoints.refresh"),
        ("checked at", code(base.endpoints.probe or ""), "endpoints.probe"),
        ("revocation", code(base.endpoints.revocation or ""), "endpoints.revocation"),
        ("APIs", " ".join(map(code, base.api_origins)), "apiOrigins"),
    ]
    shown = _facts(it, facts)
    return f"## On the wire\n\n{shown}" if shown else ""


def _facts(it: _Base, facts: list[tuple[str, str, str]]) -> str:
    return "\n".join(f"- {what}{it.doubt(path)}: {text}" for what, text, path in facts if text)


def _listed(title: str, lines: tuple[str, ...]) -> str:
    return f"## {title}\n\n" + "\n".join(f"- {line}" for line in lines) if lines else ""
