"""What a person can do at the provider so that a second try works where the first brought too little.

Rules: only what a second try can mend is guided: a refresh token that did not come (the app's access is removed, so that
the provider asks anew). Why, steps and page are the base's own words; where it has none, the general ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.decide.results import Result
from reconciler.model.behaviour import Behaviour
from reconciler.model.state import Reason

MOST_REPEATS = 2
"""How often a person is led through the same steps before it is left to them."""


@dataclass(frozen=True, slots=True)
class Guidance:
    """`why` and `steps` are clauses; `page` '' where the base names none."""

    why: str
    steps: str
    page: str


def guidance_after(result: Result, behaviour: Behaviour) -> Guidance | None:
    """What is to be done before another try; None where another try is not what helps."""
    if result.reason != Reason.REFRESH_TOKEN_MISSING.value:
        return None
    removal = behaviour.access_removal
    return Guidance(
        why=behaviour.refresh_token.missing or "the provider gives one only when it asks a person anew",
        steps=removal.steps or "remove this app's access to the account",
        page=removal.url or "",
    )
