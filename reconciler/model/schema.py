"""JSON Schemas (draft 2020-12) of the manifests, generated from the models that read them, for editors and for other tools.

Rules:
- one schema a kind, and one for files that hold several kinds;
- what the loader refuses without the models, the schemas refuse too: null values and unknown keys;
- plain text that looks like a number is let pass where people write it so; the loader takes it as text;
- the same models give the same bytes: keys are sorted where their order says nothing.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from reconciler.model.manifest import API_VERSION, DOCUMENT_MODELS
from reconciler.model.names import Kind

DRAFT = "https://json-schema.org/draft/2020-12/schema"
MANIFEST = "manifest"
SCHEMA_NAMES = {Kind.ACCOUNT: "account", Kind.BASE_PROVIDER: "base-provider", Kind.PROVIDER: "provider"}


class _Generate(GenerateJsonSchema):
    """Without what only Python needs: nullable unions, titles, defaults that are whole objects."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        shown = super().default_schema(schema)
        if not isinstance(shown.get("default"), (str, int, float)) or shown["default"] == "":
            shown.pop("default", None)
        return shown


def manifest_schemas() -> dict[str, dict[str, Any]]:
    """Schema by name: `manifest` for any file, and `account`, `base-provider`, `provider` for files of one kind."""
    by_kind = {kind: _schema_of(kind) for kind in SCHEMA_NAMES}
    schemas = {SCHEMA_NAMES[kind]: schema for kind, schema in by_kind.items()}
    return {MANIFEST: _combined(by_kind), **schemas}


def schema_file_name(name: str) -> str:
    return f"{name}.schema.json"


def schema_text(schema: dict[str, Any]) -> str:
    """As it is kept in `schemas/`."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _schema_of(kind: Kind) -> dict[str, Any]:
    made = DOCUMENT_MODELS[kind].model_json_schema(by_alias=True, schema_generator=_Generate)
    definitions = made.pop("$defs", {})
    body = _tidied(made)
    body["title"] = kind.value
    return {
        "$schema": DRAFT,
        **body,
        "$defs": {name: _tidied(definitions[name]) for name in sorted(definitions)},
    }


def _combined(by_kind: dict[Kind, dict[str, Any]]) -> dict[str, Any]:
    definitions: dict[str, Any] = {}
    for schema in by_kind.values():
        definitions |= schema["$defs"]
    for kind, schema in by_kind.items():
        definitions[kind.value] = {
            key: value for key, value in schema.items() if key not in ("$schema", "$defs")
        }
    return {
        "$schema": DRAFT,
        "title": "Manifest",
        "description": "A document of reconciler: a BaseProvider, a Provider or an Account.",
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": {"const": API_VERSION},
            "kind": {"enum": sorted(kind.value for kind in by_kind)},
        },
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": kind.value}}, "required": ["kind"]},
                "then": {"$ref": f"#/$defs/{kind.value}"},
            }
            for kind in sorted(by_kind)
        ],
        "$defs": {name: definitions[name] for name in sorted(definitions)},
    }


def _tidied(schema: Any) -> Any:
    """Titles out; a description is one line of prose; a mapping's keys are checked as keys, so that no other passes."""
    if isinstance(schema, list):
        return [_tidied(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    tidy: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            tidy[key] = {name: _tidied(below) for name, below in value.items()}
        elif key == "patternProperties":
            ((pattern, below),) = value.items()
            tidy["additionalProperties"] = _tidied(below)
            tidy["propertyNames"] = {"pattern": pattern, **schema.get("propertyNames", {})}
        elif key == "description":
            tidy[key] = " ".join(value.replace("`", "").split())
        elif key not in ("title", "propertyNames"):
            tidy[key] = _tidied(value)
    return tidy
