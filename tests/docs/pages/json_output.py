"""`docs/reference/json-output.md`: what scripts may rely on, from the definition that the code is typed by."""

from reconciler.decide.health import NOTICE
from reconciler.report.contract import FORMAT_VERSION, SCHEMA_NAMES, schema_of
from tests.docs.pages.markdown import code, page, table
from tests.docs.pages.schema_tables import Schema, sections, shape

_HEADINGS = {"plan": "plan", "run": "reconcile and refresh", "status": "status", "validate": "validate"}


def json_output() -> str:
    if _HEADINGS.keys() != set(SCHEMA_NAMES):
        raise ValueError("a document has no heading")
    seen: set[str] = set()
    inner: list[str] = []
    outer = []
    for name in SCHEMA_NAMES:
        schema = schema_of(name)
        words = str(schema.get("description", "")).strip()
        file = f"schemas/{name}.schema.json"
        outer.append(
            f"## {_HEADINGS[name]}\n\nSchema: [`{file}`](../../{file}). {words}\n\n{_fields(schema)}"
        )
        for section in sections(schema):
            heading = section.partition("\n")[0]
            if heading not in seen:
                seen.add(heading)
                inner.append(section)
    return page(
        "JSON output",
        f"With {code('-o json')} stdout holds one JSON document and nothing else; what is said besides goes to stderr. Every "
        f"document has {code('format_version')} {FORMAT_VERSION}: it grows where a reader of the old format would misread "
        "the new one. New keys alone do not grow it. Times are RFC 3339 in UTC, whole seconds. What is unknown or absent is "
        f"`null`, never left out. No document holds a secret. A date that needs a person is listed {NOTICE.days} days ahead.",
        *outer,
        "## Parts",
        *(_without_default(section) for section in inner),
    )


def _fields(schema: Schema) -> str:
    rows = [
        (code(name), shape(field, schema=schema, titles={}), field.get("description", ""))
        for name, field in schema["properties"].items()
    ]
    return table(("key", "what", "meaning"), rows)


def _without_default(section: str) -> str:
    """Every key is always there, so the column that says so is left out."""
    lines = []
    for line in section.split("\n"):
        cells = line.split(" | ")
        lines.append(
            " | ".join([*cells[:2], *cells[3:]])
            if line.startswith("| ") and len(cells) > 3
            else line.replace("|---|---|---|---|", "|---|---|---|")
        )
    return "\n".join(lines)
