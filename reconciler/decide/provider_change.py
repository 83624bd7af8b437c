"""What may happen to a provider, as values: one proposed change, its fields, and what it takes for granted.

Rules:
- a change holds addresses, versions, digests and public identifiers; there is no field that could hold a secret;
- `blocked` names why the change cannot be made; a guard's facts (`client_replaced`, `issuer_replaced`,
  `foreign_owner`, `interrupted_since`) say why it may not be made unattended. `decide/guard` judges them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.model.location import Location
from reconciler.model.names import Address


class ProviderAction(StrEnum):
    REGISTER = "register"
    UPDATE = "update"
    ADOPT = "adopt"
    DEREGISTER = "deregister"


class ProviderReason(StrEnum):
    """Why, in one CamelCase word. The first that applies is the change's reason."""

    FIRST_SEEN = "FirstSeen"
    DECLARED_AGAIN = "DeclaredAgain"
    INTERRUPTED_REGISTRATION = "InterruptedRegistration"
    FOREIGN_OWNER = "ForeignOwner"
    CLIENT_REPLACED = "ClientReplaced"
    ISSUER_REPLACED = "IssuerReplaced"
    MANIFEST_CHANGED = "ManifestChanged"
    SECRET_ROTATED = "SecretRotated"
    SECRET_MISSING = "SecretMissing"
    CLIENT_SECRET_EXPIRING = "ClientSecretExpiring"
    STATUS_UNREADABLE = "StatusUnreadable"
    NOT_DECLARED = "NotDeclared"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """`before` '' where there was nothing, `after` '' where nothing will be."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, order=True)
class Precondition:
    """What a saved plan takes for granted of one key: its newest KV version, and the digest recorded with it ('' none).
    Of an address (`account/team/drive`): the digest of what its manifest says; its version is 0."""

    path: str
    version: int
    digest: str = ""


@dataclass(frozen=True, slots=True)
class ProviderChange:
    address: Address
    action: ProviderAction
    reason: ProviderReason
    message: str
    """For people, without the action's word: `static client, secret clients/sales/ml version 1`."""
    fields: tuple[FieldChange, ...] = ()
    preconditions: tuple[Precondition, ...] = ()
    risk: str = ""
    """What may be lost by it, one clause; '' where nothing."""
    location: Location | None = None
    notes: tuple[str, ...] = ()
    """What a person should know: the redirect URI to allow, a secret whose metadata could not be read."""
    blocked: str = ""
    """Why it cannot be made, one line; '' where it can."""
    client_replaced: bool = False
    issuer_replaced: bool = False
    foreign_owner: str = ""
    """The mark found on the key (`nobody` for none), where it is not ours."""
    interrupted_since: datetime | None = None
    """An earlier registration was announced then and never finished, as far as metadata tells."""
    protected: bool = False

    @property
    def kind(self) -> str:
        return "Provider"
