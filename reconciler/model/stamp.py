"""Who wrote a version, for which commit, in which run, with which version of the tool: beside every record, for people.

Rules: nothing is decided from it; no value is a secret; what is absent is left out; what is read is cleaned, since another
hand may have written it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.errors import clean

KEY = "stamp"
"""Where it stands in a record of ours."""
_CAP = 400


@dataclass(frozen=True, slots=True)
class Stamp:
    """`run` is the URL of the CI run; all are '' where they are not known."""

    commit: str = ""
    actor: str = ""
    run: str = ""
    tool: str = ""

    def to_value(self) -> dict[str, str]:
        """The form inside a record."""
        found = {"commit": self.commit, "actor": self.actor, "run": self.run, "tool": self.tool}
        return {key: value for key, value in found.items() if value}

    @staticmethod
    def from_value(value: object) -> Stamp | None:
        """None where it is none; any value gives one or None."""
        if not isinstance(value, Mapping):
            return None
        texts = {key: value.get(key, "") for key in ("commit", "actor", "run", "tool")}
        return Stamp(
            **{key: clean(text, cap=_CAP) if isinstance(text, str) else "" for key, text in texts.items()}
        )
