"""When refusals are a provider's incident and not its accounts' (DESIGN §6.9, classification): circuits, as values.

Rules:
- client refusals (`invalid_client`, `unauthorized_client`): the circuit opens when two accounts agree, or the only one
  that was tried; every later run sends one probe;
- `invalid_request` and the like: one account is misconfigured; three in a run open the circuit, probed like that;
- refused grants: five or more, and a fifth of the provider's accounts, in one run. Its accounts are held, three are
  probed after an hour, such as were not refused before; still refused after a day an administrator is asked, and after
  another day each account is judged for itself again;
- no clear answer (a deadline that passed, no connection, a busy or broken server) from five in a row: an incident too,
  whose later runs begin with one probe; it says nothing of any account, and any clear answer ends it, a refusal as well;
- one success closes any circuit: the client is known there, and grants work.
Pure: what was seen in a run is a Tally, what is known from before is a Circuit.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, auto

from reconciler.decide.token_response import TokenError
from reconciler.model.limits import RefreshLimits
from reconciler.model.state import ErrorClass, Reason
from reconciler.model.status import Circuit

_AGREEING_CLIENT_REFUSALS = 2
_AGREEING_CONFIG_REFUSALS = 3
_PROBES_OF_CLIENT = 1


@dataclass(frozen=True, slots=True)
class Tally:
    """What one provider answered in this run. `accounts`: how many it has, tried or not."""

    accounts: int
    tried: int = 0
    succeeded: int = 0
    refused: dict[ErrorClass, int] = field(default_factory=dict)
    code: str = ""
    """The last refusal's code, for people."""

    def after_success(self) -> Tally:
        return replace(self, tried=self.tried + 1, succeeded=self.succeeded + 1)

    def after_refusal(self, error: TokenError) -> Tally:
        counts = {**self.refused, error.judge: self.refused.get(error.judge, 0) + 1}
        return replace(self, tried=self.tried + 1, refused=counts, code=error.code or self.code)

    def after_other(self) -> Tally:
        return replace(self, tried=self.tried + 1)

    def count(self, judge: ErrorClass) -> int:
        return self.refused.get(judge, 0)


class Stage(Enum):
    """What an incident lets through."""

    OPEN = auto()
    """Nobody, until its probe is due."""
    PROBE = auto()
    SILENT = auto()
    """Nobody for a while, then one probe: too many in a row got no clear answer."""
    PASS = auto()
    """Everybody: there is no incident, or it is so old that each account is judged for itself."""


@dataclass(frozen=True, slots=True)
class Admission:
    stage: Stage
    probes: int = 0


def admission(circuit: Circuit | None, *, now: datetime, limits: RefreshLimits) -> Admission:
    """Who may be tried at the start of a run, given what the provider's record says."""
    if circuit is None or _is_outlived(circuit, now=now, limits=limits):
        return Admission(Stage.PASS)
    if now < circuit.probe_at:
        return Admission(Stage.OPEN)
    return Admission(Stage.PROBE, limits.incident_probes if _is_grants(circuit) else _PROBES_OF_CLIENT)


def standing_incident(circuit: Circuit | None, *, now: datetime, limits: RefreshLimits) -> Circuit | None:
    """The incident that outranks what a provider's accounts say of themselves. One that is so old that each is judged for
    itself does not, nor does a silence: it only spares calls, and hides nobody who needs a person."""
    silent = circuit is not None and circuit.judge is ErrorClass.TRANSIENT
    return None if silent or admission(circuit, now=now, limits=limits).stage is Stage.PASS else circuit


def is_mass_refusal(tally: Tally, limits: RefreshLimits) -> bool:
    """So many grants were refused that it is not their people's doing."""
    refused = tally.count(ErrorClass.NEEDS_CONSENT)
    return refused >= limits.incident_accounts and refused >= limits.incident_share * tally.accounts


