"""One provider's desk in a run: who may be tried now, what its answers mean together, and what is recorded of them.

Rules (DESIGN §6, `decide/incidents`):
- accounts report here from many threads; a desk is the only state that they share, and it is behind one lock;
- an open circuit lets its probes through first; a success lets everybody through, anything else holds the rest. Probes are
  the least urgent: what the most urgent meet, again and again, may be their own doing. One that ended before the
  provider was asked is none, and the next takes its place;
- several in a row that got no clear answer: the rest waits for one deadline, then for a probe. Where it is answered the
  silence was not the provider's, and is not counted again in this run; where it is not, the rest is held;
- only a success moves the last good version of the client secret.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from reconciler.decide.incidents import (
    Stage,
    Tally,
    admission,
    after_probes,
    is_mass_refusal,
    is_silence,
    is_their_own,
    opened_by,
    silence_reason,
    silenced_by,
    still_silent,
)
from reconciler.decide.refresh_effects import Conclusion, Ending
from reconciler.decide.token_response import TokenError
from reconciler.model.limits import RefreshLimits
from reconciler.model.ready import ReadyProvider
from reconciler.model.state import ErrorClass, Reason
from reconciler.model.status import Circuit, ProviderStatus


class Word(Enum):
    """What the desk says to the next account."""

    START = auto()
    PROBE = auto()
    """The least urgent of those who wait, and nobody else until it has ended."""
    WAIT = auto()
    """Probes are on their way."""
    LATER = auto()
    """Nobody now: ask again in a while, whether one of its own has ended or not."""
    HOLD = auto()


@dataclass(frozen=True, slots=True)
class Learnt:
    """What a run has to say of a provider. `requests`: when they were made, where the base's limit counts them."""

    circuit: Circuit | None
    good_version: int | None
    requests: tuple[datetime, ...]


NOTHING = Learnt(None, None, ())


