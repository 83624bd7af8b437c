"""The words that every format shares: symbols with their words, counted sentences, moments, causes' places.

Rules: relative time with the exact one beside it; a count of one is singular; foreign text has passed `errors.clean`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from reconciler.decide.changes import MAINTENANCE, Action, GuardHit
from reconciler.decide.health_words import distance
from reconciler.decide.plan import Plan
from reconciler.decide.results import Outcome, Result
from reconciler.model.duration import format_instant
from reconciler.model.location import Location

SYMBOLS: Mapping[Action, str] = {
    Action.REGISTER: "+",
    Action.ADOPT: "+",
    Action.TRACK: "+",
    Action.UPDATE: "~",
    Action.REVOKE: "-",
    Action.FORGET: "-",
    Action.DEREGISTER: "-",
    Action.WITHDRAW: "^",
    Action.REFRESH: "^",
    Action.REPUBLISH: "^",
}
FAILED = "✗"
ATTENTION = "!"
UNCHANGED = "="

_PAST: Mapping[str, str] = {
    "register": "registered",
    "update": "updated",
    "adopt": "adopted",
    "track": "tracked",
    "revoke": "revoked",
    "forget": "forgotten",
    "deregister": "deregistered",
    "withdraw": "withdrawn",
    "refresh": "refreshed",
    "republish": "republished",
    "consent": "consented",
    "import": "imported",
}


def symbol_of(action: str) -> str:
    """The symbol of an action's word; `+` for verbs that are no action of a plan."""
    return SYMBOLS[Action(action)] if action in {a.value for a in Action} else "+"


def moment(instant: datetime, now: datetime) -> str:
    """`2 days ago (2030-01-01T00:00:00Z)`."""
    return f"{distance(instant, now)} ({format_instant(instant)})"


def where(location: Location | None) -> str:
    """`file:line`, or '' where no manifest is the cause."""
    return "" if location is None else f"{location.file}:{location.line}"


def counted(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def plan_sentence(plan: Plan) -> str:
    """`1 to register, 1 to track; 1 refresh due. 2 need a person.`"""
    counts = plan.counts()
    changes = [f"{counts[a.value]} to {a.value}" for a in Action if a not in MAINTENANCE and counts[a.value]]
    kept = [
        f"{counts[a.value]} {_upkeep(a, counts[a.value])}"
        for a in Action
        if a in MAINTENANCE and counts[a.value]
    ]
    said = ", ".join(changes) or _unchanged(len(plan.problems), "nothing to change")
    if kept:
        said += f"; {', '.join(kept)}"
    return f"{said}. {_tail(len(plan.attention), blocked=len(plan.blocked), guards=len(plan.guards))}".strip()


def _upkeep(action: Action, count: int) -> str:
    word = {Action.REFRESH: "refresh", Action.REPUBLISH: "republish", Action.WITHDRAW: "withdrawal"}[action]
    plural = {"refresh": "refreshes", "republish": "republishes", "withdrawal": "withdrawals"}[word]
    return f"{word if count == 1 else plural} due"


def _tail(people: int, *, blocked: int, guards: int) -> str:
    parts = []
    if blocked:
        parts.append(f"{blocked} blocked.")
    if guards:
        parts.append(f"Stopped by {counted(guards, 'guard')}.")
    if people:
        parts.append(f"{people} {'needs' if people == 1 else 'need'} a person.")
    return " ".join(parts)


def run_sentence(results: Iterable[Result], *, attention: int, guards: int = 0, problems: int = 0) -> str:
    """`1 registered, 1 refreshed, 4 held. 2 need a person.`"""
    done: dict[str, int] = {}
    other: dict[str, int] = {}
    for result in results:
        if result.outcome is Outcome.DONE:
            word = _PAST.get(result.action, result.action)
            done[word] = done.get(word, 0) + 1
        else:
            other[result.outcome.value] = other.get(result.outcome.value, 0) + 1
    parts = [f"{count} {word}" for word, count in (*done.items(), *other.items())]
    said = ", ".join(parts) or _unchanged(problems, "nothing to do")
    if parts and problems:
        said += f"; {_unchanged(problems, '')}"
    return f"{said}. {_tail(attention, blocked=0, guards=guards)}".strip()


def _unchanged(problems: int, otherwise: str) -> str:
    """Where the manifests are invalid, that nothing changes does not mean that nothing would."""
    return (
        f"no changes, because of {counted(problems, 'problem')} in the manifests" if problems else otherwise
    )


def guard_sentence(guard: GuardHit) -> str:
    return f"guard {guard.name.value}: {guard.message}"
