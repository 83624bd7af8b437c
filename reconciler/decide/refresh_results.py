"""What a refresh is called in a report: outcome, reason, one line, and the exit code that it asks for (DESIGN §9).

Rules:
- what asks a person is attention, told elsewhere: by itself it asks for no exit code;
- a transient failure is a warning while what workloads hold outlives the next scheduled run, a failure (4) otherwise;
- another run's work is `held` (6); a provider's incident is `held` too (4);
- the provider's codes are shown cleaned, its words never.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from reconciler.decide.refresh_effects import Conclusion, Ending
from reconciler.decide.results import Outcome, Result
from reconciler.decide.verdicts import speaks_of_grant
from reconciler.errors import ReconcilerError, clean
from reconciler.model.duration import format_instant, format_rough
from reconciler.model.location import Location
from reconciler.model.names import Address
from reconciler.model.state import ErrorClass, Reason

REFRESH = "refresh"
REPUBLISH = "republish"
_LATER_HINT = "nothing is lost: the grant is kept and tried again by itself"
_UNCLEAR_HINT = f"{_LATER_HINT}; if it stays so, check the provider's token endpoint"
_CLIENT_HINT = (
    "nobody has to consent again: check the client's id and secret that the provider's manifest names"
)


@dataclass(frozen=True, slots=True)
class Shown:
    """What else a line needs. `path` and `version`: where the access token was published now; '' and 0: nowhere."""

    address: Address
    location: Location | None
    now: datetime
    access_expires_at: datetime | None
    lives_on: bool
    """What workloads hold outlives the next scheduled run."""
    path: str = ""
    version: int = 0


def refresh_result(ended: Conclusion, shown: Shown) -> Result:  # noqa: C901  a table: one row for each ending
    """The report's line about one account."""
    result = Result(
        shown.address,
        REFRESH,
        Outcome.DONE,
        reason=_reason(ended),
        location=shown.location,
        warnings=ended.warnings,
    )
    match ended.ending:
        case Ending.REFRESHED:
            word = "works again" if ended.recovered else "refreshed"
            return replace(result, message=_good(word, shown))
        case Ending.FRESH if shown.version:
            return replace(result, action=REPUBLISH, message=_good("published again", shown))
        case Ending.FRESH:
            return replace(result, outcome=Outcome.SKIPPED, message=_good("fresh", shown))
        case Ending.WAITED:
            return replace(result, message=_good("refreshed by another run", shown))
        case Ending.HELD:
            return _held(result, ended, shown)
        case Ending.WAITING:
            line = f"the provider refused it{_code(ended)}; tried again {_at(ended.not_before, shown)}"
            return replace(result, outcome=Outcome.SKIPPED, message=line)
        case Ending.REFUSED:
            return _refused(result, ended, shown)
        case Ending.UNCLEAR | Ending.KEPT:
            return _unclear(result, ended, shown)
        case Ending.SUPERSEDED:
            line = "a newer grant was stored meanwhile; what this run got is dropped"
            return replace(result, message=line, warnings=(*ended.warnings, line))
        case Ending.NOT_STORED:
            return _failed(
                result, ended, "the provider gave new tokens and the store did not take them in time"
            )
        case Ending.STORE_FAILED:
            return _failed(result, ended, "the store failed before anything was sent to the provider")
        case Ending.NO_GRANT:
            line = "there is no grant to refresh"
            return replace(result, outcome=Outcome.SKIPPED, message=line)
        case Ending.NOT_OURS:
            line = "the grant belongs to another reconciler"
            return replace(result, outcome=Outcome.REFUSED, message=line, error=line, code=4)
        case Ending.MISMATCH:
            return _mismatch(result, ended)
        case _:
            assert_never(ended.ending)


FROZEN = "Frozen"


def frozen_words(restored: datetime) -> str:
    since = format_instant(restored)
    return (
        f"frozen: its refresh token was stored before {since}, when the store was restored, and may be spent"
    )


def frozen_hint(address: Address) -> str:
    return f"reconciler consent {address.short}"


def frozen_result(address: Address, *, restored: datetime, location: Location | None) -> Result:
    """A single-use refresh token that may be spent since the snapshot: not presented."""
    words = frozen_words(restored)
    return Result(
        address,
        REFRESH,
        Outcome.HELD,
        reason=FROZEN,
        message=words,
        error=words,
        hint=frozen_hint(address),
        location=location,
        code=4,
    )


def failed_result(
    error: ReconcilerError, address: Address, *, location: Location | None, action: str = REFRESH
) -> Result:
    """A failure that is the tool's own sentence already."""
    return Result(
        address,
        action,
        Outcome.FAILED,
        reason=type(error).__name__,
        error=error.message,
        message=error.message,
        hint=error.hint or "",
        location=location,
        code=error.exit_code,
    )


def incident_result(reason: Reason, address: Address, *, location: Location | None) -> Result:
    """Held with its provider, without a call."""
    line = "not tried: its provider has an incident"
    return Result(
        address, REFRESH, Outcome.HELD, reason=reason.value, message=line, location=location, code=4
    )


