"""What is declared, after `decide/desired` has resolved bases, overrides and references. Values only.

`behaviour` of a provider is whole: base and overrides merged, URL parameters filled, URLs checked. `digest` is the
SHA-256 (first 16 hex) of the canonical JSON of everything in the object that matters to the world; comments, order of
keys and file names do not change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.model.behaviour import Behaviour
from reconciler.model.location import Location, Problem
from reconciler.model.names import Address
from reconciler.model.state import DeletionPolicy, GrantType
from reconciler.model.store_path import StorePath


class Registration(StrEnum):
    STATIC = "static"
    DYNAMIC = "dynamic"


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A reference to one key of a secret. `version` None means the newest."""

    path: StorePath
    key: str
    version: int | None = None

    def __str__(self) -> str:
        pinned = f"?version={self.version}" if self.version else ""
        return f"{self.path}#{self.key}{pinned}"


@dataclass(frozen=True, slots=True)
class DesiredClient:
    """Our client at the provider. Static: `id` or `id_ref`, and `secret_ref` or `key_ref` unless public. Dynamic: none
    of them but `key_ref`. A secret and a key of one client are keys of one secret in the store."""

    id: str | None = None
    id_ref: SecretRef | None = None
    secret_ref: SecretRef | None = None
    name: str | None = None
    initial_access_token_ref: SecretRef | None = None
    key_ref: SecretRef | None = None
    key_id: str | None = None
    key_id_ref: SecretRef | None = None

    @property
    def credential_ref(self) -> SecretRef | None:
        """What proves that we are this client: its secret, else its private key; None for a public one, or one of ours."""
        return self.secret_ref or self.key_ref


@dataclass(frozen=True, slots=True)
class DesiredProvider:
    address: Address
    location: Location
    base: str | None
    """Name of the base as written, for people."""
    base_shipped: bool
    """True where the base comes from the shipped catalogue."""
    behaviour: Behaviour
    overridden: frozenset[str]
    """Dotted behaviour fields (snake_case) that the provider itself sets: `endpoints.token`. Not shipped, so not trusted."""
    registration: Registration
    client: DesiredClient
    redirect_uris: tuple[str, ...]
    default_scopes: tuple[str, ...]
    allow_namespaces: frozenset[str]
    deletion_policy: DeletionPolicy
    protect: bool
    labels: Mapping[str, str]
    digest: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    written: Behaviour | None = None
    """`behaviour` before its parameters were filled in: trust asks which part of a URL the catalogue spells out."""
    previous: tuple[Address, ...] = ()
    """Addresses that it had before, in the same namespace. No part of the digest: they change nothing by themselves."""


@dataclass(frozen=True, slots=True)
class DesiredAccount:
    address: Address
    location: Location
    provider: Address
    grant: GrantType
    scopes: tuple[str, ...]
    """What is asked for: the account's or the provider's default scopes, mandatory ones added, sorted."""
    added_scopes: tuple[str, ...]
    """The mandatory ones that the manifest does not name, for the note in the plan."""
    owner: str | None
    description: str | None
    identity: str | None
    """The subject or e-mail that must be the one consenting."""
    window: timedelta | None
    """Refresh this long before expiry (or the tool's own judgement, if that is longer)."""
    expires: datetime | None
    suspend: bool
    deletion_policy: DeletionPolicy
    protect: bool
    labels: Mapping[str, str]
    digest: str
    consent_digest: str
    """Digest of only what a person consented to: provider address, grant, scopes, identity."""
    previous: tuple[Address, ...] = ()
    """As of a provider."""
    subject: str | None = None
    """On whose behalf a `jwt_bearer` grant asks; None: the client's own."""
    delete_after_expiry: bool = False
    """The store deletes a published token soon after it is dead."""


@dataclass(frozen=True, slots=True)
class Desired:
    """One run's declaration. `problems` non-empty: some documents are invalid and left out (see `broken`)."""

    root: str
    """The path given with -f, as typed."""
    providers: Mapping[Address, DesiredProvider]
    accounts: Mapping[Address, DesiredAccount]
    problems: tuple[Problem, ...] = ()
    broken: frozenset[Address] = frozenset()
    """Addresses that are declared but invalid: neither changed nor taken for removed."""
    unreadable: bool = False
    """True where a whole file could not be read, so that absence of an object proves nothing."""
    file_count: int = 0

    def lacks_word_of(self, address: Address) -> bool:
        """Whether what is declared of `address` is invalid, or may stand in a file that could not be read."""
        known = address in self.accounts or address in self.providers
        return address in self.broken or (self.unreadable and not known)

    def provider_of(self, account: DesiredAccount) -> DesiredProvider | None:
        return self.providers.get(account.provider)

    def accounts_of(self, provider: Address) -> list[DesiredAccount]:
        return [a for a in self.accounts.values() if a.provider == provider]
