"""The projection of an account in custom_metadata of `tokens/<ns>/<account>`: what `plan` and `status` show of it.

Rules (DESIGN §5):
- nothing that moves at every refresh is here: the last refresh *is* the newest version's created_time;
- a projection has no CAS: nothing is decided from it that the grant's data could contradict;
- unknown keys are ignored, so that an older tool reads a newer projection; malformed values read as absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.model.duration import format_instant, parse_instant
from reconciler.model.metadata_text import (
    MANAGED_BY,
    instant_text,
    join_metadata,
    read_instant,
    read_seconds,
    read_whole,
    seconds_text,
    split_metadata,
)
from reconciler.model.state import AccountState, Reason


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """Custom metadata of `tokens/<ns>/<account>`."""

    managed_by: str
    provider: str
    """Full address text of the provider."""
    state: AccountState
    """As of the last write: one of the states that the clock does not decide (`ready` stands for all that it does)."""
    reason: Reason
    since: datetime
    manifest_digest: str
    consent_digest: str = ""
    """What the stored grant was consented to; '' where there is none."""
    grant_version: int = 0
    """KV version of the grant that this was written for."""
    lifetime: timedelta | None = None
    """`expires_at` less `created_time` of the newest token version."""
    rotation: str = ""
    granted_scopes: tuple[str, ...] = ()
    requested_scopes: tuple[str, ...] = ()
    subject: str = ""
    """Keyed fingerprint of the subject, not the subject."""
    on_behalf_of: str = ""
    """Where no person consents, whose token was asked for: the manifest's `subject`, or the client's id; '' unknown."""
    consented_at: datetime | None = None
    refresh_expires_at: datetime | None = None
    """When the refresh token dies whatever is done; None: unknown or never."""
    refresh_idle: timedelta | None = None
    """It dies after this long without use."""
    not_before: datetime | None = None
    """Do not try again before (Retry-After, confirmation of a suspicion, daily retry)."""
    client_id: str = ""
    owner: str = ""
    source: str = ""
    """file:line of the manifest when it was last applied."""
    protect: bool = False
    deletion_policy: str = ""
    """`Revoke`: removing the account takes the grant back at the provider; '' and `Orphan`: it does not."""
    code: str = ""
    """The provider's code behind the reason, cleaned."""
    commit: str = ""
    actor: str = ""
    """Who ran what wrote this, and in which CI run: by `engine/stamping`, for people."""
    run_url: str = ""
    tool: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    moved_to: str = ""
    """Address that everything of this one was moved to by a rename: nothing is left here but this."""
    imported_at: datetime | None = None
    """When its grant was taken over with `import`; None: a person consented through us."""
    imported_by: str = ""
    """Who did, and the commit, for people."""
    delete_after: timedelta | None = None
    """How long the store keeps a version of the published token; None: until others push it out."""
    unsettled: bool = False
    """A consent was being stored when this was written: the grant may be newer than what is published."""

    def to_metadata(self) -> dict[str, str]:
        texts = {
            MANAGED_BY: self.managed_by,
            "provider": self.provider,
            "state": self.state.value,
            "reason": self.reason.value,
            "since": format_instant(self.since),
            "manifest-digest": self.manifest_digest,
            "consent-digest": self.consent_digest,
            "grant-version": str(self.grant_version),
            "lifetime": seconds_text(self.lifetime),
            "delete-after": seconds_text(self.delete_after),
            "rotation": self.rotation,
            "granted-scopes": " ".join(self.granted_scopes),
            "requested-scopes": " ".join(self.requested_scopes),
            "subject": self.subject,
            "on-behalf-of": self.on_behalf_of,
            "consented-at": instant_text(self.consented_at),
            "refresh-expires-at": instant_text(self.refresh_expires_at),
            "refresh-idle": seconds_text(self.refresh_idle),
            "not-before": instant_text(self.not_before),
            "client-id": self.client_id,
            "owner": self.owner,
            "source": self.source,
            "protect": "true" if self.protect else "",
            "deletion-policy": self.deletion_policy,
            "code": self.code,
            "commit": self.commit,
            "actor": self.actor,
            "run-url": self.run_url,
            "tool": self.tool,
            "labels": " ".join(f"{k}={v}" for k, v in sorted(self.labels.items())),
            "moved-to": self.moved_to,
            "imported-at": instant_text(self.imported_at),
            "imported-by": self.imported_by,
            "unsettled": "true" if self.unsettled else "",
        }
        return split_metadata(texts)

    @staticmethod
    def from_metadata(custom: Mapping[str, str]) -> AccountStatus | None:
        """None where the key bears no readable status (foreign, or malformed beyond use)."""
        texts = join_metadata(custom)
        try:
            state, reason = AccountState(texts["state"]), Reason(texts["reason"])
            since, managed_by = parse_instant(texts["since"]), texts[MANAGED_BY]
        except (KeyError, ValueError):
            return None
        return AccountStatus(
            managed_by=managed_by,
            provider=texts.get("provider", ""),
            state=state,
            reason=reason,
            since=since,
            manifest_digest=texts.get("manifest-digest", ""),
            consent_digest=texts.get("consent-digest", ""),
            grant_version=read_whole(texts.get("grant-version", "")) or 0,
            lifetime=read_seconds(texts.get("lifetime", "")),
            delete_after=read_seconds(texts.get("delete-after", "")),
            rotation=texts.get("rotation", ""),
            granted_scopes=tuple(texts.get("granted-scopes", "").split()),
            requested_scopes=tuple(texts.get("requested-scopes", "").split()),
            subject=texts.get("subject", ""),
            on_behalf_of=texts.get("on-behalf-of", ""),
            consented_at=read_instant(texts.get("consented-at", "")),
            refresh_expires_at=read_instant(texts.get("refresh-expires-at", "")),
            refresh_idle=read_seconds(texts.get("refresh-idle", "")),
            not_before=read_instant(texts.get("not-before", "")),
            client_id=texts.get("client-id", ""),
            owner=texts.get("owner", ""),
            source=texts.get("source", ""),
            protect=texts.get("protect") == "true",
            deletion_policy=texts.get("deletion-policy", ""),
            code=texts.get("code", ""),
            commit=texts.get("commit", ""),
            actor=texts.get("actor", ""),
            run_url=texts.get("run-url", ""),
            tool=texts.get("tool", ""),
            labels=dict(pair.split("=", 1) for pair in texts.get("labels", "").split() if "=" in pair),
            moved_to=texts.get("moved-to", ""),
            imported_at=read_instant(texts.get("imported-at", "")),
            imported_by=texts.get("imported-by", ""),
            unsettled=texts.get("unsettled") == "true",
        )
