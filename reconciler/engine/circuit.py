"""One provider's desk in a run: who may be tried now, what its answers mean together, and what is recorded of them.

Rules (DESIGN §6, `decide/incidents`):
- accounts report here from many threads; a desk is the only state that they share, and it is behind one lock;
- an open circuit lets its probes through first; a success lets everybody through, anything else holds the rest;
- what was learnt is stored with the provider once, at the end, on top of what stands there then: its metadata has no
  check-and-set, and registering may have written it in this very run;
- only a success moves the last good version of the client secret.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, auto

from reconciler.decide.incidents import Stage, Tally, admission, after_probes, is_mass_refusal, opened_by
from reconciler.decide.token_response import TokenError
from reconciler.engine.run import Run
from reconciler.errors import WriteUnclear
from reconciler.model.limits import RefreshLimits
from reconciler.model.ready import ReadyProvider
from reconciler.model.state import ErrorClass, Reason
from reconciler.model.status import Circuit, ProviderStatus


class Word(Enum):
    """What the desk says to the next account."""

    START = auto()
    WAIT = auto()
    """Probes are on their way."""
    HOLD = auto()


@dataclass
class Desk:
    """`circuit` is what stood on record at the start; `accounts` how many the provider has in this run."""

    provider: ReadyProvider
    circuit: Circuit | None
    limits: RefreshLimits
    started_at: datetime
    accounts: int
    known_good: int = 0
    """The client secret's version that is on record as the last one that worked."""
    _tally: Tally = field(init=False)
    _stage: Stage = field(init=False)
    _probes_left: int = field(init=False)
    _running: int = 0
    _opened: Circuit | None = None
    _good_version: int | None = None
    _last_good_used: bool = False
    _secret_worked: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        entry = admission(self.circuit, now=self.started_at, limits=self.limits)
        self._tally = Tally(self.accounts)
        self._stage, self._probes_left = entry.stage, entry.probes

    # ---- asked by the dispatcher

    def next_word(self) -> Word:
        with self._lock:
            if self._stage is Stage.OPEN or self._opened is not None:
                return Word.HOLD
            if self._stage is Stage.PASS or self._tally.succeeded:
                return Word.START
            if self._probes_left > 0:
                return Word.START
            return Word.WAIT if self._running else Word.HOLD

    def start(self) -> None:
        with self._lock:
            self._running += 1
            if self._stage is Stage.PROBE:
                self._probes_left -= 1

    def end(self) -> None:
        with self._lock:
            self._running -= 1

    @property
    def running(self) -> int:
        with self._lock:
            return self._running

    @property
    def hold_reason(self) -> Reason:
        with self._lock:
            circuit = self._opened or self.circuit
        return circuit.reason if circuit is not None else Reason.PROVIDER_INCIDENT

    @property
    def incident_over(self) -> bool:
        """An incident of refused grants stood on record, and a probe just worked."""
        with self._lock:
            known = self.circuit is not None and self.circuit.reason is Reason.PROVIDER_INCIDENT
            return known and self._tally.succeeded > 0

    # ---- told by the accounts

    @property
    def prefers_last_good(self) -> bool:
        """The referenced client secret was refused in this run, and the last good one worked."""
        with self._lock:
            return self._last_good_used and not self._secret_worked

    def note_refused_grant(self, error: TokenError, now: datetime) -> bool:
        """Count it; True where it is the provider's incident, so that nothing is confirmed."""
        with self._lock:
            self._tally = self._tally.after_refusal(error)
            known = self.circuit is not None and self.circuit.reason is Reason.PROVIDER_INCIDENT
            if known:
                return self._stage is not Stage.PASS
            self._look(now)
            return is_mass_refusal(self._tally, self.limits)

    def note_other_refusal(self) -> None:
        """One that tells nothing of the provider: of a grant known to be dead, or interrupted, or of its own kind."""
        with self._lock:
            self._tally = self._tally.after_other()

    def note_success(self, *, last_good_used: bool) -> None:
        with self._lock:
            self._tally = self._tally.after_success()
            self._secret_worked |= not last_good_used
            if last_good_used:
                self._last_good_used = True
            elif self.provider.secret_version not in (None, self.known_good):
                self._good_version = self.provider.secret_version

    def note_refused(self, error: TokenError, now: datetime) -> None:
        """A refusal that is not of the grant; those come through `note_refused_grant`."""
        with self._lock:
            self._tally = self._tally.after_refusal(error)
            self._look(now)

    def _look(self, now: datetime) -> None:
        if self._opened is None and self._stage is Stage.PASS and self.circuit is None:
            self._opened = opened_by(self._tally, now=now, limits=self.limits, finished=False)

    # ---- at the end

    def record(self, run: Run, *, now: datetime) -> bool:
        """Store what was learnt, if anything. True where the provider's metadata was written."""
        with self._lock:
            after = self._circuit_after(now)
            good = self._good_version
        if after == self.circuit and good is None:
            return False
        path = run.layout.provider(self.provider.desired.address)
        stands = run.store.read_metadata(path)
        status = ProviderStatus.from_metadata(stands.custom) if stands is not None else None
        if status is None:
            return False
        said = replace(status, circuit=after)
        if good is not None:
            said = replace(said, good_secret_version=good)
        if said == status:
            return False
        custom = said.to_metadata()
        try:
            run.store.write_metadata(path, custom)
        except WriteUnclear:
            # Replacing metadata whole is the same once or twice.
            run.store.write_metadata(path, custom)
        return True

    def _circuit_after(self, now: datetime) -> Circuit | None:
        if self.circuit is None:
            return self._opened or opened_by(self._tally, now=now, limits=self.limits, finished=True)
        if self._stage is Stage.PASS:
            # It is so old that each account was judged for itself.
            return None if self._tally.tried else self.circuit
        return after_probes(self.circuit, self._tally, now=now, limits=self.limits)


def speaks_of_provider(error: TokenError) -> bool:
    """Refusals that a desk counts besides those of grants."""
    return error.judge in (ErrorClass.CLIENT, ErrorClass.CONFIG)
