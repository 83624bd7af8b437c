"""The vocabulary of the refresh protocol: what it asks for, what it is told, how it ends. Values only.

Rules:
- the protocol (`decide/rotation`) yields Effects; `engine/refresh` performs each and sends the outcome named beside it;
- an outcome is a value: no effect raises into the protocol, a store that fails is a `StoreTrouble`;
- a `Conclusion` says what happened in facts; how an account's state and a report follow from it is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeAlias, TypeVar

from reconciler.decide.token_response import TokenError
from reconciler.errors import ReconcilerError
from reconciler.model.behaviour import Behaviour
from reconciler.model.grant import GrantRecord, Holder, Removal, TokenSet
from reconciler.model.limits import REFRESH_LIMITS, RefreshLimits
from reconciler.model.names import Address
from reconciler.model.secret import Secret
from reconciler.model.state import Reason

# ------------------------------------------------------------------------------------------------------- effects


@dataclass(frozen=True, slots=True)
class EnsureLogin:
    """The store's login lives this long, renewed or repeated if need be. Outcome: None or StoreTrouble."""

    lasts: timedelta


@dataclass(frozen=True, slots=True)
class ReadGrant:
    """Outcome: GrantRead or StoreTrouble."""


class Step(StrEnum):
    """Which write of the protocol this is; crash tests stop a process right after each."""

    INTENT = "intent"
    COMMIT = "commit"
    RELEASE = "release"
    UNCLEAR = "unclear"
    VERDICT = "verdict"


@dataclass(frozen=True, slots=True)
class WriteGrant:
    """Outcome: Written, Conflict, Unclear or StoreTrouble."""

    record: GrantRecord
    cas: int
    step: Step


@dataclass(frozen=True, slots=True)
class Exchange:
    """One token call, never repeated by the shell. Outcome: TokenSet, TokenError or TooLate."""

    refresh_token: Secret
    scopes: tuple[str, ...]
    """To be sent where the base repeats scopes; () for a request without scope."""
    fresh_connection: bool
    not_after: float | None = None
    """Nothing is sent where the monotonic clock has passed this: who was frozen for so long may have lost its intent."""
    last_good: bool = False
    """With the client credentials that last worked instead of the referenced ones."""
    kept: Mapping[str, str] = field(default_factory=dict)
    """Identifiers of the grant, which may be part of a URL."""
    redirect_uri: str = ""
    """To be repeated where the base says so: the consent's own, '' where it is not on record."""


@dataclass(frozen=True, slots=True)
class Now:
    """Outcome: datetime, the store's clock."""


@dataclass(frozen=True, slots=True)
class Elapsed:
    """Outcome: float, seconds of a monotonic clock."""


@dataclass(frozen=True, slots=True)
class NewOp:
    """Outcome: str, a fresh operation id."""


@dataclass(frozen=True, slots=True)
class HolderAlive:
    """Outcome: bool; False only where that process is provably gone."""

    holder: Holder


@dataclass(frozen=True, slots=True)
class Pause:
    """Outcome: bool, True where the run was asked to stop. `through_stop`: a stop does not cut it short."""

    seconds: float
    through_stop: bool = False


@dataclass(frozen=True, slots=True)
class NoteRefusal:
    """Tells the run of a refusal that speaks against the grant. Outcome: bool, True where so many were refused that
    it is the provider's incident: then nothing is confirmed."""

    error: TokenError


Effect: TypeAlias = (
    EnsureLogin
    | ReadGrant
    | WriteGrant
    | Exchange
    | Now
    | Elapsed
    | NewOp
    | HolderAlive
    | Pause
    | NoteRefusal
)

_T = TypeVar("_T")
Steps: TypeAlias = Generator[Effect, Any, _T]
"""A part of the protocol that ends with a value. What is sent in is the outcome of the last effect."""

# ------------------------------------------------------------------------------------------------------ outcomes


@dataclass(frozen=True, slots=True)
class GrantRead:
    """The newest version. `record` None: never written, or deleted (`deleted`)."""

    record: GrantRecord | None
    version: int
    created_time: datetime | None = None
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """A version that holds a refresh token: what may be presented, or written on top of."""

    record: GrantRecord
    refresh_token: Secret
    version: int
    created_time: datetime | None = None


