"""`docs/reference/json-output.md`: what scripts may rely on, from the definition that the code is typed by."""

from reconciler.decide.health import NOTICE
from reconciler.report.contract import FORMAT_VERSION, SCHEMA_NAMES, schema_of
from tests.docs.pages.json_words import words_of
from tests.docs.pages.json_words_admin import ADMIN_HEADINGS, ADMIN_TITLES
from tests.docs.pages.json_words_base import BASE_HEADINGS, BASE_TITLES
from tests.docs.pages.json_words_keep import KEEP_HEADINGS, KEEP_TITLES
from tests.docs.pages.json_words_ops import OPS_HEADINGS, OPS_TITLES
from tests.docs.pages.json_words_use import USE_HEADINGS, USE_TITLES
from tests.docs.pages.markdown import code, page, table
from tests.docs.pages.schema_tables import Schema, objects_in_order, shape

_TITLES = {
    "DeclaredDocument": "declared",
    "PlanSummary": "summary of a plan",
    "ChangeDocument": "change",
    "FieldDocument": "field",
    "PreconditionDocument": "precondition",
    "Source": "source",
    "UpkeepDocument": "maintenance",
    "BlockedDocument": "blocked",
    "GuardDocument": "guard",
    "AttentionDocument": "attention",
    "ProblemDocument": "problem",
    "ResultDocument": "result",
    "ErrorDocument": "error",
    "ProviderDocument": "provider",
    "AccountDocument": "account",
    "OriginDocument": "origin of a grant",
    "ConditionDocument": "condition",
    **OPS_TITLES,
    **USE_TITLES,
    **KEEP_TITLES,
    **BASE_TITLES,
    **ADMIN_TITLES,
}
_HEADINGS = {
    "plan": "plan",
    "run": "reconcile and refresh",
    "status": "status",
    "consent-link": "consent-link",
    "consent-links": "consent-link --list",
    "validate": "validate",
    **OPS_HEADINGS,
    **USE_HEADINGS,
    **KEEP_HEADINGS,
    **BASE_HEADINGS,
    **ADMIN_HEADINGS,
}


def json_output() -> str:
    if _HEADINGS.keys() != set(SCHEMA_NAMES):
        raise ValueError("a document has no heading")
    inner: dict[str, str] = {}
    outer = []
    for name in SCHEMA_NAMES:
        schema = schema_of(name)
        words = str(schema.get("description", "")).strip()
        file = f"schemas/{name}.schema.json"
        fields = _fields(schema, document=name, whole=schema)
        outer.append(f"## {_HEADINGS[name]}\n\nSchema: [`{file}`](../../{file}). {words}\n\n{fields}")
        for part in objects_in_order(schema):
            inner.setdefault(part, _part(part, schema))
    return page(
        "JSON output",
        f"With {code('-o json')} stdout holds one JSON document and nothing else; what is said besides goes to stderr. Every "
        f"document has {code('format_version')} {FORMAT_VERSION}: it grows where a reader of the old format would misread "
        "the new one. New keys alone do not grow it. Times are RFC 3339 in UTC, whole seconds. What is unknown or absent is "
        f"`null`, never left out. No document holds a secret but that of `token`, and the link of `consent-link --print`: "
        "both are asked for it. "
        f"A date that needs a person is listed {NOTICE.days} days ahead.",
        *outer,
        "## Parts",
        *inner.values(),
    )


def _fields(schema: Schema, *, document: str, whole: Schema) -> str:
    """Every key is always there, so none has a default."""
    rows = [
        (code(key), shape(field, schema=whole, titles=_TITLES), words_of(document, key))
        for key, field in schema["properties"].items()
    ]
    return table(("key", "what", "meaning"), rows)


def _part(name: str, schema: Schema) -> str:
    definition = schema["$defs"][name]
    words = str(definition.get("description", "")).strip()
    parts = (f"### {_TITLES[name]}", words, _fields(definition, document=name, whole=schema))
    return "\n\n".join(part for part in parts if part)
