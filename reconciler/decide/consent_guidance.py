"""What a person can do at the provider so that a second try works where the first brought too little.

Rules: only what a second try can mend is guided: a refresh token that did not come (the app's access is removed, so that
the provider asks anew), or new scopes that were not added to the old ones (all are asked for at once). Why, steps and
page are the base's own words; where it has none, the general ones.
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
    """`what` is a sentence without its full stop, `why` a clause; `steps` and `page` '' where there is nothing to do at the
    provider first."""

    what: str
    why: str
    steps: str = ""
    page: str = ""


def guidance_after(result: Result, behaviour: Behaviour) -> Guidance | None:
    """What is to be done before another try; None where another try is not what helps."""
    match result.reason:
        case Reason.REFRESH_TOKEN_MISSING.value:
            removal = behaviour.access_removal
            return Guidance(
                what="No refresh token came",
                why=behaviour.refresh_token.missing
                or "the provider gives one only when it asks a person anew",
                steps=removal.steps or "remove this app's access to the account",
                page=removal.url or "",
            )
        case Reason.SCOPES_NOT_GRANTED.value:
            return Guidance(
                what="The new scopes were not added to those granted before",
                why="all are asked for at once now",
            )
        case _:
            return None
