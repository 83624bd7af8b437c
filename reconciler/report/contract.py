"""The shape of our JSON documents: one definition that the code is typed by and the published schemas come from.

Rules:
- what scripts rely on is here and in `schemas/`; a test fails where they differ, and validates every document;
- no object is open: there is no place where a value could slip in that nobody declared, a secret least of all;
- times are RFC 3339 in UTC with `Z`, whole seconds; what is unknown or absent is null, never left out;
- `format_version` grows where a reader of the old format would misread the new one; more keys alone do not grow it.
"""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from reconciler.decide.changes import Risk
from reconciler.decide.results import Outcome
from reconciler.model.state import AccountState, Reason
from reconciler.report.contract_admin import ADMIN_DOCUMENTS
from reconciler.report.contract_base import BASE_DOCUMENTS
from reconciler.report.contract_keep import KEEP_DOCUMENTS
from reconciler.report.contract_objects import AccountDocument, ProviderDocument, Source
from reconciler.report.contract_ops import OPS_DOCUMENTS
from reconciler.report.contract_use import USE_DOCUMENTS
from reconciler.report.json_schema import schema_of_document

FORMAT_VERSION = 1

ChangeAction = Literal["register", "update", "adopt", "track", "revoke", "forget", "deregister"]
UpkeepAction = Literal["withdraw", "refresh", "republish"]
KindName = Literal["Provider", "Account"]


class FieldDocument(TypedDict):
    """One field that differs; names, versions, digests and public identifiers only."""

    name: str
    before: str
    after: str


class PreconditionDocument(TypedDict):
    """What a saved plan takes for granted; `path` is relative to the store's prefix, or a secret's own."""

    path: str
    version: int
    digest: str | None


class ChangeDocument(TypedDict):
    address: str
    kind: KindName
    action: ChangeAction
    reason: str
    message: str
    risk: Risk
    consequence: str | None
    fields: list[FieldDocument]
    preconditions: list[PreconditionDocument]
    notes: list[str]
    source: Source | None


class UpkeepDocument(TypedDict):
    address: str
    kind: KindName
    action: UpkeepAction
    reason: Reason
    message: str
    source: Source | None


class BlockedDocument(TypedDict):
    """`code`: the exit code that it asks for. `trust_change`: a credential would go to `origins`, which it is not
    bound to."""

    address: str
    kind: KindName
    reason: str
    message: str
    hint: str | None
    code: int
    trust_change: bool
    origins: list[str]
    notes: list[str]
    source: Source | None


class GuardDocument(TypedDict):
    name: str
    message: str
    flag: str
    addresses: list[str]


class ProblemDocument(TypedDict):
    file: str
    line: int
    column: int
    address: str | None
    message: str
    hint: str | None


class AttentionDocument(TypedDict):
    """Somebody is needed. `by`: the date; `remedy` in words, `command` to be pasted, `page` the provider's."""

    address: str
    state: AccountState
    reason: Reason
    message: str
    since: str | None
    by: str | None
    owner: str | None
    provider: str | None
    remedy: str
    command: str
    page: str | None
    source: Source | None


class PlanSummary(TypedDict):
    """How many of each action, of what needs a person, and of what is as it should be."""

    register: int
    update: int
    adopt: int
    track: int
    revoke: int
    forget: int
    deregister: int
    withdraw: int
    refresh: int
    republish: int
    attention: int
    unchanged: int


class DeclaredDocument(TypedDict):
    """How many objects the manifests declare."""

    providers: int
    accounts: int


class PlanDocument(TypedDict):
    """`reconciler plan -o json`. `removable`: not declared any more, kept until `--prune`."""

    format_version: Literal[1]
    kind: Literal["plan"]
    tool: str
    commit: str | None
    root: str
    store: str
    time: str
    declared: DeclaredDocument
    summary: PlanSummary
    changes: list[ChangeDocument]
    maintenance: list[UpkeepDocument]
    removable: list[ChangeDocument]
    blocked: list[BlockedDocument]
    guards: list[GuardDocument]
    attention: list[AttentionDocument]
    problems: list[ProblemDocument]
    digest: str


class ErrorDocument(TypedDict):
    message: str
    hint: str | None


class ResultDocument(TypedDict):
    address: str
    kind: KindName
    action: str
    outcome: Outcome
    reason: str | None
    message: str
    hint: str | None
    error: ErrorDocument | None
    warnings: list[str]
    source: Source | None


class RunDocument(TypedDict):
    """`reconciler reconcile -o json`; `refresh`, `consent`, `import`, `revoke` the same. `exit_code` is the process's,
    without --fail-on-attention."""

    format_version: Literal[1]
    kind: Literal["run"]
    tool: str
    commit: str | None
    time: str | None
    summary: dict[str, int]
    results: list[ResultDocument]
    attention: list[AttentionDocument]
    guards: list[GuardDocument]
    problems: list[ProblemDocument]
    notes: list[str]
    exit_code: int


class StatusDocument(TypedDict):
    """`reconciler status -o json`. `clientSecret` of a provider is the reference's path and key."""

    format_version: Literal[1]
    kind: Literal["status"]
    tool: str
    commit: str | None
    store: str
    time: str
    summary: dict[str, int]
    providers: list[ProviderDocument]
    accounts: list[AccountDocument]
    attention: list[AttentionDocument]
    problems: list[ProblemDocument]


class ValidateDocument(TypedDict):
    """`reconciler validate -o json`."""

    format_version: Literal[1]
    kind: Literal["validate"]
    tool: str
    root: str
    summary: dict[str, int]
    problems: list[ProblemDocument]


_DOCUMENTS: dict[str, tuple[str, Any]] = {
    "plan": ("what `reconciler plan -o json` writes", PlanDocument),
    "run": (
        "what `reconcile`, `refresh`, `consent`, `import` and `revoke` write with `-o json`",
        RunDocument,
    ),
    "status": ("what `reconciler status -o json` writes", StatusDocument),
    "validate": ("what `reconciler validate -o json` writes", ValidateDocument),
    **OPS_DOCUMENTS,
    **KEEP_DOCUMENTS,
    **USE_DOCUMENTS,
    **BASE_DOCUMENTS,
    **ADMIN_DOCUMENTS,
}


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of one of `SCHEMA_NAMES`."""
    title, document = _DOCUMENTS[name]
    return schema_of_document(document, title=title)


SCHEMA_NAMES = tuple(_DOCUMENTS)
