"""The shipped base providers: read from the package's own data by the same strict loader that reads everybody's manifests."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from reconciler.adapters.manifests import load_text
from reconciler.errors import ManifestError
from reconciler.model.behaviour import Behaviour
from reconciler.model.catalogue import Catalogue
from reconciler.model.location import Problem
from reconciler.model.manifest import BaseProviderDocument
from reconciler.model.manifest_reading import read_manifest


@cache
def load_catalogue() -> Catalogue:
    """Every shipped base. ManifestError where the installation is damaged."""
    bases: dict[str, Behaviour] = {}
    problems: list[Problem] = []
    for entry in sorted(files("reconciler.catalog").iterdir(), key=lambda entry: entry.name):
        if not entry.name.endswith(".yaml"):
            continue
        loaded = load_text(entry.read_bytes(), file=f"catalog/{entry.name}")
        problems += loaded.problems
        for source in loaded.documents:
            reading = read_manifest(source)
            problems += reading.problems
            if isinstance(reading.document, BaseProviderDocument):
                bases[reading.document.metadata.name] = reading.document.spec
    if problems or not bases:
        raise ManifestError(
            "the shipped base providers are damaged: install the tool again", problems=tuple(problems)
        )
    return Catalogue(bases)
