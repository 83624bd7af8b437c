"""The shipped base providers: read from the package's own data by the same strict loader that reads everybody's manifests.

Rules: a file is read when its base is named, and once; a list of names is a list of files, so that a catalogue of any size
costs a run no more than the bases that it uses. A base that departs from another brings that one along.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from threading import RLock

from reconciler.adapters.manifests import load_text
from reconciler.decide.bases import inherit
from reconciler.errors import ManifestError
from reconciler.model.behaviour import Behaviour
from reconciler.model.catalogue import Catalogue
from reconciler.model.location import Problem
from reconciler.model.manifest import BaseProviderDocument
from reconciler.model.manifest_reading import read_manifest

_SUFFIX = ".yaml"


class _Shipped(Mapping[str, Behaviour]):
    """Behaviours by name, whole: what a base departs from is laid under it."""

    def __init__(self) -> None:
        entries = sorted(files("reconciler.catalog").iterdir(), key=lambda entry: entry.name)
        self._files = {e.name.removesuffix(_SUFFIX): e for e in entries if e.name.endswith(_SUFFIX)}
        self._written: dict[str, BaseProviderDocument] = {}
        self._whole: dict[str, Behaviour] = {}
        self._lock = RLock()

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def __getitem__(self, name: str) -> Behaviour:
        with self._lock:
            if name not in self._whole:
                self._whole[name] = self._inherited(name)
            return self._whole[name]

    def document(self, name: str) -> BaseProviderDocument:
        """As its file has it."""
        with self._lock:
            if name not in self._written:
                self._written[name] = self._read(name)
            return self._written[name]

    def _inherited(self, name: str) -> Behaviour:
        chain = [self.document(name).spec]
        seen = [name]
        while (parent := chain[-1].base) is not None:
            if parent in seen or parent not in self._files:
                raise _damaged([])
            seen.append(parent)
            chain.append(self.document(parent).spec)
        whole = chain.pop()
        while chain:
            whole = inherit(whole, chain.pop())
        return whole

    def _read(self, name: str) -> BaseProviderDocument:
        entry = self._files[name]
        loaded = load_text(entry.read_bytes(), file=f"catalog/{entry.name}")
        readings = [read_manifest(source) for source in loaded.documents]
        problems = [*loaded.problems, *(problem for reading in readings for problem in reading.problems)]
        found = [
            reading.document for reading in readings if isinstance(reading.document, BaseProviderDocument)
        ]
        if problems or len(found) != 1 or found[0].metadata.name != name:
            raise _damaged(problems)
        return found[0]


def _damaged(problems: list[Problem]) -> ManifestError:
    return ManifestError(
        "the shipped base providers are damaged: install the tool again", problems=tuple(problems)
    )


@cache
def load_catalogue() -> Catalogue:
    """Every shipped base, each read when it is named. ManifestError where the installation has none; a damaged one says
    so when it is named."""
    bases = _Shipped()
    if not bases:
        raise _damaged([])
    return Catalogue(bases)


@cache
def without_base() -> Mapping[str, str]:
    """Providers that people look for and that no base can be for -> why."""
    text = files("reconciler.catalog").joinpath("without-base.json").read_text("utf-8")
    return {str(name): str(why) for name, why in json.loads(text).items()}


def shipped_document(name: str) -> BaseProviderDocument:
    """A shipped base as its file has it, with its labels; KeyError where there is none of that name."""
    bases = load_catalogue().bases
    if not isinstance(bases, _Shipped):  # pragma: no cover - `load_catalogue` makes no other
        raise KeyError(name)
    return bases.document(name)
