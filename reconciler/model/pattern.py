"""Regular expressions that come from Git, matched in time that grows with the text alone.

Rules:
- matching is by Rust's linear-time engine, through pydantic: no pattern in a pull request can hang the run that reads it;
- so back-references and look-around do not exist here, and a pattern that compiles to something huge is refused;
- a value matches in full or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, StringConstraints, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from reconciler.model.spec import Line


@lru_cache(maxsize=512)
def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """A predicate for "matches in full"; ValueError where `pattern` is no regular expression of that engine."""
    _adapter(pattern)  # on its own first: `a)|(b` would be legal inside the group below
    adapter = _adapter(f"^(?:{pattern})$")

    def matches(text: str) -> bool:
        try:
            adapter.validate_python(text)
        except ValidationError:
            return False
        return True

    return matches


def _adapter(pattern: str) -> TypeAdapter[str]:
    try:
        return TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])
    except SchemaError:
        raise ValueError("not a regular expression (no back-references, no look-around)") from None


def checked_pattern(pattern: str) -> str:
    """`pattern` itself; ValueError where it is none."""
    compile_pattern(pattern)
    return pattern


Pattern = Annotated[Line, AfterValidator(checked_pattern)]
"""The text of a regular expression that compiles."""
