"""The record under `grants/<ns>/<account>`: everything that a refresh needs, and what must not be lost.

Rules (DESIGN §§5, 6):
- every write carries the last known refresh token; an intent is added beside it, never put in its place;
- single-use grants also keep the whole last token set, so that a crash before publishing costs nothing;
- a verdict never removes material.
Times are UTC. Refresh tokens are recognised by keyed fingerprints. How a record is stored: `model/grant_codec`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from reconciler.model.secret import Document, Secret
from reconciler.model.state import DeletionPolicy, ErrorClass, GrantType, Reason


@dataclass(frozen=True, slots=True)
class TokenSet:
    """One successful token answer (RFC 6749 §5.1), judged and completed. `scope` None: the answer did not say."""

    access_token: Secret | None
    """None only where a broken answer still brought a new refresh token, which is kept (DESIGN §6.5)."""
    token_type: str
    expires_at: datetime
    refresh_token: Secret | None
    """None: the answer brought no new one; the old one stays."""
    scope: tuple[str, ...] | None
    refresh_expires_at: datetime | None = None
    lifetime: timedelta = timedelta(hours=1)
    """Life of the access token when it was received."""
    warnings: tuple[str, ...] = ()
    id_token: Secret | None = None
    extra: Mapping[str, Any] | None = None
    """The whole answer as parsed, for identity claims; never stored, never shown."""
    kept: Mapping[str, str] = field(default_factory=dict)
    """Identifiers that the base keeps of an answer: an API's host, a company. No secrets."""


class Phase(StrEnum):
    """Where the last operation on a grant stands. `sent`: intent written, answer not yet known to be committed."""

    SENT = "sent"
    UNCLEAR = "unclear"
    DONE = "done"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Op:
    """Identity of the write that made this version: an unclear write is settled by reading it back."""

    id: str
    phase: Phase


@dataclass(frozen=True, slots=True)
class Holder:
    """Which process holds an intent: enough to tell on the same machine that it is dead."""

    host: str
    boot: str
    pid_namespace: str
    pid: int
    started: str


@dataclass(frozen=True, slots=True)
class Intent:
    """A refresh that was announced before its token was presented. Age is judged by the version's `created_time`."""

    op_id: str
    phase: Phase
    """SENT or UNCLEAR."""
    refresh_fingerprint: str
    holder: Holder
    deadline: timedelta
    tool: str
    commit: str = ""
    attempts: int = 1
    """How many intents in a row ended without a known answer, this one included."""
    since: datetime | None = None
    """When the first of these was written."""
    interrupted: bool = False
    """One of these was taken over while `sent`: its exchange may have happened without anybody storing the answer."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is left of intents that ended without a known answer, once a later one was released by a refusal that says
    nothing of the grant, or a late commit was put on top of a takeover: the refresh token may be spent or revoked all
    the same. It ends with the next refresh that works."""

    since: datetime
    attempts: int
    interrupted: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the provider's last definite refusal means. `confirmed` False: a suspicion, seen once."""

    judge: ErrorClass
    reason: Reason
    first_at: datetime
    last_at: datetime
    confirmed: bool
    code: str = ""
    """The OAuth or provider code, cleaned; for people."""
    refresh_fingerprint: str = ""
    """Which refresh token it speaks of: a verdict on another one is void."""


@dataclass(frozen=True, slots=True)
class Removal:
    """What removing the account later needs, when its manifest is gone."""

    deletion_policy: DeletionPolicy = DeletionPolicy.ORPHAN
    protect: bool = False
    client_id: str = ""
    provider: str = ""
    revocation_endpoint: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """Where a grant came from that no consent of ours brought. It is stored before it is proved: until a refresh worked
    and the person behind it is the one who is meant, nothing of it is published."""

    at: datetime
    by: str
    """Who brought it, as far as the command line knows; for people."""
    commit: str = ""
    proved: bool = False
    replaced: int = 0
    """Version of the grant that stood there before, and that comes back if this one is refused; 0: none."""
    subject: str = ""
    """Whose grant it must turn out to be; '': anybody's whom the manifest admits."""


@dataclass(frozen=True, slots=True)
class GrantRecord:
    """One grant. `origin` is where its refresh token goes and nowhere else: the refresh endpoint's, which is the token
    endpoint's unless a base has one apart, as it was when the token was given."""

    grant: GrantType
    refresh_token: Secret | None
    origin: str
    client_id: str
    scopes: tuple[str, ...] = ()
    """Granted scopes, sorted."""
    requested_scopes: tuple[str, ...] = ()
    subject: str | None = None
    email: str = ""
    """What people know the person by, as the provider told it; '' where it did not."""
    tenant: str = ""
    """Their organisation at the provider; '' where the base knows no claim for it."""
    consent_digest: str = ""
    consented_at: datetime | None = None
    refresh_expires_at: datetime | None = None
    """When the grant ends whatever is done."""
    refresh_idle: timedelta | None = None
    """How long it lives unused, where answers told; what the base says of it is not kept here."""
    token_set: TokenSet | None = None
    """Only for grants whose rotation needs an intent: the last answer, whole."""
    op: Op | None = None
    intent: Intent | None = None
    doubt: Doubt | None = None
    verdict: Verdict | None = None
    last_try: datetime | None = None
    removal: Removal = Removal()
    kept: Mapping[str, str] = field(default_factory=dict)
    """Identifiers from the callback and from answers, published beside the access token. No secrets."""
    redirect_uri: str = ""
    """The redirect URI of the consent, only where the base repeats it on refresh."""
    forgotten: bool = False
    """A tombstone: the account was removed on purpose; the refresh token is still here until `--purge`."""
    owner: str = ""
    """Ownership mark of the reconciler that wrote it."""
    imported: Imported | None = None
    """None: a person consented through us."""

    @property
    def is_unproved(self) -> bool:
        """Somebody brought it, and no refresh has shown yet that it works and whose it is."""
        return self.imported is not None and not self.imported.proved

    def with_intent(self, intent: Intent, **changes: Any) -> GrantRecord:
        """`changes`: what else is another in the same write."""
        return replace(self, intent=intent, op=Op(intent.op_id, intent.phase), **changes)

    def to_document(self) -> Document:
        """The stored form; absent things are left out."""
        from reconciler.model.grant_codec import encode_grant

        return encode_grant(self)

    @staticmethod
    def from_document(document: Document) -> GrantRecord:
        """Any document gives a GrantRecord or RecordInvalid, never another exception."""
        from reconciler.model.grant_codec import decode_grant

        return decode_grant(document)
