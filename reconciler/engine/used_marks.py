"""Uses a thing up once, whoever tries at the same time: the mark of a consent link, the state of a begun consent.

Rules:
- a mark is claimed before the work that it stands for, settled after it, and given back where the work came to nothing;
- claims are made by check-and-set: of two tabs that come back at once, one goes on;
- who claimed and died is taken over after a few minutes, so that a crash costs nobody their link;
- a mark is named by the day after which it proves nothing any more, so that old ones are swept away by their names.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from reconciler.engine.run import Run
from reconciler.errors import CasConflict, PathDenied, ReconcilerError, StoreUnreachable, WriteUnclear
from reconciler.model.duration import format_instant, parse_instant
from reconciler.model.secret import Document
from reconciler.model.store_path import StorePath

_TAKEN_OVER = timedelta(minutes=5)
_OP_BYTES = 12
_TRIES = 5
_PAUSE = 0.3
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class MarkState(StrEnum):
    FREE = "free"
    WORKING = "working"
    USED = "used"


@dataclass(frozen=True, slots=True)
class Claim:
    """Ours until it is settled or given back. `version`: of its key."""

    path: StorePath
    version: int


@dataclass(frozen=True, slots=True)
class Taken:
    """Somebody else's: `used` for good, or being worked on since `at`."""

    used: bool
    at: datetime


def mark_path(run: Run, mark: str, *, until: datetime) -> StorePath:
    """`mark` is lower-case hexadecimal; `until`: when what it stands for is over anyway."""
    return run.layout.used_marks.child(f"{until:%Y%m%d}-{mark}")


def claim(run: Run, mark: str, *, until: datetime, for_good: bool = False) -> Claim | Taken:
    """Ours, to be settled later; `for_good`: used up at once. PathDenied, StoreError."""
    wanted = MarkState.USED if for_good else MarkState.WORKING
    path, now = mark_path(run, mark, until=until), run.clock.now()
    op = run.entropy.token(_OP_BYTES)
    for _ in range(_TRIES):
        stored = run.store.read(path)
        stands = _read(stored.document)
        if stands is not None:
            state, at, by = stands
            if by == op:
                return Claim(path, stored.version)
            if state is MarkState.USED or (state is MarkState.WORKING and now - at < _TAKEN_OVER):
                return Taken(state is MarkState.USED, at)
        try:
            return Claim(path, run.store.write(path, _mark(wanted, now, op), cas=stored.version))
        except CasConflict:
            continue
        except WriteUnclear:
            run.clock.sleep(_PAUSE)
    raise StoreUnreachable(
        f"{path}: the store gives no clear answer to a write", hint="try again in a minute"
    )


def is_used(run: Run, mark: str, *, until: datetime) -> datetime | None:
    """When it was used up; None where it was not. Changes nothing."""
    stands = _read(run.store.read(mark_path(run, mark, until=until)).document)
    return stands[1] if stands is not None and stands[0] is MarkState.USED else None


def settle(run: Run, held: Claim, *, used: bool) -> None:
    """Use it up for good, or give it back. What cannot be written is left: the claim itself keeps others out for a while,
    and the consent that it stands for is stored already, or was not made."""
    state = MarkState.USED if used else MarkState.FREE
    for _ in range(_TRIES):
        try:
            run.store.write(held.path, _mark(state, run.clock.now(), ""), cas=held.version)
        except CasConflict:
            return  # an unclear write of ours that landed, or somebody who took it over
        except ReconcilerError as error:
            run.events.warning("mark-not-settled", error=type(error).__name__)
            run.clock.sleep(_PAUSE)
        else:
            return


def sweep(run: Run) -> int:
    """Remove the marks whose day is over; how many. A login that may not delete leaves them."""
    today = f"{run.clock.now() - timedelta(days=1):%Y%m%d}"
    removed = 0
    for name in run.store.list_keys(run.layout.used_marks):
        if name[:8].isdigit() and name[:8] < today:
            try:
                run.store.purge(run.layout.used_marks.child(name))
            except PathDenied:
                return removed
            removed += 1
    return removed


def _mark(state: MarkState, at: datetime, op: str) -> Document:
    return Document({"state": state.value, "at": format_instant(at), "op": op})


def _read(document: Document | None) -> tuple[MarkState, datetime, Any] | None:
    """What stands there; what cannot be read counts as used, since nothing may be used twice."""
    if document is None:
        return None
    try:
        return MarkState(document["state"]), parse_instant(document["at"]), document.get("op")
    except (KeyError, TypeError, ValueError):
        return MarkState.USED, _LONG_AGO, None
