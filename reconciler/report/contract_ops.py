"""The shape of the JSON documents of the verbs that look after a store: `policy`, `doctor`, `drift`, `history`.

The rules are those of `report/contract`: no object is open, times are RFC 3339 in UTC, what is absent is null.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from reconciler.decide.access import Role
from reconciler.decide.doctor import Check, Level
from reconciler.decide.drift import DriftKind
from reconciler.decide.history import EventKind
from reconciler.decide.job_login import JwtRole


class RuleDocument(TypedDict):
    """One path of a Vault policy."""

    path: str
    capabilities: list[str]
    why: str | None


class PolicyDocument(TypedDict):
    """`reconciler policy ROLE -o json`. `namespaces` is empty where all are meant."""

    format_version: Literal[1]
    kind: Literal["policy"]
    tool: str
    role: Role
    name: str
    namespaces: list[str]
    policy: str
    rules: list[RuleDocument]
    jwtRole: JwtRole | None


class FindingDocument(TypedDict):
    """What one check found. `code` is the exit code that a failure asks for."""

    check: Check
    level: Level
    message: str
    hint: str | None
    command: str | None
    code: int


class DoctorDocument(TypedDict):
    """`reconciler doctor -o json`. `exit_code` is the process's."""

    format_version: Literal[1]
    kind: Literal["doctor"]
    tool: str
    store: str
    time: str
    summary: dict[str, int]
    findings: list[FindingDocument]
    exit_code: int


class DifferenceDocument(TypedDict):
    """What is there and differs from what was applied. `address` is null where it is of the store as a whole."""

    address: str | None
    reason: DriftKind
    message: str
    before: str | None
    after: str | None
    command: str | None


class NotSeenDocument(TypedDict):
    """What could not be looked at."""

    address: str | None
    message: str


class DriftDocument(TypedDict):
    """`reconciler drift -o json`. `exit_code` is the process's."""

    format_version: Literal[1]
    kind: Literal["drift"]
    tool: str
    commit: str | None
    store: str
    time: str
    looked_at: int
    differences: list[DifferenceDocument]
    ignored: list[DifferenceDocument]
    not_seen: list[NotSeenDocument]
    registration_tokens_kept: list[str]
    exit_code: int


class StampDocument(TypedDict):
    """Whose run wrote something, for which commit."""

    commit: str | None
    actor: str | None
    run: str | None
    tool: str | None


class EventDocument(TypedDict):
    """One fact that the store recorded. `by` is null where the store does not tell."""

    time: str
    event: EventKind
    detail: str | None
    path: str | None
    version: int | None
    by: StampDocument | None


class HistoryDocument(TypedDict):
    """`reconciler history -o json`. `events` are newest first; `notes`: what the store did not tell."""

    format_version: Literal[1]
    kind: Literal["history"]
    tool: str
    address: str
    store: str
    time: str
    written_by: StampDocument | None
    events: list[EventDocument]
    notes: list[str]


OPS_DOCUMENTS: dict[str, tuple[str, Any]] = {
    "policy": ("what `reconciler policy -o json` writes", PolicyDocument),
    "doctor": ("what `reconciler doctor -o json` writes", DoctorDocument),
    "drift": ("what `reconciler drift -o json` writes", DriftDocument),
    "history": ("what `reconciler history -o json` writes", HistoryDocument),
}
