"""What an answer's lifetime of the refresh token means: a date on which the grant ends, or a limit of idleness.

Rules:
- what is left of a fixed date comes to the same date at each refresh: that is the grant's end, told in time to a person;
- a date that a refresh has moved is no end: from then on its length is kept as a limit of idleness, and nobody is asked
  for what the next refresh moves again (DESIGN §1.5, §5: times that move at every refresh are not written);
- an end that the base itself counts from the consent stays.
Seconds are rounded on their way, so that dates within a minute, or a thousandth of the time left, are the same.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from reconciler.model.behaviour import LifetimeKind, RefreshTokenRules
from reconciler.model.grant import GrantRecord

_SLACK = timedelta(minutes=1)
_SLACK_SHARE = 1 / 1000
_ANOTHER_LENGTH = 1 / 5
"""A limit of idleness that differs by less than this share is the same one."""


def renewed_end(
    record: GrantRecord, ends: datetime | None, *, rules: RefreshTokenRules, now: datetime
) -> tuple[datetime | None, timedelta | None]:
    """(when the grant ends whatever is done, how long it lives unused), after an answer that was received at `now` and
    says that the refresh token ends at `ends`. None: not known, or never."""
    if ends is None:
        return record.refresh_expires_at, record.refresh_idle
    span, known, ended = ends - now, record.refresh_idle, record.refresh_expires_at
    if known is not None:
        return absolute_end(record, rules), known if abs(span - known) < known * _ANOTHER_LENGTH else span
    if ended is None:
        return ends, None
    slack = max(_SLACK, span * _SLACK_SHARE)
    if ends > ended + slack:
        return absolute_end(record, rules), span
    return (ended if ends >= ended - slack else ends), None


def absolute_end(record: GrantRecord, rules: RefreshTokenRules) -> datetime | None:
    """Counted from the consent, where the base says that refresh tokens die whatever is done."""
    lifetime = rules.lifetime
    counted = lifetime.kind in (LifetimeKind.ABSOLUTE, LifetimeKind.IDLE_AND_ABSOLUTE)
    if not counted or lifetime.absolute is None or record.consented_at is None:
        return None
    return record.consented_at + lifetime.absolute
