"""Every limit of the tool in one place, with its unit and its reason. Values are defaults; settings may change some."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class ManifestLimits:
    """What one run reads from Git (DESIGN §4). Sizes in bytes; counts are counts."""

    document_bytes: int = 256 * KIB
    document_nodes: int = 20_000
    depth: int = 24
    scalar_bytes: int = 64 * KIB
    run_bytes: int = 64 * MIB
    run_files: int = 20_000


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """What is accepted from a server. Sizes in bytes."""

    token_answer_bytes: int = 128 * KIB
    """Smaller than a record, so that whatever is accepted can be stored."""
    metadata_answer_bytes: int = 1 * MIB
    store_answer_bytes: int = 8 * MIB
    record_bytes: int = 256 * KIB
    """A raft entry is at most 1 MiB; a record holds at most two token sets."""


@dataclass(frozen=True, slots=True)
class RefreshLimits:
    """Times of the refresh protocol (DESIGN §6)."""

    http_deadline: timedelta = timedelta(seconds=30)
    commit_deadline: timedelta = timedelta(minutes=15)
    unclear_retry_after: timedelta = timedelta(seconds=60)
    suspicion_confirmed_after: timedelta = timedelta(minutes=10)
    confirmed_retry_every: timedelta = timedelta(days=1)
    refused_retry_every: timedelta = timedelta(hours=1)
    """For grants that wait for an administrator or a changed manifest."""
    incident_accounts: int = 5
    incident_share: float = 0.2
    incident_probe_after: timedelta = timedelta(hours=1)
    incident_probes: int = 3
    incident_needs_admin_after: timedelta = timedelta(days=1)
    default_lifetime: timedelta = timedelta(hours=1)
    retry_after_cap: timedelta = timedelta(hours=1)
    max_lifetime: timedelta = timedelta(days=3650)


MANIFEST_LIMITS = ManifestLimits()
ANSWER_LIMITS = AnswerLimits()
REFRESH_LIMITS = RefreshLimits()

METADATA_KEYS = 64
METADATA_VALUE_BYTES = 512
METADATA_TEXT_PARTS = 16
"""Keys over which one long text is split."""
SCOPES_BYTES = METADATA_TEXT_PARTS * METADATA_VALUE_BYTES
"""Of all scopes of an account, with the spaces between them: what was asked for is compared with what was recorded."""
GRANT_VERSIONS_KEPT = 10
TOKEN_VERSIONS_KEPT = 3
