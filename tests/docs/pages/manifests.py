"""`docs/reference/manifests.md`: every key of every kind, from the models that read them."""

from reconciler.model.limits import KIB, MANIFEST_LIMITS, MIB
from reconciler.model.manifest import API_VERSION, DOCUMENT_MODELS
from reconciler.model.names import Kind
from tests.docs.pages.markdown import block, code, page, table
from tests.docs.pages.schema_tables import sections

TITLES = {
    "Behaviour": "BaseProvider spec",
    "ProviderSpec": "Provider spec",
    "AccountSpec": "Account spec",
    "Metadata": "metadata",
    "ClientSpec": "client",
    "IdReference": "idRef",
    "SecretReference": "secretRef",
    "RefreshSpec": "refresh",
    "OutputSpec": "output",
    "Parameter": "parameter",
    "ServerRules": "server",
    "Endpoints": "endpoints",
    "AssertionRules": "server.assertion",
    "RedirectRules": "server.redirect",
    "ScopeRules": "server.scopes",
    "AccessTokenRules": "server.accessToken",
    "RefreshTokenRules": "server.refreshToken",
    "RefreshLifetime": "server.refreshToken.lifetime",
    "ResponseFields": "server.response",
    "ErrorRules": "server.errors",
    "ErrorRule": "server.errors.table",
    "IdentityRules": "server.identity",
    "RevocationRules": "server.revocation",
    "AccessRemoval": "server.accessRemoval",
    "ConsoleRules": "server.console",
    "RateRules": "server.rate",
    "RateLimit": "server.rate.limit",
    "RequestShape": "server.request",
    "CallbackRules": "server.callback",
    "Cause": "server.refreshToken.causes",
    "LiveLimit": "server.refreshToken.maxLive",
    "Announcement": "announced",
}
WORDS = {
    "Metadata.name": "the object's name",
    "ProviderSpec.description": "for people",
    "ProviderSpec.parameters": "what the base asks for: a tenant, a country, a shop",
    "ProviderSpec.registration": "`static`: somebody registered the client at a console; `dynamic`: the tool does (RFC 7591)",
    "ProviderSpec.redirectUris": "several; consent uses the first that is on this machine, else the first",
    "IdReference.key": "the key",
    "IdReference.version": "a pinned version, as of its secret",
    "IdReference.mount": "as of its secret",
    "SecretReference.key": "the key",
    "Parameter.description": "what the part is, for people",
    "ServerRules.description": "for people",
    "ServerRules.assertion": "the JWTs that a client signs: see [client authentication](../guide/client-authentication.md)",
    "ServerRules.accessToken": "how long access tokens live",
    "ServerRules.refreshToken": "what becomes of refresh tokens",
    "ServerRules.errors": "how refusals are judged",
    "ServerRules.revocation": "how a grant is taken back, where that is not RFC 7009",
    "ServerRules.rate": "how fast it may be asked",
    "RedirectRules.path": "the path of a loopback redirect URI",
    "ScopeRules.separator": "between scopes",
    "RefreshLifetime.idle": "so long from its last use",
    "RefreshLifetime.absolute": "so long from the consent",
    "ErrorRule.note": "for people",
    "AccessRemoval.url": "the page",
    "AccessRemoval.steps": "in words",
    "ConsoleRules.url": "the page",
    "ConsoleRules.steps": "in words",
    "RateRules.perSecond": "requests a second",
    "RateLimit.requests": "how many",
    "RateLimit.per": "within any span of this length",
    "RequestShape.body": "`form`; `json`; or `query`: a GET with the fields in its URL",
    "LiveLimit.count": "so many",
    "RefreshTokenRules.maxLive": "how many grants live at a time: the next one ends the oldest",
    "Announcement.what": "what will change, in words",
    "Behaviour.announced": "what the provider has announced",
    "ServerRules.callback": "what the browser brings back",
    "AccountSpec.refresh": "when to refresh",
    **{
        f"ResponseFields.{name}": "path of this field"
        for name in (
            "accessToken",
            "refreshToken",
            "tokenType",
            "expiresIn",
            "scope",
            "error",
            "errorDescription",
        )
    },
    "ResponseFields.expiresInUnit": "what `expiresIn` is counted in",
}
"""For the keys that the models themselves do not explain."""
_ORDER = (Kind.PROVIDER, Kind.ACCOUNT, Kind.BASE_PROVIDER)
_FRAME = f"""apiVersion: {API_VERSION}
kind: Provider            # or Account, or BaseProvider
metadata:
  name: google
  namespace: marketing    # by default the folder's name
spec: {{}}"""


def manifests() -> str:
    seen: set[str] = set()
    parts = []
    for kind in _ORDER:
        schema = DOCUMENT_MODELS[kind].model_json_schema(by_alias=True)
        found = []
        for section in sections(schema, titles=TITLES, words=WORDS):
            heading = section.partition("\n")[0]
            if heading not in seen:
                seen.add(heading)
                found.append(section)
        words = str(schema.get("description", ""))
        parts.append("\n\n".join([f"## {kind.value}", words, *found]))
    return page(
        "Manifests",
        "A manifest is a YAML document. A file may hold several, divided by `---`. A folder is read with all folders below "
        "it: files that end in `.yaml` or `.yml`.",
        block(_FRAME, "yaml"),
        _rules(),
        *parts,
    )


def _rules() -> str:
    limits = MANIFEST_LIMITS
    rows = [
        (
            "one document",
            f"{limits.document_bytes // KIB} KiB, {limits.document_nodes:,} nodes, depth {limits.depth}",
        ),
        ("one scalar", f"{limits.scalar_bytes // KIB} KiB"),
        ("one run", f"{limits.run_bytes // MIB} MiB, {limits.run_files:,} files"),
    ]
    return f"""## How manifests are read

- A document is data. Anchors, aliases, tags, merge keys, includes, templates and environment variables are errors.
- Text is taken as it is written: `1.10`, `no` and `12:30` stay what they are. A boolean is {code("true")} or {code("false")}. An
  empty text or `null` is an error: leave the key out.
- A key that is written twice, a key that is not known, and a name that is defined twice are errors.
- A document below `manifests/<folder>/` is of the namespace `<folder>`, stated or not; another one is an error. Files
  at the root may name any namespace; without one they are of `default`.
- A name or namespace is 1 to 63 characters of `a-z`, `0-9`, `.`, `_`, `-`, and begins with a letter or digit.
- A duration is written `90s`, `30m`, `6h`, `180d` or `1h30m`. A date counts to its end, in UTC.
- A secret is only ever a reference: `{{path, key}}`. Text that looks like a secret is an error.
- Every error of a run is reported at once, each with file, line and column.

{table(("limit", "at most"), rows)}"""
