"""What a plan is made of, as values: changes, maintenance, what is blocked, and which guards stop it (DESIGN §8).

Rules:
- a change is something that Git asks for: it is in the digest, the preconditions and `--detailed-exitcode`;
- maintenance keeps tokens alive: it is listed, counted and recomputed when run, and never asked about;
- a removal is always listed, and done only with `--prune`;
- no field here could hold a secret: names, paths, versions, digests and words alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.decide.provider_change import FieldChange, Precondition, ProviderChange
from reconciler.model.location import Location
from reconciler.model.names import Address

__all__ = [
    "MAINTENANCE",
    "REMOVALS",
    "Action",
    "Blocked",
    "Change",
    "FieldChange",
    "GuardHit",
    "GuardName",
    "Precondition",
    "Risk",
]


class Action(StrEnum):
    """Every action, in the order in which a plan lists and a run does them."""

    REGISTER = "register"
    UPDATE = "update"
    ADOPT = "adopt"
    TRACK = "track"
    REVOKE = "revoke"
    FORGET = "forget"
    DEREGISTER = "deregister"
    WITHDRAW = "withdraw"
    REFRESH = "refresh"
    REPUBLISH = "republish"


REMOVALS = frozenset({Action.REVOKE, Action.FORGET, Action.DEREGISTER})
MAINTENANCE = frozenset({Action.WITHDRAW, Action.REFRESH, Action.REPUBLISH})


class Risk(StrEnum):
    """How far a change reaches. `high`: something that people rely on ends, or a credential goes somewhere new."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to do. `reason` is a CamelCase code, `message` one line for people."""

    address: Address
    action: Action
    reason: str
    message: str
    risk: Risk = Risk.LOW
    consequence: str = ""
    """What may be lost by it, one clause; '' where nothing."""
    fields: tuple[FieldChange, ...] = ()
    preconditions: tuple[Precondition, ...] = ()
    location: Location | None = None
    notes: tuple[str, ...] = ()
    """Further lines: what a person must do elsewhere (`redirect URI to allow at its console: …`)."""
    provider_change: ProviderChange | None = None
    """What `engine/register` carries out, where the object is a provider."""
    protected: bool = False
    """By the manifest or by the stored record."""

    @property
    def removes(self) -> bool:
        return self.action in REMOVALS


@dataclass(frozen=True, slots=True)
class Blocked:
    """An object that nothing is done with in this run, and why. `code` is the exit code that it asks for."""

    address: Address
    reason: str
    message: str
    hint: str = ""
    code: int = 4
    location: Location | None = None
    trust_change: bool = False
    """A credential would go to an origin that it is not bound to: shown first, never folded."""
    origins: tuple[str, ...] = ()
    """The origins in question, for a trust change."""
    notes: tuple[str, ...] = ()
    """What a person must do elsewhere, as of a change."""


class GuardName(StrEnum):
    """What a plan may not do unattended. The value is what people see."""

    EMPTY_DESIRED = "EmptyDesired"
    BULK_REMOVAL = "BulkRemoval"
    PROTECTED = "Protected"
    FOREIGN_OWNER = "ForeignOwner"
    CLIENT_REPLACED = "ClientReplaced"
    ISSUER_REPLACED = "IssuerReplaced"
    NARROW_PRUNE = "NarrowPrune"
    REDIRECT_CHANGED = "RedirectChanged"
    SCOPES_WIDENED = "ScopesWidened"
    SUBJECT_CHANGED = "SubjectChanged"


@dataclass(frozen=True, slots=True)
class GuardHit:
    """One guard that stops the plan. `flag` is the exact thing to write in order to pass it."""

    name: GuardName
    flag: str
    message: str
    addresses: tuple[Address, ...] = ()
