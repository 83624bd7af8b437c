"""A JSON Schema as tables for people: one section an object, one row a field."""

from collections.abc import Mapping
from typing import Any

from tests.docs.pages.markdown import anchor, code, table

Schema = Mapping[str, Any]
ELSEWHERE = {
    "Reason": "a [reason](states.md#reasons)",
    "AccountState": "a [state](states.md)",
}
"""Choices that have a page of their own."""


def sections(schema: Schema, *, titles: Mapping[str, str], words: Mapping[str, str]) -> list[str]:
    """A section for every object among the schema's definitions, in the order in which they are first named.

    `titles`: definition -> heading; `words`: `Definition.key` -> meaning, where the schema has none. ValueError where
    neither of them explains a key.
    """
    found = []
    for name in objects_in_order(schema):
        definition = schema["$defs"][name]
        rows = _rows(name, schema=schema, titles=titles, words=words)
        parts = (
            f"### {titles[name]}",
            definition.get("description", ""),
            table(("key", "what", "default", "meaning"), rows),
        )
        found.append("\n\n".join(part for part in parts if part))
    return found


def _rows(
    name: str, *, schema: Schema, titles: Mapping[str, str], words: Mapping[str, str]
) -> list[tuple[str, ...]]:
    definition = schema["$defs"][name]
    required = set(definition.get("required", ()))
    rows: list[tuple[str, ...]] = []
    for key, field in definition.get("properties", {}).items():
        kind = shape(field, schema=schema, titles=titles)
        must = "required" if key in required else default_of(field)
        meaning = words.get(f"{name}.{key}") or field.get("description") or _enum_words(field, schema=schema)
        if name == "Behaviour":
            meaning = meaning or words.get(f"ServerRules.{key}", "")
        if not meaning:
            raise ValueError(f"{name}.{key} has no words")
        rows.append((code(key), kind, must, meaning))
    return rows


def default_of(field: Schema) -> str:
    """As people would write it; nothing where the default is to be absent or empty."""
    value = field.get("default")
    if value is None or value in ("", [], {}):
        return ""
    if isinstance(value, dict):
        return ""
    if isinstance(value, bool):
        return code(str(value).lower())
    if isinstance(value, list):
        return code("[" + ", ".join(map(str, value)) + "]")
    return code(value)


def shape(field: Schema, *, schema: Schema, titles: Mapping[str, str]) -> str:
    """What may be written there, in few words."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        definition = schema["$defs"][name]
        if definition.get("type") == "object":
            title = titles.get(name, name)
            return f"[{title}](#{anchor(title)})"
        if name in ELSEWHERE:
            return ELSEWHERE[name]
        return shape(definition, schema=schema, titles=titles)
    if "const" in field:
        return code(field["const"])
    if "enum" in field:
        return " or ".join(code(value) for value in field["enum"] if value is not None)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in field:
            nullable = any(one.get("type") == "null" for one in field[key]) and "default" not in field
            options = [
                shape(one, schema=schema, titles=titles) for one in field[key] if one.get("type") != "null"
            ]
            return " or ".join([*dict.fromkeys(options), *(["null"] if nullable else [])])
    match field.get("type"):
        case "array":
            return "list of " + shape(field.get("items", {}), schema=schema, titles=titles)
        case "object":
            values = field.get("additionalProperties") or next(
                iter(field.get("patternProperties", {}).values()), None
            )
            inner = shape(values, schema=schema, titles=titles) if isinstance(values, dict) else "text"
            return f"map of name to {inner}"
        case "string":
            return _text_shape(field)
        case "integer":
            return "whole number"
        case "number":
            return "number"
        case "boolean":
            return "`true` or `false`"
        case list() as several:
            return "text" if "string" in several else " or ".join(one for one in several if one != "null")
        case _:
            return "anything"


def _text_shape(field: Schema) -> str:
    examples = field.get("examples", ())
    if field.get("format") == "date-time":
        return "RFC 3339 time, UTC"
    if examples and "d)?" in field.get("pattern", ""):
        return "duration"
    return "date or time" if examples else "text"


def _enum_words(field: Schema, *, schema: Schema) -> str:
    """A choice explains itself by its own description."""
    reference = field.get("$ref") or next(
        (one["$ref"] for one in field.get("anyOf", ()) if "$ref" in one), None
    )
    if reference is None:
        return ""
    definition = schema["$defs"][reference.rpartition("/")[2]]
    return str(definition.get("description", "")).split("\n\n")[0].replace("\n", " ")


def objects_in_order(schema: Schema) -> list[str]:
    """Names of the definitions that are objects, in the order in which they are first named."""
    definitions = schema.get("$defs", {})
    order: list[str] = []

    def visit(part: Any) -> None:
        if isinstance(part, list):
            for one in part:
                visit(one)
        elif isinstance(part, dict):
            name = str(part.get("$ref", "")).rpartition("/")[2]
            if name in definitions and name not in order:
                if definitions[name].get("type") == "object":
                    order.append(name)
                visit(definitions[name])
            for key, value in part.items():
                if key != "$defs":
                    visit(value)

    visit(schema)
    return order
