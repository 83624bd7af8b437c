"""What pydantic found wrong with a document, in our words and with its place in the file.

Rules:
- a message names the key and says what to write there; it never repeats the value, which may be a secret;
- an unknown key gets "did you mean", or what is known there;
- where the loader refused a value already (FLAW), nothing more is said of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from reconciler.model.document import FLAW, PathPart, SourceDocument
from reconciler.model.location import Location, Problem
from reconciler.model.manifest import (
    API_VERSION,
    LABEL_KEY_PATTERN,
    LABEL_VALUE_PATTERN,
    PROVIDER_PATTERN,
    SCOPE_PATTERN,
    SECRET_KEY_PATTERN,
)
from reconciler.model.spec import LINE_PATTERN, NAME_TEXT_PATTERN, TEXT_PATTERN
from reconciler.model.suggestion import quoted, suggest

_QUOTED_WORD = re.compile(r"'([^']*)'")
_KEY = "[key]"
_SECRET_KEY = re.compile(r"secret|passw|token|credential|api_?key|private_?key", re.IGNORECASE)
_REFERENCE = "a secret is never written in a manifest: write {path: clients/<namespace>/<name>, key: <key>}"
_PATH = "write it like clients/<namespace>/<name>: letters, digits, '.', '_' and '-' between the slashes"
_NOT_YET = {
    "urn:ietf:params:oauth:grant-type:device_code": "did you mean 'device_code'?",
    "refresh_token": "refreshing needs no grant of its own: use authorization_code",
    "implicit": "the implicit grant is not supported: use authorization_code",
    "password": "the password grant is not supported: use authorization_code",
    "urn:ietf:params:oauth:grant-type:jwt-bearer": "did you mean 'jwt_bearer'?",
    "urn:ietf:params:oauth:grant-type:token-exchange": "token exchange is not supported",
    "tls_client_auth": "client certificates are not supported: use private_key_jwt, basic or post",
    "client_secret_basic": "did you mean 'basic'?",
    "client_secret_post": "did you mean 'post'?",
}
_TYPES = {
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "string_type": "must be a text",
    "string_too_short": "is empty",
    "too_short": "must not be an empty list",
}
_PATTERNS = {
    LINE_PATTERN: "must be one line without control characters, and without blanks around it",
    TEXT_PATTERN: "must be text without control characters",
    NAME_TEXT_PATTERN: "must be a name: lower-case letters, digits, '-', '_' and '.', at most 63, not '-', '_' or '.' first",
    PROVIDER_PATTERN: "must be <name> or <namespace>/<name>",
    SCOPE_PATTERN: "must be one scope: printable ASCII without blanks and quotes",
    LABEL_KEY_PATTERN: "must be a label's key: letters, digits, '-', '_' and '.', a letter or digit at both ends",
    LABEL_VALUE_PATTERN: "must be a label: letters, digits, '-', '_' and '.', at most 63, a letter or digit at both ends",
    SECRET_KEY_PATTERN: "must be a key of a secret: letters, digits, '_', '-' and '.'",
}


def located_problems(
    error: ValidationError, source: SourceDocument, *, model: type[BaseModel], address: str
) -> list[Problem]:
    """One problem for each finding, in the order of the file. `model` is what the document was validated against."""
    found = []
    for detail in error.errors(include_url=False):
        if detail["input"] is not FLAW:
            location, message, hint = _judge(detail, source, model)
            found.append(Problem(location, message, hint, address))
    return sorted(set(found))


def shown_path(path: Sequence[PathPart]) -> str:
    """`spec.errors.table[3].class`."""
    text = ""
    for part in path:
        word = part if isinstance(part, int) else quoted(part)[1:-1]
        text += f"[{word}]" if isinstance(part, int) else f".{word}"
    return text.removeprefix(".")


def _judge(detail: Any, source: SourceDocument, model: type[BaseModel]) -> tuple[Location, str, str]:
    path: tuple[PathPart, ...] = detail["loc"]
    about_key = _KEY in path
    if about_key:
        path = tuple(part for part in path if part != _KEY)
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return source.where(path, key=True), *_unknown_key(path, model)
    if kind == "missing":
        where = f" in {shown_path(path[:-1])}" if len(path) > 1 else ""
        hint = f"write apiVersion: {API_VERSION}" if path == ("apiVersion",) else ""
        return source.where(path[:-1], key=True), f"missing key '{path[-1]}'{where}", hint
    name = "a key of " + shown_path(path[:-1]) if about_key else shown_path(path)
    words, hint = _words(kind, context, path=path, written=detail["input"])
    return source.where(path, key=about_key), f"{name} {words}" if name else words, hint


def _words(
    kind: str, context: Mapping[str, Any], *, path: tuple[PathPart, ...], written: object
) -> tuple[str, str]:
    last = next((part for part in reversed(path) if isinstance(part, str)), "")
    if kind == "value_error":
        in_reference = len(path) > 1 and str(path[-2]).endswith("Ref")
        return _own_words(str(context["error"])), _PATH if in_reference and last == "path" else ""
    if kind in ("enum", "literal_error"):
        return _choice_words(_QUOTED_WORD.findall(str(context["expected"])), written)
    if kind in ("model_type", "model_attributes_type") and last.endswith("Ref"):
        return "must be a reference, never the secret itself", _REFERENCE
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(str(context["pattern"]), "is not valid"), ""
    if kind == "string_too_long":
        return f"is longer than {context['max_length']} characters", ""
    bound = {
        "greater_than": ("gt", "more than"),
        "greater_than_equal": ("ge", "at least"),
        "less_than_equal": ("le", "at most"),
    }
    if kind in bound:
        key, words = bound[kind]
        return f"must be {words} {context[key]:g}", ""
    return _TYPES.get(kind, "is not valid"), ""


def _own_words(said: str) -> str:
    # Our validators say either a whole sentence of their own or one that goes on from the key's name.
    return said if said.startswith(("must ", "is ")) else f"is not valid: {said}"


def _choice_words(known: list[str], written: object) -> tuple[str, str]:
    words = f"must be {known[0]}" if len(known) == 1 else f"must be one of {', '.join(known)}"
    if not isinstance(written, str):
        return words, ""
    return words, _NOT_YET.get(written) or suggest(written, known)


def _unknown_key(path: tuple[PathPart, ...], model: type[BaseModel]) -> tuple[str, str]:
    key = str(path[-1])
    known = sorted(_known_keys(model, path[:-1]))
    hint = suggest(key, known)
    if not hint and _SECRET_KEY.search(key):
        hint = "a secret is never written in a manifest: write secretRef: {path: clients/<namespace>/<name>, key: <key>}"
    elif not hint and known:
        hint = f"known here: {', '.join(known)}"
    return f"unknown key {quoted(key)}", hint


def _known_keys(model: type[BaseModel], path: Sequence[PathPart]) -> Iterator[str]:
    """Keys that the mapping at `path` may have; none where it is no mapping of fixed keys."""
    here: Any = model
    for part in path:
        here = _below(here, part)
    if isinstance(here, type) and issubclass(here, BaseModel):
        for name, field in here.model_fields.items():
            yield field.alias or name


def _below(here: Any, part: PathPart) -> Any:
    if isinstance(here, type) and issubclass(here, BaseModel):
        for name, field in here.model_fields.items():
            if part == (field.alias or name):
                return _bare(field.annotation)
        return None
    arguments = get_args(here)
    # dict[K, V] goes on with V, tuple[T, ...] with T.
    return _bare(arguments[0 if isinstance(part, int) else 1]) if len(arguments) > 1 else None


def _bare(annotation: Any) -> Any:
    """The type without `Annotated` and without `| None`."""
    if hasattr(annotation, "__metadata__"):
        return _bare(get_args(annotation)[0])
    without_none = [one for one in get_args(annotation) if one is not type(None)]
    if len(without_none) == 1 and type(None) in get_args(annotation):
        return _bare(without_none[0])
    return annotation
