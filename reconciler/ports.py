"""What the engine needs from the world, as Protocols named by role. Adapters implement them; tests bring simulators.

A `SecretStore` speaks KV v2 semantics: versions count from 1, `cas` is the version that must be the newest now (0: no
version was ever written), metadata is replaced whole and has no CAS. Errors are those of `reconciler.errors`:
StoreError for the whole store, PathDenied for one path, CasConflict and WriteUnclear for one write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from reconciler.model.answer import HttpAnswer, Loss, NoAnswer, Outcome
from reconciler.model.assertion import Assertion, SigningKey
from reconciler.model.behaviour import RequestShape
from reconciler.model.endpoint import Origin, TrustedUrl, Url
from reconciler.model.inspection import LoginFacts, MountFacts
from reconciler.model.moved import Moved
from reconciler.model.ready import ClientCredentials
from reconciler.model.secret import Document, Secret
from reconciler.model.store_path import StorePath
from reconciler.model.stored import KeyMetadata, Stored

PLAIN_REQUEST = RequestShape()
"""As RFC 6749 has it."""

__all__ = [
    "PLAIN_REQUEST",
    "AssertionSigner",
    "Clock",
    "Entropy",
    "Events",
    "Failpoint",
    "HttpAnswer",
    "Loss",
    "MetadataEndpoint",
    "MetadataStore",
    "MovableStore",
    "NoAnswer",
    "OriginProbe",
    "Outcome",
    "RegistrationEndpoint",
    "SecretStore",
    "StoreInspector",
    "TokenEndpoint",
]


class MetadataStore(Protocol):
    """The part of a store that `plan` is given: metadata, and the data of `trust/` and `meta/format`. No writes."""

    def read_metadata(self, path: StorePath) -> KeyMetadata | None:
        """None where the key does not exist."""
        ...

    def list_keys(self, folder: StorePath) -> list[str]:
        """Names right below `folder`, folders with a trailing '/'; empty where nothing is there. Sorted."""
        ...

    def scan_metadata(self, folder: StorePath) -> Mapping[StorePath, KeyMetadata] | None:
        """Metadata of every key below `folder` in bulk, or None where this server cannot; asked once a run."""
        ...

    def read(self, path: StorePath, *, version: int | None = None) -> Stored:
        """Newest (or the given) version with its data. A missing or deleted one has `document` None."""
        ...

    def server_time(self) -> datetime:
        """The store's clock, UTC: the same that stamps `created_time`. StoreSealed where it is sealed."""
        ...

    def describe(self) -> str:
        """Address and mount for people, without credentials: `vault https://… secret`."""
        ...


class SecretStore(MetadataStore, Protocol):
    """The whole store."""

    def write(self, path: StorePath, document: Document, *, cas: int) -> int:
        """Write one new version and return its number. CasConflict, WriteUnclear, PathDenied, StoreError."""

    def write_metadata(
        self,
        path: StorePath,
        custom: Mapping[str, str],
        *,
        max_versions: int | None = None,
        delete_after: timedelta | None = None,
    ) -> None:
        """Replace custom_metadata whole; makes the key where it is missing; keeps other settings. `delete_after`: versions
        written from now on count as deleted that long after their writing; zero: never."""

    def delete_newest(self, path: StorePath) -> None:
        """Soft-delete the newest version (it can be undeleted by an operator)."""

    def delete_versions(self, path: StorePath, versions: Sequence[int]) -> None:
        """Soft-delete these versions; what is not there, or is deleted, stays as it is."""

    def purge(self, path: StorePath) -> None:
        """Destroy all versions and metadata. Gone for good."""

    def capabilities(self, paths: Sequence[StorePath]) -> Mapping[StorePath, frozenset[str]]:
        """What our login may do with the *data* of each path, in Vault's words; embedded stores allow all."""

    def ensure_login(self, lasts: timedelta) -> None:
        """The login lives at least `lasts` from now, renewed or repeated if need be; LoginRefused otherwise."""


class MovableStore(SecretStore, Protocol):
    """A store that can be left: everything in it is listed, and it can be frozen in one step with a last look."""

    def everything(self) -> Mapping[StorePath, KeyMetadata]:
        """Metadata of every key, in all mounts."""
        ...

    def moved(self) -> Moved | None: ...

    def freeze(self, mark: Moved, *, unchanged: Mapping[StorePath, KeyMetadata]) -> bool:
        """Freeze it, unless any key was changed since it was as `unchanged` says; False then. One atomic step."""
        ...

    def thaw(self) -> None:
        """Take the mark away."""


