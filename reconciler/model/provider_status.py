"""The projection of a provider in custom_metadata of `providers/<ns>/<provider>`, static registrations included.

Rules (DESIGN §§5, 6): the circuit of a provider's incident stands here, so that a later run sends one probe and not
a storm; `good_secret_version` moves on a success only; unknown keys are ignored, malformed values read as absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.model.duration import format_instant, parse_instant
from reconciler.model.metadata_text import (
    MANAGED_BY,
    instant_text,
    join_metadata,
    read_instant,
    read_whole,
    split_metadata,
)
from reconciler.model.state import ErrorClass, Reason


@dataclass(frozen=True, slots=True)
class Circuit:
    """A provider's incident. Open: its accounts are held, and from `probe_at` on one (or three) may try."""

    judge: ErrorClass
    reason: Reason
    since: datetime
    probe_at: datetime
    code: str = ""
    accounts: int = 0
    """How many agreed when it opened."""


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """Custom metadata of `providers/<ns>/<provider>`, for static registrations too."""

    managed_by: str
    manifest_digest: str
    registration: str
    """`static` or `dynamic`."""
    registered_at: datetime
    client_id: str = ""
    secret_path: str = ""
    secret_version: int = 0
    """KV version of the client secret that was last applied."""
    good_secret_version: int = 0
    """… that last worked at the token endpoint."""
    issuer: str = ""
    endpoints: Mapping[str, str] = field(default_factory=dict)
    """All endpoints in use, declared or discovered, by snake_case name."""
    discovered_at: datetime | None = None
    issuer_in_response: bool = False
    pushed_only: bool = False
    """The issuer's metadata wants authorization requests pushed (RFC 9126 §5)."""
    signing_algorithms: tuple[str, ...] = ()
    """What the issuer announces for ID tokens."""
    redirect_uri: str = ""
    """The first that is declared."""
    more_redirect_uris: tuple[str, ...] = ()
    """The others; what an earlier version of the tool wrote has none."""
    record_version: int = 0
    """KV version of the registration record, for dynamic ones."""
    intent_op: str = ""
    """Open registration intent: operation id; '' when none is open."""
    intent_since: datetime | None = None
    intent_version: int = 0
    """KV version of the record that brings the intent: at a newer one the registration ended, one way or the other."""
    applied_at: datetime | None = None
    """When it was last registered or updated."""
    client_secret_expires_at: datetime | None = None
    client_digest: str = ""
    """Digest of the client metadata that a dynamic registration last sent (RFC 7591 §2)."""
    removed_at: datetime | None = None
    """Since when it is no longer declared and its record set aside; its client still exists at the provider."""
    circuit: Circuit | None = None
    calls: int = 0
    """Where its base has a limit of requests: how many the last span had that the limit counts."""
    called_at: datetime | None = None
    """… and when the last was made."""
    protect: bool = False
    deletion_policy: str = "Orphan"
    source: str = ""
    commit: str = ""
    actor: str = ""
    """Who ran what wrote this, and in which CI run: by `engine/stamping`, for people."""
    run_url: str = ""
    tool: str = ""

    def to_metadata(self) -> dict[str, str]:
        circuit = self.circuit
        texts = {
            MANAGED_BY: self.managed_by,
            "manifest-digest": self.manifest_digest,
            "registration": self.registration,
            "registered-at": format_instant(self.registered_at),
            "client-id": self.client_id,
            "secret-path": self.secret_path,
            "secret-version": str(self.secret_version),
            "good-secret-version": str(self.good_secret_version),
            "issuer": self.issuer,
            "endpoints": " ".join(f"{k}={v}" for k, v in sorted(self.endpoints.items())),
            "discovered-at": instant_text(self.discovered_at),
            "issuer-in-response": "true" if self.issuer_in_response else "",
            "pushed-only": "true" if self.pushed_only else "",
            "signing-algorithms": " ".join(self.signing_algorithms),
            "redirect-uri": self.redirect_uri,
            "more-redirect-uris": " ".join(self.more_redirect_uris),
            "record-version": str(self.record_version),
            "intent-op": self.intent_op,
            "intent-since": instant_text(self.intent_since),
            "intent-version": str(self.intent_version or ""),
            "applied-at": instant_text(self.applied_at),
            "client-secret-expires-at": instant_text(self.client_secret_expires_at),
            "client-digest": self.client_digest,
            "removed-at": instant_text(self.removed_at),
            "circuit-class": circuit.judge.value if circuit else "",
            "circuit-reason": circuit.reason.value if circuit else "",
            "circuit-since": instant_text(circuit.since) if circuit else "",
            "circuit-probe-at": instant_text(circuit.probe_at) if circuit else "",
            "circuit-code": circuit.code if circuit else "",
            "circuit-accounts": str(circuit.accounts) if circuit else "",
            "calls": str(self.calls or ""),
            "called-at": instant_text(self.called_at),
            "protect": "true" if self.protect else "",
            "deletion-policy": self.deletion_policy,
            "source": self.source,
            "commit": self.commit,
            "actor": self.actor,
            "run-url": self.run_url,
            "tool": self.tool,
        }
        return split_metadata(texts)

    @staticmethod
    def from_metadata(custom: Mapping[str, str]) -> ProviderStatus | None:
        """None where the key bears no readable status."""
        texts = join_metadata(custom)
        try:
            registered_at, managed_by = parse_instant(texts["registered-at"]), texts[MANAGED_BY]
        except (KeyError, ValueError):
            return None
        return ProviderStatus(
            managed_by=managed_by,
            manifest_digest=texts.get("manifest-digest", ""),
            registration=texts.get("registration", "static"),
            registered_at=registered_at,
            client_id=texts.get("client-id", ""),
            secret_path=texts.get("secret-path", ""),
            secret_version=read_whole(texts.get("secret-version", "")) or 0,
            good_secret_version=read_whole(texts.get("good-secret-version", "")) or 0,
            issuer=texts.get("issuer", ""),
            endpoints=dict(pair.split("=", 1) for pair in texts.get("endpoints", "").split() if "=" in pair),
            discovered_at=read_instant(texts.get("discovered-at", "")),
            issuer_in_response=texts.get("issuer-in-response") == "true",
            pushed_only=texts.get("pushed-only") == "true",
            signing_algorithms=tuple(texts.get("signing-algorithms", "").split()),
            redirect_uri=texts.get("redirect-uri", ""),
            more_redirect_uris=tuple(texts.get("more-redirect-uris", "").split()),
            record_version=read_whole(texts.get("record-version", "")) or 0,
            intent_op=texts.get("intent-op", ""),
            intent_since=read_instant(texts.get("intent-since", "")),
            intent_version=read_whole(texts.get("intent-version", "")) or 0,
            applied_at=read_instant(texts.get("applied-at", "")),
            client_secret_expires_at=read_instant(texts.get("client-secret-expires-at", "")),
            client_digest=texts.get("client-digest", ""),
            removed_at=read_instant(texts.get("removed-at", "")),
            circuit=_circuit(texts),
            calls=read_whole(texts.get("calls", "")) or 0,
            called_at=read_instant(texts.get("called-at", "")),
            protect=texts.get("protect") == "true",
            deletion_policy=texts.get("deletion-policy", "Orphan"),
            source=texts.get("source", ""),
            commit=texts.get("commit", ""),
            actor=texts.get("actor", ""),
            run_url=texts.get("run-url", ""),
            tool=texts.get("tool", ""),
        )


def _circuit(texts: Mapping[str, str]) -> Circuit | None:
    try:
        return Circuit(
            judge=ErrorClass(texts["circuit-class"]),
            reason=Reason(texts["circuit-reason"]),
            since=parse_instant(texts["circuit-since"]),
            probe_at=parse_instant(texts["circuit-probe-at"]),
            code=texts.get("circuit-code", ""),
            accounts=read_whole(texts.get("circuit-accounts", "")) or 0,
        )
    except (KeyError, ValueError):
        return None