@dataclass
class Desk:
    """`recorded` is what stood on record at the start; `accounts` how many the provider has in this run."""

    provider: ReadyProvider
    recorded: ProviderStatus | None
    limits: RefreshLimits
    started_at: datetime
    accounts: int
    _tally: Tally = field(init=False)
    _stage: Stage = field(init=False)
    _probes_left: int = field(init=False)
    _known: Circuit | None = field(init=False)
    """The incident on record, until an answer of this run ends it."""
    _outlived: bool = field(init=False)
    _running: int = 0
    _opened: Circuit | None = None
    _silent: int = 0
    """Accounts in a row that got no clear answer; `_last_silence`: what the last one got instead."""
    _last_silence: TokenError | None = None
    _is_cut: bool = False
    """Too many were: the rest waits for a probe, or is held."""
    _probe_from: float | None = None
    _silence_is_theirs: bool = False
    _requests: deque[datetime] = field(init=False)
    """Those that the base's limit counts."""
    _good_version: int | None = None
    _last_good_used: bool = False
    _secret_worked: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._known = None if self.recorded is None else self.recorded.circuit
        entry = admission(self._known, now=self.started_at, limits=self.limits)
        self._tally = Tally(self.accounts)
        self._stage, self._probes_left = entry.stage, entry.probes
        self._outlived = entry.stage is Stage.PASS
        limit = self.provider.desired.behaviour.rate.limit
        self._requests = deque(maxlen=0 if limit is None else limit.requests)

    # ---- asked by the dispatcher

    def next_word(self, at: float) -> Word:
        """`at`: now, by the monotonic clock."""
        with self._lock:
            if self._stage is Stage.OPEN or self._opened is not None:
                return Word.HOLD
            if self._stage is Stage.SILENT and not self._may_probe(at):
                return Word.LATER
            if self._stage is Stage.PASS:
                return Word.START
            if self._probes_left > 0:
                return Word.PROBE
            return Word.WAIT if self._running else Word.HOLD

    def _may_probe(self, at: float) -> bool:
        """One deadline after the silence was noticed, when everybody who was asked is back."""
        if self._probe_from is None:
            self._probe_from = at + self.limits.http_deadline.total_seconds()
        if self._running or at < self._probe_from:
            return False
        self._stage, self._probes_left = Stage.PROBE, 1
        return True

    @property
    def _is_of_silence(self) -> bool:
        return self._is_cut or (self._known is not None and self._known.judge is ErrorClass.TRANSIENT)

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
            if self._opened is None and self._is_cut:
                return silence_reason(self._last_silence)
            circuit = self._opened or self._known
        return circuit.reason if circuit is not None else Reason.PROVIDER_INCIDENT

    @property
    def is_silent(self) -> bool:
        """Accounts are held since others got no clear answer, and not for what was answered."""
        with self._lock:
            return self._opened is None and self._is_of_silence

    @property
    def incident_over(self) -> bool:
        """An incident of refused grants stood on record, and a probe just worked."""
        with self._lock:
            return self._is_of_grants and self._tally.succeeded > 0

    @property
    def _is_of_grants(self) -> bool:
        return self._known is not None and self._known.reason is Reason.PROVIDER_INCIDENT

    # ---- told by the accounts

    @property
    def prefers_last_good(self) -> bool:
        """The referenced client secret was refused in this run, and the last good one worked."""
        with self._lock:
            return self._last_good_used and not self._secret_worked

    def note_request(self, now: datetime) -> None:
        with self._lock:
            self._requests.append(now)

    def note_not_asked(self) -> None:
        """An account ended before its provider was asked anything."""
        with self._lock:
            if self._stage is Stage.PROBE:
                self._probes_left += 1

    def note_silence(self, error: TokenError) -> None:
        """No clear answer came, which says nothing of the client and nothing of the grant."""
        with self._lock:
            self._silent, self._last_silence = self._silent + 1, error
            many = self._silent >= self.limits.incident_accounts
            if many and self._stage is Stage.PASS and not self._silence_is_theirs:
                self._stage, self._is_cut, self._probe_from = Stage.SILENT, True, None

    def note_refused_grant(self, error: TokenError, now: datetime) -> bool:
        """Count it; True where it is the provider's incident, so that nothing is confirmed."""
        with self._lock:
            self._heard()
            self._tally = self._tally.after_refusal(error)
            if self._is_of_grants:
                return not self._outlived and not is_their_own(self._tally)
            self._look(now)
            return is_mass_refusal(self._tally, self.limits)

    def note_other_refusal(self) -> None:
        """One that tells nothing of the provider: of a grant known to be dead, or interrupted, or of its own kind."""
        with self._lock:
            self._heard()
            self._tally = self._tally.after_other()

    def note_success(self, *, last_good_used: bool) -> None:
        with self._lock:
            self._heard()
            self._tally = self._tally.after_success()
            if self._stage is Stage.PROBE:
                self._stage = Stage.PASS
            if not self._is_of_grants:
                self._known = None
            self._secret_worked |= not last_good_used
            if last_good_used:
                self._last_good_used = True
            else:
                self._good_version = self.provider.secret_version

    def note_refused(self, error: TokenError, now: datetime) -> None:
        """A refusal that is not of the grant; those come through `note_refused_grant`."""
        with self._lock:
            self._heard()
            self._tally = self._tally.after_refusal(error)
            self._look(now)

    def _heard(self) -> None:
        """A clear answer, whatever it says: the provider is there."""
        if self._is_of_silence:
            self._silence_is_theirs = self._is_cut and self._stage is Stage.PROBE
            self._stage = Stage.PASS
            if not self._is_cut:
                self._known = None
        self._silent, self._is_cut = 0, False

    def _look(self, now: datetime) -> None:
        if self._opened is None and self._stage is Stage.PASS and self._known is None:
            self._opened = opened_by(self._tally, now=now, limits=self.limits, finished=False)

    # ---- at the end

    def learnt(self, now: datetime) -> Learnt:
        with self._lock:
            return Learnt(self._circuit_after(now), self._good_version, tuple(self._requests))

    def _circuit_after(self, now: datetime) -> Circuit | None:
        if self._known is None:
            opened = self._opened or opened_by(self._tally, now=now, limits=self.limits, finished=True)
            silent = self._silent if self._is_cut else 0
            return opened or silenced_by(self._last_silence, accounts=silent, now=now)
        if self._outlived:
            # It is so old that each account was judged for itself.
            return None if self._tally.tried else self._known
        if self._known.judge is ErrorClass.TRANSIENT and self._last_silence is not None:
            return still_silent(self._known, self._last_silence, now=now)
        return after_probes(self._known, self._tally, now=now, limits=self.limits)


def tell(desk: Desk, ended: Conclusion, *, noted: bool, now: datetime) -> None:
    """What an account's refresh says of its provider. `noted`: the desk has heard of its refusal already."""
    error = ended.error
    if ended.ending is Ending.REFRESHED:
        desk.note_success(last_good_used=ended.last_good_used)
    elif error is None:
        return
    elif is_silence(error):
        desk.note_silence(error)
    elif error.judge in (ErrorClass.CLIENT, ErrorClass.CONFIG):
        desk.note_refused(error, now)
    elif error.definite and not noted:
        desk.note_other_refusal()