class StoreInspector(Protocol):
    """What a store's server says of itself and of us. Nothing is changed, and no secret read."""

    def mount(self, mount: str) -> MountFacts | None:
        """None where the login may not see it."""
        ...

    def login(self) -> LoginFacts | None:
        """None where the login may not ask about itself."""
        ...

    def allowed(self, paths: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """What the login may do at each path of Vault's API, in Vault's words. PathDenied where it may not ask."""
        ...

    def jwt_role(self, mount: str, name: str) -> Mapping[str, object] | None:
        """A role of a JWT method, in Vault's keys; None where there is none. PathDenied where it may not be read."""
        ...


class OriginProbe(Protocol):
    """Asks whether a host answers at all."""

    def reach(self, origin: Origin) -> Outcome:
        """One request without path or credential. Never raises for what the peer does."""
        ...


class TokenEndpoint(Protocol):
    """Sends form posts to OAuth endpoints: token, revocation, introspection (RFC 6749 §3.2, 7009, 7662)."""

    def post(
        self,
        url: TrustedUrl,
        *,
        form: Mapping[str, str | Secret | Assertion],
        client: ClientCredentials | None,
        fresh_connection: bool = False,
        shape: RequestShape = PLAIN_REQUEST,
    ) -> Outcome:
        """One attempt, no retry, no redirect, total deadline, capped body. Never raises for what the peer does.
        `form` has the protocol's own names; `shape` says how this server wants them.
        An Assertion among the fields is signed while the bytes of the request are built, as the client's own is.
        """
        ...

    def get(
        self, url: TrustedUrl, *, bearer: Secret, header: str = "Authorization", scheme: str = "Bearer"
    ) -> Outcome:
        """A GET with a bearer token (userinfo, or a page of an API that takes it in a header of its own)."""
        ...

    def delete(self, url: TrustedUrl, *, bearer: Secret) -> Outcome:
        """A DELETE with a bearer token: how some providers take a grant back."""
        ...

    def fetch(self, url: Url) -> Outcome:
        """A GET without any credential: the server's public keys (RFC 7517 §5)."""
        ...


class AssertionSigner(Protocol):
    """Signs JWTs with keys that references lead to (RFC 7523). No word of it repeats any of a key."""

    def check(self, key: SigningKey) -> None:
        """ValueError says why nothing can be signed with it: a sentence's second half."""
        ...

    def public_jwk(self, key: SigningKey) -> dict[str, object]:
        """What a server verifies its signatures with (RFC 7517). ValueError as `check`."""
        ...

    def sign(self, assertion: Assertion) -> Secret:
        """The compact JWT, good for one request. ValueError as `check`."""
        ...


class RegistrationEndpoint(Protocol):
    """RFC 7591 / 7592: JSON bodies, bearer tokens. Same manners as TokenEndpoint."""

    def send(
        self, method: str, url: TrustedUrl, *, body: Mapping[str, object] | None, bearer: Secret | None
    ) -> Outcome: ...


class MetadataEndpoint(Protocol):
    """Fetches issuer metadata (RFC 8414, OpenID Connect Discovery). Carries no credential."""

    def fetch(self, url: Url) -> Outcome: ...


class Clock(Protocol):
    def now(self) -> datetime:
        """UTC, this machine's."""
        ...

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None:
        """Returns early when the run is asked to stop."""
        ...


class Entropy(Protocol):
    def token(self, nbytes: int) -> str:
        """URL-safe text from `nbytes` of cryptographic randomness (op ids, state, PKCE verifiers)."""
        ...

    def fraction(self) -> float:
        """In [0, 1): jitter."""
        ...


class Events(Protocol):
    """Structured log lines. Fields are addresses, counts and codes; a Secret is refused by its type."""

    def info(self, event: str, /, **fields: str | float | bool | None) -> None: ...

    def warning(self, event: str, /, **fields: str | float | bool | None) -> None: ...

    def progress(self, stage: str, /, *, done: int, total: int) -> None:
        """How far long work has come; shown on a terminal, never logged."""
        ...


Failpoint: TypeAlias = Callable[[str], None]
"""Called with a name at each place where a crash matters; does nothing but in crash tests."""
