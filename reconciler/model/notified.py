"""What each destination was last told of each object: the marks that make a notice come once.

Kept under `meta/notified/<shard>`, sixteen records of equal share, so that no record grows past what a store takes. A mark says
what the matter was and when it was told; no message, no address of a destination and no secret is in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from reconciler.errors import RecordInvalid
from reconciler.model.secret import Document

SHARDS = 16


def shard_of(topic: str) -> str:
    """`0` to `f`: always the same for one topic, evenly spread over many."""
    return hashlib.sha256(topic.encode()).hexdigest()[0]


@dataclass(frozen=True, slots=True)
class Marks:
    """Topic (an address, or one with what of it) -> destination -> mark."""

    told: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def of(self, topic: str, destination: str) -> str:
        """'' where it was never told."""
        return self.told.get(topic, {}).get(destination, "")

    def with_mark(self, topic: str, destination: str, mark: str) -> Marks:
        theirs = {**self.told.get(topic, {}), destination: mark}
        return replace(self, told={**self.told, topic: theirs})

    def without(self, topics: frozenset[str]) -> Marks:
        return replace(self, told={topic: marks for topic, marks in self.told.items() if topic not in topics})

    def to_document(self) -> Document:
        return Document({"format": 1, "told": {topic: dict(marks) for topic, marks in self.told.items()}})

    @staticmethod
    def from_document(document: Document) -> Marks:
        """Any document gives Marks or RecordInvalid."""
        told = document.get("told", {})
        if not isinstance(told, dict):
            raise RecordInvalid("a record of what was notified is malformed")
        for marks in told.values():
            if not isinstance(marks, dict) or not all(isinstance(mark, str) for mark in marks.values()):
                raise RecordInvalid("a record of what was notified is malformed")
        return Marks(told)
