"""JSON Schema (draft 2020-12) of the TypedDicts in `report/contract`: the few forms that they use, and no others.

Rules: every object is closed; all its keys are required, but those of a class that is not `total`; an enum lists its
values; a form that is not known here is an error of ours, raised when the schemas are made, that is in a test.
"""

from __future__ import annotations

from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from typing_extensions import is_typeddict

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_PLAIN: dict[Any, str] = {str: "string", int: "integer", bool: "boolean", NoneType: "null"}


def schema_of_document(document: Any, *, title: str) -> dict[str, Any]:
    """The schema of a whole document; nested TypedDicts stand under `$defs` by their names."""
    definitions: dict[str, Any] = {}
    body = _object(document, definitions)
    return {"$schema": DRAFT, "title": title, **body, "$defs": dict(sorted(definitions.items()))}


def _object(document: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    hints = get_type_hints(document)
    body: dict[str, Any] = {"description": " ".join((document.__doc__ or "").split())}
    if not body["description"]:
        del body["description"]
    return body | {
        "type": "object",
        "properties": {name: _form(hint, definitions) for name, hint in hints.items()},
        "required": [name for name in hints if name in document.__required_keys__],
        "additionalProperties": False,
    }


def _form(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    if is_typeddict(hint):
        if hint.__name__ not in definitions:
            definitions[hint.__name__] = {}
            definitions[hint.__name__] = _object(hint, definitions)
        return {"$ref": f"#/$defs/{hint.__name__}"}
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        definitions[hint.__name__] = {"enum": [member.value for member in hint]}
        return {"$ref": f"#/$defs/{hint.__name__}"}
    return _generic(hint, definitions)


def _generic(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is list:
        return {"type": "array", "items": _form(arguments[0], definitions)}
    if origin is dict and arguments[0] is str:
        return {"type": "object", "additionalProperties": _form(arguments[1], definitions)}
    if origin is Literal:
        values = list(arguments)
        return {"const": values[0]} if len(values) == 1 else {"enum": values}
    if origin in (UnionType, Union):
        return {"anyOf": [_form(argument, definitions) for argument in arguments]}
    raise TypeError(f"no JSON Schema for {hint!r}")
