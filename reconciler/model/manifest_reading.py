"""One source document -> one manifest, or located problems. Judged by itself: nothing of other documents is known here.

Rules:
- the kind and the name are read before anything else, so that a document with mistakes still says which object it is;
- the folder says the namespace; a document that states another one is refused, and counts as the folder's;
- a text that looks like a secret is refused wherever it stands, and never shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from reconciler.model.document import PathPart, SourceDocument
from reconciler.model.literal import looks_secret, may_hold_secret
from reconciler.model.location import Problem
from reconciler.model.manifest import API_VERSION, DOCUMENT_MODELS, ManifestDocument
from reconciler.model.manifest_problems import located_problems, shown_path
from reconciler.model.names import DEFAULT_NAMESPACE, Address, Kind, Name, Namespace, is_name
from reconciler.model.suggestion import suggest

_KINDS = {kind.value: kind for kind in Kind}
_RANDOM_BY_NATURE = (("spec", "client", "id"), ("spec", "client", "keyId"), ("spec", "docs"))
_SECRET_HINT = "store it and write a reference {path, key}; if this was ever pushed, take the secret back at the provider"

_BEGIN = "'reconciler init DIR' writes some to begin with"


@dataclass(frozen=True, slots=True)
class ManifestReading:
    """`document` None: it has problems (maybe told by the loader already). `address` None: it could not be told."""

    source: SourceDocument
    address: Address | None = None
    document: ManifestDocument | None = None
    problems: tuple[Problem, ...] = ()


def read_manifest(source: SourceDocument) -> ManifestReading:
    """Never raises for content."""
    data = source.data
    if not isinstance(data, dict):
        if source.flawed:
            return ManifestReading(source)
        words = "a manifest is a mapping with apiVersion, kind, metadata and spec"
        hint = "one '---' between two documents, no list of them" if isinstance(data, list) else _BEGIN
        return ManifestReading(source, problems=(Problem(source.location, words, hint),))
    kind = _KINDS.get(data["kind"]) if isinstance(data.get("kind"), str) else None
    address = _address(source, kind)
    if not source.complete:
        return ManifestReading(source, address)
    label = str(address) if address else ""
    secrets = list(_literal_secrets(source, label))
    problems = [*_envelope(source, kind, label), *secrets]
    document = None
    if kind is not None:
        model = DOCUMENT_MODELS[kind]
        try:
            document = model.model_validate(data, by_alias=True, by_name=False)
        except ValidationError as error:
            told = {problem.location for problem in secrets}
            found = located_problems(error, source, model=model, address=label)
            problems += [problem for problem in found if problem.location not in told]
    if problems or source.flawed:
        return ManifestReading(source, address, None, tuple(sorted(set(problems))))
    return ManifestReading(source, address, document)


def _address(source: SourceDocument, kind: Kind | None) -> Address | None:
    metadata = source.data.get("metadata")
    if kind is None or not isinstance(metadata, dict):
        return None
    name = metadata.get("name")
    stated = metadata.get("namespace", DEFAULT_NAMESPACE)
    namespace = source.namespace if source.namespace is not None else stated
    if not (isinstance(name, str) and isinstance(namespace, str) and is_name(name) and is_name(namespace)):
        return None
    return Address(kind, Namespace(str(namespace)), Name(str(name)))


def _envelope(source: SourceDocument, kind: Kind | None, label: str) -> Iterator[Problem]:
    data = source.data
    version, written = data.get("apiVersion"), data.get("kind")
    if kind is None:
        # Otherwise the model says these.
        if "apiVersion" not in data:
            yield Problem(
                source.location, "missing key 'apiVersion'", f"write apiVersion: {API_VERSION}", label
            )
        elif isinstance(version, str) and version != API_VERSION:
            yield Problem(source.where(("apiVersion",)), f"apiVersion must be {API_VERSION}", "", label)
        if "kind" not in data:
            yield Problem(source.location, "missing key 'kind'", f"one of {', '.join(_KINDS)}", label)
        elif isinstance(written, (str, dict, list)):
            hint = suggest(written, _KINDS) if isinstance(written, str) else ""
            yield Problem(source.where(("kind",)), f"kind must be one of {', '.join(_KINDS)}", hint, label)
    metadata = data.get("metadata")
    stated = metadata.get("namespace") if isinstance(metadata, dict) else None
    if source.namespace is not None and isinstance(stated, str) and stated != source.namespace:
        yield Problem(
            source.where(("metadata", "namespace")),
            f"metadata.namespace must be {source.namespace}, as its folder says",
            "leave the namespace out, or move the file to the folder of its namespace",
            label,
        )


def _literal_secrets(source: SourceDocument, label: str) -> Iterator[Problem]:
    if not _any_suspect(source.data):
        return
    for path, text, is_key in _texts(source.data, ()):
        by_nature = any(path[: len(exempt)] == exempt for exempt in _RANDOM_BY_NATURE)
        looks = looks_secret(text, known_only=by_nature)
        if looks is not None:
            name = f"a key of {shown_path(path[:-1])}" if is_key else shown_path(path)
            message = f"{name} looks like {looks}: a secret is never written in a manifest"
            yield Problem(source.where(path, key=is_key), message, _SECRET_HINT, label)


def _any_suspect(data: Any) -> bool:
    """The quick first look: ten thousand documents pass here, hardly any goes on."""
    left, texts = [data], []
    while left:
        node = left.pop()
        if isinstance(node, str):
            texts.append(node)
        elif isinstance(node, dict):
            texts += node
            left += node.values()
        elif isinstance(node, list):
            left += node
    return may_hold_secret("\n".join(texts))


def _texts(data: Any, path: tuple[PathPart, ...]) -> Iterator[tuple[tuple[PathPart, ...], str, bool]]:
    """Every text of `data` with its path; keys too."""
    if isinstance(data, str):
        yield path, data, False
    elif isinstance(data, dict):
        for key, value in data.items():
            below = (*path, key)
            yield below, key, True
            yield from _texts(value, below)
    elif isinstance(data, list):
        for number, item in enumerate(data):
            yield from _texts(item, (*path, number))
