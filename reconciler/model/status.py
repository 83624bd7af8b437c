"""Projections kept in KV v2 custom_metadata: what `plan` and `status` show without reading a secret (DESIGN §5).

Rules:
- at most 64 keys, values of 1 to 512 printable characters; longer texts are split over `key`, `key.1`, `key.2` …;
- nothing that moves at every refresh is here: the last refresh *is* the newest version's created_time;
- a projection has no CAS: nothing is decided from it that the grant's data could contradict;
- unknown keys are ignored, so that an older tool reads a newer projection; malformed values read as absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.errors import clean
from reconciler.model.duration import format_instant, parse_instant
from reconciler.model.limits import METADATA_VALUE_CHARS
from reconciler.model.state import AccountState, ErrorClass, Reason

MANAGED_BY = "managed-by"


def ownership_mark(owner: str) -> str:
    """The value of `managed-by` for a reconciler called `owner`."""
    return f"reconciler/{owner}"


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
    code: str = ""
    """The provider's code behind the reason, cleaned."""
    commit: str = ""
    tool: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

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
            "lifetime": _seconds(self.lifetime),
            "rotation": self.rotation,
            "granted-scopes": " ".join(self.granted_scopes),
            "requested-scopes": " ".join(self.requested_scopes),
            "subject": self.subject,
            "consented-at": _instant(self.consented_at),
            "refresh-expires-at": _instant(self.refresh_expires_at),
            "refresh-idle": _seconds(self.refresh_idle),
            "not-before": _instant(self.not_before),
            "client-id": self.client_id,
            "owner": self.owner,
            "source": self.source,
            "protect": "true" if self.protect else "",
            "code": self.code,
            "commit": self.commit,
            "tool": self.tool,
            "labels": " ".join(f"{k}={v}" for k, v in sorted(self.labels.items())),
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
            grant_version=_whole(texts.get("grant-version", "")) or 0,
            lifetime=_delta(texts.get("lifetime", "")),
            rotation=texts.get("rotation", ""),
            granted_scopes=tuple(texts.get("granted-scopes", "").split()),
            requested_scopes=tuple(texts.get("requested-scopes", "").split()),
            subject=texts.get("subject", ""),
            consented_at=_parse(texts.get("consented-at", "")),
            refresh_expires_at=_parse(texts.get("refresh-expires-at", "")),
            refresh_idle=_delta(texts.get("refresh-idle", "")),
            not_before=_parse(texts.get("not-before", "")),
            client_id=texts.get("client-id", ""),
            owner=texts.get("owner", ""),
            source=texts.get("source", ""),
            protect=texts.get("protect") == "true",
            code=texts.get("code", ""),
            commit=texts.get("commit", ""),
            tool=texts.get("tool", ""),
            labels=dict(pair.split("=", 1) for pair in texts.get("labels", "").split() if "=" in pair),
        )


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
    """Discovered endpoints by snake_case name."""
    discovered_at: datetime | None = None
    issuer_in_response: bool = False
    redirect_uri: str = ""
    record_version: int = 0
    """KV version of the registration record, for dynamic ones."""
    intent_op: str = ""
    """Open registration intent: operation id; '' when none is open."""
    intent_since: datetime | None = None
    client_secret_expires_at: datetime | None = None
    circuit: Circuit | None = None
    protect: bool = False
    deletion_policy: str = "Orphan"
    source: str = ""
    commit: str = ""
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
            "discovered-at": _instant(self.discovered_at),
            "issuer-in-response": "true" if self.issuer_in_response else "",
            "redirect-uri": self.redirect_uri,
            "record-version": str(self.record_version),
            "intent-op": self.intent_op,
            "intent-since": _instant(self.intent_since),
            "client-secret-expires-at": _instant(self.client_secret_expires_at),
            "circuit-class": circuit.judge.value if circuit else "",
            "circuit-reason": circuit.reason.value if circuit else "",
            "circuit-since": _instant(circuit.since) if circuit else "",
            "circuit-probe-at": _instant(circuit.probe_at) if circuit else "",
            "circuit-code": circuit.code if circuit else "",
            "circuit-accounts": str(circuit.accounts) if circuit else "",
            "protect": "true" if self.protect else "",
            "deletion-policy": self.deletion_policy,
            "source": self.source,
            "commit": self.commit,
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
            secret_version=_whole(texts.get("secret-version", "")) or 0,
            good_secret_version=_whole(texts.get("good-secret-version", "")) or 0,
            issuer=texts.get("issuer", ""),
            endpoints=dict(pair.split("=", 1) for pair in texts.get("endpoints", "").split() if "=" in pair),
            discovered_at=_parse(texts.get("discovered-at", "")),
            issuer_in_response=texts.get("issuer-in-response") == "true",
            redirect_uri=texts.get("redirect-uri", ""),
            record_version=_whole(texts.get("record-version", "")) or 0,
            intent_op=texts.get("intent-op", ""),
            intent_since=_parse(texts.get("intent-since", "")),
            client_secret_expires_at=_parse(texts.get("client-secret-expires-at", "")),
            circuit=_circuit(texts),
            protect=texts.get("protect") == "true",
            deletion_policy=texts.get("deletion-policy", "Orphan"),
            source=texts.get("source", ""),
            commit=texts.get("commit", ""),
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
            accounts=_whole(texts.get("circuit-accounts", "")) or 0,
        )
    except (KeyError, ValueError):
        return None


def split_metadata(texts: Mapping[str, str]) -> dict[str, str]:
    """Texts as custom_metadata: empty ones left out, unprintable characters replaced, long ones split at 512."""
    result: dict[str, str] = {}
    for key, text in texts.items():
        shown = clean(text, cap=16 * METADATA_VALUE_CHARS)
        for index in range(0, len(shown), METADATA_VALUE_CHARS):
            name = key if index == 0 else f"{key}.{index // METADATA_VALUE_CHARS}"
            result[name] = shown[index : index + METADATA_VALUE_CHARS]
    return result


def join_metadata(custom: Mapping[str, str]) -> dict[str, str]:
    """The inverse of `split_metadata`; parts without their first part are ignored."""
    result: dict[str, str] = {}
    for key, text in custom.items():
        if "." in key:
            continue
        parts, index = [text], 1
        while (part := custom.get(f"{key}.{index}")) is not None:
            parts.append(part)
            index += 1
        result[key] = "".join(parts)
    return result


def _seconds(duration: timedelta | None) -> str:
    return "" if duration is None else str(int(duration.total_seconds()))


def _instant(instant: datetime | None) -> str:
    return "" if instant is None else format_instant(instant)


def _parse(text: str) -> datetime | None:
    try:
        return parse_instant(text)
    except ValueError:
        return None


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _delta(text: str) -> timedelta | None:
    seconds = _whole(text)
    return None if seconds is None else timedelta(seconds=seconds)
