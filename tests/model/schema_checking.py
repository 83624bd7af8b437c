"""Manifests checked by an independent JSON Schema library, as an editor would check them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import yaml

SCHEMAS = Path(__file__).parents[2] / "schemas"


class EditorLoader(yaml.SafeLoader):
    """YAML 1.2's core schema, as editors read it: no timestamps, and booleans are true and false only."""


EditorLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag.rpartition(":")[2] not in ("timestamp", "bool")]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
EditorLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))


def read_schema(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    return schema


def documents(source: str) -> Iterator[Any]:
    return (document for document in yaml.load_all(source, EditorLoader) if document is not None)


def faults(source: str, *, schema: str = "manifest") -> list[str]:
    """What the schema says of each document, by path."""
    validator = jsonschema.Draft202012Validator(read_schema(schema))
    return [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
        for document in documents(source)
        for error in validator.iter_errors(document)
    ]
