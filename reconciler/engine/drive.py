"""Performs what `decide/rotation` yields, one effect at a time. The only code that does.

Rules:
- errors of the store become outcomes here, foreseen or not; nothing is raised into the protocol, nothing is retried behind
  its back;
- a token call is made once; its answer is judged by `decide/token_response` before anything else happens;
- a pause that must not be cut short goes on after a stop was asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, assert_never

from reconciler.decide.refresh_effects import (
    Conclusion,
    Conflict,
    Effect,
    Elapsed,
    EnsureLogin,
    Exchange,
    GrantRead,
    HolderAlive,
    NewOp,
    NoteRefusal,
    Now,
    Pause,
    ReadGrant,
    Steps,
    StoreTrouble,
    TooLate,
    Unclear,
    WriteGrant,
    Written,
)
from reconciler.decide.token_response import TokenError
from reconciler.engine.failpoints import AFTER_STEP
from reconciler.engine.run import Run
from reconciler.engine.store_clock import StoreClock
from reconciler.errors import CasConflict, ReconcilerError, WriteUnclear
from reconciler.model.grant import GrantRecord, TokenSet
from reconciler.model.store_path import StorePath

_JITTER = 0.25
_NEVER = threading.Event()
"""Never set: waiting for it is a sleep that no stop cuts short."""


@dataclass(frozen=True, slots=True)
class Hands:
    """What the protocol's effects act on for one account. `exchange` makes the call and judges the answer; `note`
    hears of refusals of the grant and says whether they are the provider's incident."""

    run: Run
    path: StorePath
    clock: StoreClock
    exchange: Callable[[Exchange], TokenSet | TokenError]
    note: Callable[[TokenError], bool]

    def drive(self, steps: Steps[Conclusion]) -> Conclusion:
        effect = next(steps)
        while True:
            outcome = self.perform(effect)
            try:
                effect = steps.send(outcome)
            except StopIteration as stop:
                conclusion: Conclusion = stop.value
                return conclusion

    def perform(self, effect: Effect) -> Any:
        """The outcome that `decide/refresh_effects` names for each effect."""
        match effect:
            case EnsureLogin():
                return self._ensure_login(effect.lasts)
            case ReadGrant():
                return self._read()
            case WriteGrant():
                return self._write(effect)
            case Exchange():
                return self._exchange(effect)
            case Now():
                return self.clock.now()
            case Elapsed():
                return self.run.clock.monotonic()
            case NewOp():
                return self.run.new_op()
            case HolderAlive():
                return not self.run.is_dead(effect.holder)
            case Pause():
                return self._pause(effect)
            case NoteRefusal():
                return self.note(effect.error)
            case _:
                assert_never(effect)

    def _exchange(self, effect: Exchange) -> TokenSet | TokenError | TooLate:
        if effect.not_after is not None and self.run.clock.monotonic() >= effect.not_after:
            return TooLate()
        answer = self.exchange(effect)
        self.run.failpoint("refresh.answer-received")
        return answer

    def _ensure_login(self, lasts: timedelta) -> StoreTrouble | None:
        try:
            self.run.store.ensure_login(lasts)
        except ReconcilerError as error:
            return StoreTrouble(error)
        except Exception as error:  # noqa: BLE001  as for a write
            return StoreTrouble(_surprise(error))
        return None

    def _read(self) -> GrantRead | StoreTrouble:
        try:
            read = read_grant(self.run, self.path)
        except ReconcilerError as error:
            return StoreTrouble(error)
        except Exception as error:  # noqa: BLE001  as for a write
            return StoreTrouble(_surprise(error))
        self.run.failpoint("refresh.grant-read")
        return read

    def _write(self, effect: WriteGrant) -> Written | Conflict | Unclear | StoreTrouble:
        try:
            version = self.run.store.write(self.path, effect.record.to_document(), cas=effect.cas)
        except CasConflict:
            return Conflict()
        except WriteUnclear:
            return Unclear()
        except ReconcilerError as error:
            return StoreTrouble(error)
        except Exception as error:  # noqa: BLE001  what the provider just gave must not be lost to a surprise of ours
            self.run.events.warning("store.surprise", path=str(self.path), error=type(error).__name__)
            return Unclear()
        self.run.failpoint(AFTER_STEP[effect.step])
        return Written(version)

    def _pause(self, effect: Pause) -> bool:
        seconds = effect.seconds * (1 - _JITTER + 2 * _JITTER * self.run.entropy.fraction())
        pause(self.run, seconds, through_stop=effect.through_stop)
        return self.run.stop.is_set()


def _surprise(error: Exception) -> ReconcilerError:
    """Told by its type alone: its text may hold anything."""
    return ReconcilerError(f"an error in the tool itself ({type(error).__name__})")


def read_grant(run: Run, path: StorePath) -> GrantRead:
    """The newest version of a grant. RecordInvalid where what is there is no grant of ours."""
    stored = run.store.read(path)
    record = None if stored.document is None else GrantRecord.from_document(stored.document)
    return GrantRead(record, stored.version, stored.created_time, deleted=stored.deleted)


def pause(run: Run, seconds: float, *, through_stop: bool = False) -> None:
    """Sleep; a stop ends it unless it must be slept through."""
    until = run.clock.monotonic() + seconds
    run.clock.sleep(seconds)
    while through_stop and run.stop.is_set() and (left := until - run.clock.monotonic()) > 0:
        _NEVER.wait(left)