def is_their_own(tally: Tally) -> bool:
    """After an incident, where grants work again: a refusal is that account's own, as long as no more are refused than
    work. Else a few people who are really gone would hold all others, at every new incident that their refusals make."""
    return 0 < tally.count(ErrorClass.NEEDS_CONSENT) <= tally.succeeded


def opened_by(tally: Tally, *, now: datetime, limits: RefreshLimits, finished: bool) -> Circuit | None:
    """The circuit that this run's answers open where none is open, or None. `finished`: nothing more will be tried."""
    if tally.succeeded == 0:
        refusals = tally.count(ErrorClass.CLIENT)
        alone = finished and refusals == tally.tried == 1
        if refusals >= _AGREEING_CLIENT_REFUSALS or alone:
            return Circuit(ErrorClass.CLIENT, Reason.CLIENT_REFUSED, now, now, tally.code, refusals)
        refusals = tally.count(ErrorClass.CONFIG)
        if refusals >= _AGREEING_CONFIG_REFUSALS:
            return Circuit(ErrorClass.CONFIG, Reason.INVALID_REQUEST, now, now, tally.code, refusals)
    if is_mass_refusal(tally, limits):
        probe_at = now + limits.incident_probe_after
        refusals = tally.count(ErrorClass.NEEDS_CONSENT)
        return Circuit(
            ErrorClass.NEEDS_CONSENT, Reason.PROVIDER_INCIDENT, now, probe_at, tally.code, refusals
        )
    return None


def is_silence(error: TokenError) -> bool:
    """Neither tokens nor a clear refusal: it says nothing of client or grant, and much of the provider if it goes on."""
    return error.judge is ErrorClass.TRANSIENT or (not error.definite and error.refresh_token is None)


def silence_reason(last: TokenError | None) -> Reason:
    """Why accounts of a provider are held that gives no clear answer; `last` is what came instead of one."""
    busy = last is not None and last.reason is Reason.RATE_LIMITED
    return Reason.RATE_LIMITED if busy else Reason.PROVIDER_UNREACHABLE


def silenced_by(last: TokenError | None, *, accounts: int, now: datetime) -> Circuit | None:
    """The circuit that a run leaves behind in which so many `accounts` in a row got no clear answer; 0: none."""
    if not accounts or last is None:
        return None
    probe_at = now + (last.retry_after or timedelta(0))
    return Circuit(ErrorClass.TRANSIENT, silence_reason(last), now, probe_at, last.code, accounts)


def still_silent(circuit: Circuit, last: TokenError, *, now: datetime) -> Circuit:
    """`circuit` after a probe that got no clear answer either: left alone for as long as the provider asked."""
    return circuit if last.retry_after is None else replace(circuit, probe_at=now + last.retry_after)


def after_probes(circuit: Circuit, tally: Tally, *, now: datetime, limits: RefreshLimits) -> Circuit | None:
    """What is left of `circuit` after its probes: closed by a success, else still open, older by one attempt."""
    if tally.succeeded:
        return None
    if tally.tried == 0:
        return circuit
    if not _is_grants(circuit):
        return circuit
    judge = circuit.judge
    if now - circuit.since >= limits.incident_needs_admin_after:
        judge = ErrorClass.NEEDS_ADMIN
    return replace(circuit, judge=judge, probe_at=now + limits.incident_probe_after)


def _is_grants(circuit: Circuit) -> bool:
    return circuit.reason is Reason.PROVIDER_INCIDENT


def _is_outlived(circuit: Circuit, *, now: datetime, limits: RefreshLimits) -> bool:
    if not _is_grants(circuit):
        return False
    return now - circuit.since >= 2 * limits.incident_needs_admin_after


def lives_past_next_run(expires_at: datetime | None, *, now: datetime, due_within: timedelta | None) -> bool:
    """Whether what workloads hold outlives the next scheduled run: then a transient failure is a warning only.

    `due_within` is twice the interval of the schedule; unknown, a quarter of an hour is taken for it.
    """
    interval = due_within / 2 if due_within else timedelta(minutes=15)
    return expires_at is not None and expires_at > now + interval
