"""The words of the page: one headline an account, with the shape and the tone that it is drawn with.

Rules: a word first, then a shape, then a colour, so that none of them is needed to read the others; times are UTC and
say so; the relative time first and the exact one beside it; nothing here asks the store, and `now` is an argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.decide.health import Health
from reconciler.decide.health_words import distance
from reconciler.decide.remedy import REMEDIES
from reconciler.model.duration import format_rough
from reconciler.model.state import AccountState, Reason

S, R = AccountState, Reason


class Tone(StrEnum):
    """What the colour stands for; each has a shape of its own, so that colour is never alone."""

    GOOD = "good"
    SOON = "soon"
    BAD = "bad"
    QUIET = "quiet"


SHAPES: Mapping[Tone, str] = {Tone.GOOD: "●", Tone.SOON: "▲", Tone.BAD: "■", Tone.QUIET: "○"}

STATE_WORDS: Mapping[AccountState, str] = {
    S.PENDING_CONSENT: "Never connected",
    S.NEEDS_CONSENT: "Consent needed",
    S.NEEDS_ADMIN: "Administrator needed",
    S.MISCONFIGURED: "Misconfigured",
    S.EXPIRING: "Expires soon",
    S.EXPIRED: "Expired",
    S.IN_DOUBT: "In doubt",
    S.HELD: "Waiting for its provider",
    S.REFRESH_DUE: "Good, refresh is due",
    S.READY: "Good",
    S.SUSPENDED: "Suspended",
    S.ORPHANED: "No longer declared",
    S.UNKNOWN: "Unknown",
}
"""In the order of the filter: what needs somebody first."""

_SHORT: Mapping[Reason, str] = {
    R.NEVER_CONSENTED: "nobody connected it yet",
    R.SCOPES_WIDENED: "scopes were widened",
    R.SCOPES_NOT_GRANTED: "some scopes were not granted",
    R.GRANT_REVOKED: "access was taken back",
    R.REFRESH_TOKEN_EXPIRED: "the grant has expired",
    R.REFRESH_TOKEN_MISSING: "the provider gave nothing to refresh with",
    R.IDENTITY_CHANGED: "somebody else connected it",
    R.INTERRUPTED_ROTATION: "a refresh was cut off",
    R.CLIENT_REPLACED: "our client there is a new one",
    R.PROVIDER_CHANGED: "its provider is another one now",
    R.PROVIDER_NOT_READY: "its provider is not ready",
    R.PROVIDER_INCIDENT: "its provider has an incident",
    R.CLIENT_REFUSED: "its provider refuses our client",
    R.MANIFEST_INVALID: "its manifest is invalid",
    R.FOREIGN_OWNER: "its place in the store belongs to another owner",
    R.SCOPE_REFUSED: "its provider refuses the scopes",
    R.ADMIN_ACTION_REQUIRED: "its provider wants an administrator",
    R.INVALID_REQUEST: "its provider calls our request invalid",
    R.STORE_UNREADABLE: "the store does not let us read it",
    R.GRANT_SUSPECTED: "refused once, a second answer decides",
    R.RATE_LIMITED: "its provider asks us to wait",
    R.PROVIDER_UNREACHABLE: "its provider gives no usable answer",
    R.REFRESH_RUNNING: "a refresh is running",
    R.REFRESH_UNCLEAR: "a refresh has no recorded end",
}


@dataclass(frozen=True, slots=True)
class Headline:
    """`words` is whole without the shape; `shape` is drawn beside it and not read out."""

    tone: Tone
    words: str

    @property
    def shape(self) -> str:
        return SHAPES[self.tone]


def headline(health: Health, now: datetime) -> Headline:
    """The state of one account as a person would say it."""
    match health.state:
        case S.READY | S.REFRESH_DUE:
            return _good(health, now)
        case S.EXPIRING:
            words = f"Expires {distance(health.by, now)}" if health.by else "Expires soon"
            return Headline(Tone.SOON, words)
        case S.EXPIRED if health.reason is R.MANUAL_EXPIRY:
            since = health.since or health.by
            return Headline(Tone.BAD, f"Expired {distance(since, now)}" if since else "Expired")
        case S.EXPIRED:
            return Headline(Tone.SOON, "Expired: a refresh is due")
        case S.PENDING_CONSENT | S.NEEDS_CONSENT | S.NEEDS_ADMIN | S.MISCONFIGURED:
            return Headline(Tone.BAD, _because(health))
        case S.IN_DOUBT | S.HELD:
            return Headline(Tone.SOON, _because(health))
        case _:
            words = STATE_WORDS[health.state]
            return Headline(Tone.QUIET, _because(health) if health.state is S.UNKNOWN else words)


def with_frozen(said: Headline, health: Health) -> Headline:
    """Of an account that is not refreshed since the store was restored: good while its token lives, and then no more."""
    words = "Expired" if health.state is S.EXPIRED else said.words
    tone = Tone.SOON if said.tone is Tone.GOOD else said.tone
    return Headline(tone, f"{words}; the store was restored: connect again")


def short_reason(reason: Reason) -> str:
    """One clause, without dates and names."""
    return _SHORT.get(reason) or REMEDIES[reason].what


def _because(health: Health) -> str:
    first = "Consent needed" if health.state is S.PENDING_CONSENT else STATE_WORDS[health.state]
    first = "Waiting" if health.state is S.HELD else first
    return f"{first}: {short_reason(health.reason)}"


def _good(health: Health, now: datetime) -> Headline:
    until = health.access_expires_at
    if until is None:
        return Headline(Tone.SOON, "Waiting for its first token")
    if until <= now:
        return Headline(Tone.SOON, "Expired: a refresh is due")
    return Headline(Tone.GOOD, f"Good until {clock(until, now)}")


def clock(moment: datetime, now: datetime) -> str:
    """`15:04 UTC` today, `3 Dec, 15:04 UTC` on another day, with the year in another year."""
    if moment.date() == now.date():
        return f"{moment:%H:%M} UTC"
    day = f"{moment.day} {moment:%b}" + ("" if moment.year == now.year else f" {moment.year}")
    return f"{day}, {moment:%H:%M} UTC"


def ago(moment: datetime, now: datetime) -> str:
    """`3 min ago`; `just now` within the minute."""
    return "just now" if (now - moment).total_seconds() < 60 else f"{format_rough(now - moment)} ago"


def summary(needed: int, total: int, *, waiting: int = 0) -> str:
    """`2 of 614 accounts need you.` `waiting`: how many cannot go on before their provider is mended."""
    if not total:
        return "There are no accounts here yet."
    accounts = "account" if total == 1 else "accounts"
    wait = (
        f"{waiting:,} {'waits' if waiting == 1 else 'wait'} for {'its' if waiting == 1 else 'their'} provider"
    )
    if needed:
        said = f"{needed:,} of {total:,} {accounts} {'needs' if needed == 1 else 'need'} you"
        return f"{said}; {wait}." if waiting else f"{said}."
    if waiting:
        return f"None of {total:,} {accounts} needs you; {wait}."
    return f"All is well: none of {total:,} {accounts} needs you." if total > 1 else "All is well: 1 account."
