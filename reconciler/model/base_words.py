"""What a base says to people: where access is removed, where a client is made, what is known and how well.

Rules: nothing of it changes what is sent or judged; what no source of ours shows is named under `unverified`, so that
pages, `base show` and tests can tell knowledge from belief.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field

from reconciler.model.spec import Line, Spec


def _a_day(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError("write a day like 2026-11-23") from None
    return text


Day = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$"), AfterValidator(_a_day)]
"""A calendar day, as it is read and shown."""


class AccessRemoval(Spec):
    """Where a person removes the app's access, so that the next consent starts afresh."""

    url: Line | None = None
    steps: Line | None = None


class ConsoleRules(Spec):
    """Where the client is registered by hand, shown with the redirect URI to enter there."""

    url: Line | None = None
    steps: Line | None = None


class Announcement(Spec):
    """A change that the provider has announced."""

    day: Day | None = Field(None, description="left out: no date is known")
    what: Line
