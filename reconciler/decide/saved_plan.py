"""A plan that was saved, and what of it still holds: it is compared with a plan made now, never obeyed (DESIGN §8).

Rules:
- only what was saved is done, and only where the plan made now proposes the same with the same preconditions;
- what has moved since, in the store or in Git, is refused (exit 6) without touching the rest; what was not in it is left
  for another plan;
- what the world has done by itself meanwhile is no failure;
- maintenance is recomputed as always; guards are judged on what is proposed now;
- a pipeline that plans again may keep the digest alone: another one holds every change, and an empty plan none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from reconciler.decide.changes import REMOVALS, Change, Precondition
from reconciler.decide.plan import Plan, plan_digest
from reconciler.decide.results import Outcome, Result
from reconciler.errors import UsageError

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """Preconditions by (address, action). `digest` is what the comment in the pull request showed."""

    digest: str
    changes: Mapping[tuple[str, str], frozenset[Precondition]]

    @property
    def removes(self) -> bool:
        """True where it removes something, which is done with `--prune` only."""
        return any(action in REMOVALS for _, action in self.changes)


def read_saved_plan(document: object) -> SavedPlan:
    """The JSON document that `plan -o json` and `plan --out` write. UsageError where it is none, or of a newer tool."""
    document = check_saved_format(document)
    try:
        changes = {
            (str(entry["address"]), str(entry["action"])): frozenset(
                _precondition(p) for p in entry["preconditions"]
            )
            for entry in document["changes"]
        }
        return SavedPlan(str(document["digest"]), changes)
    except (KeyError, TypeError, ValueError):
        raise UsageError("this saved plan is damaged", hint="make a new one") from None


def check_saved_format(document: object) -> Mapping[str, Any]:
    """`document` as a saved plan of this format; UsageError where it is something else."""
    if not isinstance(document, dict) or document.get("kind") != "plan":
        raise UsageError("this is no saved plan", hint="save one with 'reconciler plan --out FILE'")
    if document.get("format_version") != FORMAT_VERSION:
        raise UsageError("this plan was saved by another version of the tool", hint="make a new one")
    return document


def _precondition(entry: Mapping[str, Any]) -> Precondition:
    return Precondition(str(entry["path"]), int(entry["version"]), str(entry["digest"] or ""))


def narrow_to(plan: Plan, saved: SavedPlan) -> tuple[Plan, tuple[Result, ...]]:
    """`plan` with only what was saved and still holds, and a Result for all else."""
    kept: list[Change] = []
    left: list[Result] = []
    for change in plan.changes:
        expected = saved.changes.get((str(change.address), change.action.value))
        if expected is None:
            left.append(_skipped(change, "NotInPlan", "not in the saved plan"))
        elif expected != frozenset(change.preconditions):
            left.append(_moved(change, expected))
        else:
            kept.append(change)
    return replace(plan, changes=tuple(kept), digest=plan_digest(kept)), tuple(left)


def hold_unless(plan: Plan, digest: str) -> tuple[Plan, tuple[Result, ...]]:
    """`plan` as it is where it bears this digest; else without its changes, and a Result for each of them."""
    if plan.digest == digest or not plan.changes:
        return plan, ()
    words = "the plan made now is another one than was expected"
    hint = "look at 'reconciler plan', and expect the digest that it shows"
    left = tuple(_stale(change, words, hint=hint) for change in plan.changes)
    return replace(plan, changes=(), digest=plan_digest(())), left


def read_digest(text: str) -> str:
    """A plan's digest as its footer and JSON show it: 64 hexadecimal digits. UsageError where it is none."""
    wanted = text.strip().lower()
    if len(wanted) != 64 or set(wanted) - set("0123456789abcdef"):
        raise UsageError(
            "--expect-digest takes the digest of a plan", hint="it is 'digest' in 'reconciler plan -o json'"
        )
    return wanted


def _skipped(change: Change, reason: str, message: str) -> Result:
    return Result(
        change.address, change.action.value, Outcome.SKIPPED, reason, message, location=change.location
    )


def _moved(change: Change, expected: frozenset[Precondition]) -> Result:
    """Names the first key that is another than the plan took for granted."""
    before = {p.path: p for p in expected}
    now = {p.path: p for p in change.preconditions}
    path = next(path for path in sorted({*before, *now}) if before.get(path) != now.get(path))
    was, has = before.get(path), now.get(path)
    if was and has and was.version != has.version:
        words = f"{path}: version {was.version} when the plan was saved, {has.version} now"
    else:
        words = f"{path} has changed since the plan was saved"
    return _stale(change, words, hint="make a new plan")


def _stale(change: Change, words: str, *, hint: str) -> Result:
    return Result(
        change.address,
        change.action.value,
        Outcome.HELD,
        "PlanStale",
        words,
        error=words,
        hint=hint,
        location=change.location,
        code=6,
    )
