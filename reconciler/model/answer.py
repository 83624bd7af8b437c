"""What came of one HTTP request: a whole answer, or none and why. Values only; adapters make them, `decide` judges them.

Rules:
- an answer is whole or it is none: a cut, oversize, compressed or unreadable answer is `NoAnswer`;
- `NOT_SENT` is said only where no byte of the request can have left us, so that a single-use token was not spent;
- `why` is in our own words; foreign text never enters it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from reconciler.model.secret import SecretBytes


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole answer. Header names in lower case. The body is within its cap."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: SecretBytes


class Loss(StrEnum):
    """Why there is no whole answer."""

    NOT_SENT = "not-sent"
    """No byte of the request left us (resolution, refused address, connect, TLS): nothing happened there."""
    UNCLEAR = "unclear"
    """Bytes were sent; whether the server acted is unknown (cut, timeout, oversize or unreadable answer)."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """`why` is ours, short, without secrets or foreign text: `timed out after 30 s`."""

    loss: Loss
    why: str


Outcome: TypeAlias = HttpAnswer | NoAnswer
