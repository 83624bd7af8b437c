"""What the store says of everything, by metadata alone. Made by `engine/observe`; read by `decide`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.model.location import Problem
from reconciler.model.names import Address
from reconciler.model.status import AccountStatus, ProviderStatus
from reconciler.model.store_path import StorePath
from reconciler.model.stored import KeyMetadata
from reconciler.model.trust import TrustView


@dataclass(frozen=True, slots=True)
class ObservedAccount:
    """`tokens` None: no key there. `grants` is read only where a declared base's rotation needs an intent."""

    address: Address
    tokens: KeyMetadata | None = None
    grants: KeyMetadata | None = None
    status: AccountStatus | None = None
    unreadable: str = ""
    """Why the store would not tell (denied); '' where it did. Unknown never creates or deletes."""


@dataclass(frozen=True, slots=True)
class ObservedProvider:
    address: Address
    metadata: KeyMetadata | None = None
    status: ProviderStatus | None = None
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class ObservedSecret:
    """Metadata of one referenced secret. `metadata` None: it does not exist."""

    path: StorePath
    metadata: KeyMetadata | None = None
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class Observed:
    """`now` is the store's clock at the time of reading."""

    store: str
    now: datetime
    providers: Mapping[Address, ObservedProvider] = field(default_factory=dict)
    accounts: Mapping[Address, ObservedAccount] = field(default_factory=dict)
    secrets: Mapping[StorePath, ObservedSecret] = field(default_factory=dict)
    trust: TrustView | None = None
    trust_unreadable: str = ""
    """Why the settings of trust could not be read; then every provider is blocked."""
    refused_references: Mapping[Address, Problem] = field(default_factory=dict)
    """Declared providers that name a secret which the settings of trust do not let their namespace name."""
    unlisted: tuple[str, ...] = ()
    """Folders that the store would not list: what is there and not declared was not seen."""