def grant_of(read: GrantRead) -> Grant | None:
    """None where there is no record, or no refresh token in it."""
    record = read.record
    if record is None or record.refresh_token is None:
        return None
    return Grant(record, record.refresh_token, read.version, read.created_time)


@dataclass(frozen=True, slots=True)
class Written:
    version: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """Another version is the newest."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """The write may or may not have happened."""


@dataclass(frozen=True, slots=True)
class TooLate:
    """Nothing was sent: `not_after` had passed."""


@dataclass(frozen=True, slots=True)
class StoreTrouble:
    """The store did not do it and will not have done it later. `error` is for the report."""

    error: ReconcilerError


# ---------------------------------------------------------------------------------------------- task, conclusion


@dataclass(frozen=True, slots=True)
class Published:
    """What workloads read now, by the token version's metadata."""

    lifetime: timedelta
    issued_at: datetime

    @property
    def expires_at(self) -> datetime:
        return self.issued_at + self.lifetime


@dataclass(frozen=True, slots=True)
class RefreshTask:
    """One account's refresh, as far as it is known before the grant is read. `origin` is the refresh endpoint's,
    `former_origins` its base's. `commit` and `tool` go into the intent for whoever finds it."""

    address: Address
    behaviour: Behaviour
    client_id: str
    origin: str
    former_origins: frozenset[str]
    holder: Holder
    owner_mark: str
    removal: Removal
    fingerprint_key: bytes = field(repr=False)
    tool: str = ""
    commit: str = ""
    window: timedelta | None = None
    due_within: timedelta | None = None
    force: bool = False
    """Ignore the thresholds of time, nothing else."""
    published: Published | None = None
    may_use_last_good: bool = False
    """The referenced client secret never worked, and another one did."""
    limits: RefreshLimits = REFRESH_LIMITS

    @property
    def needs_intent(self) -> bool:
        return self.behaviour.refresh_token.rotation.needs_intent

    def fingerprint(self, record: GrantRecord) -> str:
        """Of the record's refresh token; '' where it has none."""
        token = record.refresh_token
        return "" if token is None else token.fingerprint(self.fingerprint_key)

    def access_expires_at(self, record: GrantRecord) -> datetime | None:
        """When what workloads hold is dead, as far as anybody knows; None: nobody holds anything."""
        if self.needs_intent and record.token_set is not None:
            return record.token_set.expires_at
        return None if self.published is None else self.published.expires_at


class Ending(StrEnum):
    REFRESHED = "refreshed"
    """The provider gave tokens, and whatever of them the grant needs is stored."""
    FRESH = "fresh"
    """The grant's own last token set is good: no call."""
    WAITED = "waited"
    """Another run refreshed it meanwhile; its result is used."""
    HELD = "held"
    """Another run works on it, or the last answer was unclear a moment ago."""
    WAITING = "waiting"
    """A refusal on record may not be tried again yet."""
    REFUSED = "refused"
    """A definite refusal; `record.verdict` says what stands on record."""
    UNCLEAR = "unclear"
    """No clear answer: the same token may be tried again in a while."""
    SUPERSEDED = "superseded"
    """A newer grant was stored meanwhile (a consent): what we got is dropped."""
    KEPT = "kept"
    """An odd answer was no grant, but its new refresh token is stored."""
    NOT_STORED = "not-stored"
    """The provider gave tokens and the store took no write until the deadline: the grant may be lost."""
    STORE_FAILED = "store-failed"
    """The store failed before anything was presented to the provider."""
    NO_GRANT = "no-grant"
    """There is nothing to refresh: never consented, deleted, forgotten, or without a refresh token."""
    NOT_OURS = "not-ours"
    """The grant bears another owner's mark."""
    MISMATCH = "mismatch"
    """The grant belongs to another client or another origin: the refresh token is not sent."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """`record` and `version` are the newest that is known of the grant, `created_time` that version's."""

    ending: Ending
    reason: Reason | None = None
    record: GrantRecord | None = None
    version: int = 0
    created_time: datetime | None = None
    tokens: TokenSet | None = None
    """What is to be published."""
    error: TokenError | None = None
    trouble: ReconcilerError | None = None
    not_before: datetime | None = None
    recovered: bool = False
    """A grant with a verdict on record worked again."""
    last_good_used: bool = False
    warnings: tuple[str, ...] = ()
