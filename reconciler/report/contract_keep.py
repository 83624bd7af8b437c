"""The shape of our JSON documents about keeping grants: where one came from.

The rules are those of `report/contract`, which takes these parts in.
"""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict


class OriginDocument(TypedDict):
    """Where an account's grant came from. `by`: who imported it, and for which commit."""

    kind: Literal["consented", "imported"]
    at: str
    by: str | None
