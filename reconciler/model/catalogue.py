"""The base providers that ship with the tool, by name. Their origins are those that trust may bind at first use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.model.behaviour import Behaviour


@dataclass(frozen=True, slots=True)
class Catalogue:
    bases: Mapping[str, Behaviour] = field(default_factory=dict)
    """As written: URLs may hold `{parameter}` parts."""