def silence_result(reason: Reason, address: Address, *, lives_on: bool, location: Location | None) -> Result:
    """Held, without a call, since its provider gave others no clear answer: as passing as what they met."""
    held = incident_result(reason, address, location=location)
    words = "is too busy" if reason is Reason.RATE_LIMITED else "gives no clear answers"
    return replace(
        held, message=f"not tried: its provider {words}", hint=_LATER_HINT, code=0 if lives_on else 4
    )


def _held(result: Result, ended: Conclusion, shown: Shown) -> Result:
    if ended.reason is Reason.REFRESH_UNCLEAR:
        line = f"the last answer was unclear; tried again {_at(ended.not_before, shown)}"
        return replace(result, outcome=Outcome.HELD, message=line, code=0 if shown.lives_on else 4)
    return replace(result, outcome=Outcome.HELD, message="another run is refreshing it", code=6)


def _refused(result: Result, ended: Conclusion, shown: Shown) -> Result:
    refused = replace(result, outcome=Outcome.REFUSED, error=_why(ended))
    verdict = None if ended.record is None else ended.record.verdict
    if ended.error is None or not speaks_of_grant(ended.error.judge):
        if ended.error is not None and ended.error.judge is ErrorClass.CLIENT:
            line = f"the provider refuses our client{_code(ended)}"
            return replace(refused, message=line, hint=_CLIENT_HINT, code=4)
        return _not_now(result, ended, shown)
    if verdict is not None and not verdict.confirmed:
        line = f"refused once{_code(ended)}, a second answer decides{_stays(shown)}"
        return replace(refused, message=line, code=0 if shown.lives_on else 4)
    return replace(refused, message=f"the provider refuses the grant{_code(ended)}")


def _not_now(result: Result, ended: Conclusion, shown: Shown) -> Result:
    """Out of reach, busy or in trouble: nothing is wrong with the grant, and the next run tries again."""
    line = f"no tokens now{_code(ended)}: {_why(ended) or 'the provider is not ready'}"
    return replace(
        result,
        outcome=Outcome.HELD,
        message=f"{line}; tried again {_at(_left_alone_until(ended, shown), shown)}",
        error=_why(ended),
        hint=_LATER_HINT,
        code=0 if shown.lives_on else 4,
    )


def _unclear(result: Result, ended: Conclusion, shown: Shown) -> Result:
    line = f"no clear answer from the provider{_code(ended)}{_stays(shown)}"
    failed = replace(result, outcome=Outcome.FAILED, message=line, error=_why(ended), hint=_UNCLEAR_HINT)
    return replace(failed, code=0 if shown.lives_on else 4)


def _failed(result: Result, ended: Conclusion, line: str) -> Result:
    error = ended.trouble
    why = f"{line}: {error.message}" if error is not None else line
    code = error.exit_code if error is not None else 1
    hint = (error.hint or "") if error is not None else ""
    return replace(result, outcome=Outcome.FAILED, message=why, error=why, hint=hint, code=code)


def _mismatch(result: Result, ended: Conclusion) -> Result:
    if ended.reason is Reason.CLIENT_REPLACED:
        line = "the grant was given to another client id: its refresh token is not sent"
    else:
        line = "the grant came from another origin: its refresh token is not sent there"
    return replace(result, outcome=Outcome.REFUSED, message=line, error=line, code=3)


def _reason(ended: Conclusion) -> str:
    """'' where all went as planned; a suspicion is called by its name, not by what it may turn out to be."""
    verdict = None if ended.record is None else ended.record.verdict
    suspected = verdict is not None and not verdict.confirmed
    spoken = ended.error is None or speaks_of_grant(ended.error.judge)
    if ended.ending in (Ending.REFUSED, Ending.WAITING) and suspected and spoken:
        return Reason.GRANT_SUSPECTED.value
    if ended.reason is None:
        return type(ended.trouble).__name__ if ended.trouble is not None else ""
    return "" if ended.reason is Reason.FRESH else ended.reason.value


def _good(word: str, shown: Shown) -> str:
    line = word
    if shown.access_expires_at is not None:
        rough = format_rough(shown.access_expires_at - shown.now)
        line += f", good until {shown.access_expires_at:%H:%M} ({rough})"
    return f"{line}, written to {shown.path} (version {shown.version})" if shown.version else line


def _stays(shown: Shown) -> str:
    """A refresh failed: what workloads hold, and until when."""
    if shown.access_expires_at is None or shown.access_expires_at <= shown.now:
        return "; there is no living token"
    return f"; the token stays good until {shown.access_expires_at:%H:%M}"


def _code(ended: Conclusion) -> str:
    verdict = None if ended.record is None else ended.record.verdict
    code = ended.error.code if ended.error is not None else (verdict.code if verdict is not None else "")
    return f" ({clean(code, cap=80)})" if code else ""


def _why(ended: Conclusion) -> str:
    said = "" if ended.error is None else ended.error.message
    if ended.trouble is not None:
        return f"{said}; {ended.trouble.message}" if said else ended.trouble.message
    return said


def _left_alone_until(ended: Conclusion, shown: Shown) -> datetime | None:
    """When the protocol says, or else the provider (Retry-After)."""
    asked = None if ended.error is None else ended.error.retry_after
    return ended.not_before or (None if asked is None else shown.now + asked)


def _at(moment: datetime | None, shown: Shown) -> str:
    if moment is None or moment <= shown.now:
        return "by the next run"
    return f"after {moment:%H:%M} (in {format_rough(moment - shown.now)})"
