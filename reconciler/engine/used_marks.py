"""Uses a thing up once, whoever tries at the same time: the mark of a consent link, the state of a begun consent.

Rules:
- a mark is claimed before the work that it stands for, settled after it, and given back where the work came to nothing;
- claims are made by check-and-set: of two tabs that come back at once, one goes on;
- who claimed and died is taken over after a few minutes, so that a crash costs nobody their link;
- a mark may be written beforehand, free, with what it is about (whose link it is), which every later version keeps; one that
  was withdrawn counts as used;
- a mark is named by the day after which it proves nothing any more, so that old ones are swept away by their names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
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
    WITHDRAWN = "withdrawn"

    @property
    def for_good(self) -> bool:
        return self in (MarkState.USED, MarkState.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Mark:
    """What stands at a mark's key. `about`: plain texts, nothing secret; empty where it was not written beforehand."""

    state: MarkState
    at: datetime
    op: Any = ""
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim:
    """Ours until it is settled or given back. `version`: of its key."""

    path: StorePath
    version: int
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Taken:
    """Somebody else's: `used` for good (or `withdrawn`), or being worked on since `at`."""

    used: bool
    at: datetime
    withdrawn: bool = False


def mark_path(run: Run, mark: str, *, until: datetime) -> StorePath:
    """`mark` is lower-case hexadecimal; `until`: when what it stands for is over anyway."""
    return run.layout.used_marks.child(f"{until:%Y%m%d}-{mark}")


def note(run: Run, mark: str, *, until: datetime, about: Mapping[str, str]) -> Claim:
    """Write a new mark, free, with what it is about. PathDenied, StoreError."""
    path, op = mark_path(run, mark, until=until), run.entropy.token(_OP_BYTES)
    for _ in range(_TRIES):
        stored = run.store.read(path)
        stands = _read(stored.document)
        if stands is not None and stands.op == op:
            return Claim(path, stored.version, about)
        document = _document(Mark(MarkState.FREE, run.clock.now(), op, about))
        try:
            return Claim(path, run.store.write(path, document, cas=stored.version), about)
        except WriteUnclear:
            run.clock.sleep(_PAUSE)
    raise _unclear(path)


def claim(
    run: Run, mark: str, *, until: datetime, for_good: bool = False, withdrawn: bool = False
) -> Claim | Taken:
    """Ours, to be settled later; `for_good`: used up at once; `withdrawn`: at once, by an operator. PathDenied, StoreError."""
    at_once = MarkState.WITHDRAWN if withdrawn else MarkState.USED
    wanted = at_once if for_good or withdrawn else MarkState.WORKING
    path, now = mark_path(run, mark, until=until), run.clock.now()
    op = run.entropy.token(_OP_BYTES)
    for _ in range(_TRIES):
        stored = run.store.read(path)
        stands = _read(stored.document)
        about: Mapping[str, str] = {} if stands is None else stands.about
        if stands is not None:
            if stands.op == op:
                return Claim(path, stored.version, about)
            if stands.state.for_good or (stands.state is MarkState.WORKING and now - stands.at < _TAKEN_OVER):
                return Taken(stands.state.for_good, stands.at, stands.state is MarkState.WITHDRAWN)
        try:
            written = run.store.write(path, _document(Mark(wanted, now, op, about)), cas=stored.version)
            return Claim(path, written, about)
        except CasConflict:
            continue
        except WriteUnclear:
            run.clock.sleep(_PAUSE)
    raise _unclear(path)


def is_used(run: Run, mark: str, *, until: datetime) -> Taken | None:
    """When it was used up, or withdrawn; None where it was not. Changes nothing."""
    stands = _read(run.store.read(mark_path(run, mark, until=until)).document)
    if stands is None or not stands.state.for_good:
        return None
    return Taken(True, stands.at, stands.state is MarkState.WITHDRAWN)


def settle(run: Run, held: Claim, *, used: bool) -> None:
    """Use it up for good, or give it back. What cannot be written is left: the claim itself keeps others out for a while,
    and the consent that it stands for is stored already, or was not made."""
    state = MarkState.USED if used else MarkState.FREE
    for _ in range(_TRIES):
        try:
            document = _document(Mark(state, run.clock.now(), about=held.about))
            run.store.write(held.path, document, cas=held.version)
        except CasConflict:
            return  # an unclear write of ours that landed, or somebody who took it over
        except ReconcilerError as error:
            run.events.warning("mark-not-settled", error=type(error).__name__)
            run.clock.sleep(_PAUSE)
        else:
            return


def standing_marks(run: Run) -> Iterator[tuple[str, Mark]]:
    """(mark, what stands there) of all whose day is not over and that say what they are about. One read each."""
    today = f"{run.clock.now():%Y%m%d}"
    for name in run.store.list_keys(run.layout.used_marks):
        day, _, mark = name.partition("-")
        if day.isdigit() and day >= today:
            stands = _read(run.store.read(run.layout.used_marks.child(name)).document)
            if stands is not None and stands.about:
                yield mark, stands


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


def _unclear(path: StorePath) -> StoreUnreachable:
    return StoreUnreachable(
        f"{path}: the store gives no clear answer to a write", hint="try again in a minute"
    )


def _document(mark: Mark) -> Document:
    document: dict[str, Any] = {"state": mark.state.value, "at": format_instant(mark.at), "op": mark.op}
    return Document({**document, "about": dict(mark.about)} if mark.about else document)


def _read(document: Document | None) -> Mark | None:
    """What stands there; what cannot be read counts as used, since nothing may be used twice."""
    if document is None:
        return None
    try:
        about = document.get("about")
        texts = about if isinstance(about, Mapping) else {}
        return Mark(
            MarkState(document["state"]),
            parse_instant(document["at"]),
            document.get("op"),
            {name: text for name, text in texts.items() if isinstance(text, str)},
        )
    except (KeyError, TypeError, ValueError):
        return Mark(MarkState.USED, _LONG_AGO, None)
