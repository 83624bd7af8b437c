"""Runs one piece of work for each object and turns whatever it raises into that object's Result (DESIGN §10).

Rules: one object's failure ends no other; a refusal is `refused`, another run's work `held`, all else `failed`; an
error that nobody foresaw is told by its type alone, since its text may hold anything; a stop starts nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from reconciler.decide.refresh_results import failed_result
from reconciler.decide.results import Outcome, Result
from reconciler.engine.progress import telling
from reconciler.engine.run import Run
from reconciler.errors import GuardRefused, HeldByAnother, ReconcilerError, TrustRefused
from reconciler.model.location import Location
from reconciler.model.names import Address

_T = TypeVar("_T")
_R = TypeVar("_R")


def each(run: Run, work: Callable[[_T], _R], items: Sequence[_T], *, stage: str) -> list[_R]:
    """`work` on every item, at most `run.jobs` at once, in the items' order. `work` does not raise. `stage`: the word
    of a progress bar."""
    if len(items) <= 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(min(run.jobs, len(items)), "reconcile") as pool:
        return list(telling(pool.map(work, items), run.events, stage=stage, total=len(items)))


def result_of_error(error: Exception, address: Address, *, action: str, location: Location | None) -> Result:
    """What a report says of an object whose work raised."""
    if not isinstance(error, ReconcilerError):
        word = f"an error in the tool itself ({type(error).__name__})"
        return Result(
            address, action, Outcome.FAILED, "Internal", word, error=word, location=location, code=1
        )
    result = failed_result(error, address, location=location, action=action)
    if isinstance(error, GuardRefused | TrustRefused):
        return replace(result, outcome=Outcome.REFUSED)
    return replace(result, outcome=Outcome.HELD) if isinstance(error, HeldByAnother) else result


def stopped(address: Address, *, action: str, location: Location | None) -> Result:
    """The run was asked to stop before this object's turn."""
    return Result(
        address,
        action,
        Outcome.SKIPPED,
        "Stopped",
        "not started: the run was asked to stop",
        location=location,
        code=4,
    )
