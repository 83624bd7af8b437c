"""Plans, runs and statuses as one JSON document each, in the shape of `report/contract`. Nothing else is on stdout.

Rules: keys in the contract's order, so that a person can read it too; lists in the order of the text report.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from reconciler.decide.plan import Plan
from reconciler.decide.results import Outcome, RunReport
from reconciler.decide.status_view import StatusReport
from reconciler.model.desired import Desired
from reconciler.model.duration import format_instant
from reconciler.report.json_parts import (
    account_part,
    attention_part,
    blocked_part,
    change_part,
    guard_part,
    instant_text,
    problems_part,
    provider_part,
    result_part,
    upkeep_part,
)
from reconciler.report.json_text import json_text

if TYPE_CHECKING:
    from reconciler.report.contract import (
        PlanDocument,
        PlanSummary,
        RunDocument,
        StatusDocument,
        ValidateDocument,
    )


def plan_document(plan: Plan, *, tool: str, commit: str = "") -> str:
    document: PlanDocument = {
        "format_version": 1,
        "kind": "plan",
        "tool": tool,
        "commit": commit or None,
        "root": plan.root,
        "store": plan.store,
        "time": format_instant(plan.now),
        "declared": {"providers": plan.providers, "accounts": plan.accounts},
        "summary": _summary(plan.counts()),
        "changes": [change_part(change) for change in plan.changes],
        "maintenance": [upkeep_part(change) for change in plan.maintenance],
        "removable": [change_part(change) for change in plan.removable],
        "blocked": [blocked_part(blocked) for blocked in plan.blocked],
        "guards": [guard_part(guard) for guard in plan.guards],
        "attention": [attention_part(line) for line in plan.attention],
        "problems": problems_part(plan.problems),
        "digest": plan.digest,
    }
    return json_text(document)


def _summary(counts: Mapping[str, int]) -> PlanSummary:
    return {
        "register": counts["register"],
        "update": counts["update"],
        "adopt": counts["adopt"],
        "track": counts["track"],
        "revoke": counts["revoke"],
        "forget": counts["forget"],
        "deregister": counts["deregister"],
        "withdraw": counts["withdraw"],
        "refresh": counts["refresh"],
        "republish": counts["republish"],
        "attention": counts["attention"],
        "unchanged": counts["unchanged"],
    }


def run_document(report: RunReport, *, tool: str, commit: str = "") -> str:
    summary: dict[str, int] = {outcome.value: 0 for outcome in Outcome}
    for result in report.results:
        summary[result.outcome.value] += 1
        if result.outcome is Outcome.DONE:
            summary[result.action] = summary.get(result.action, 0) + 1
    document: RunDocument = {
        "format_version": 1,
        "kind": "run",
        "tool": tool,
        "commit": commit or None,
        "time": instant_text(report.now),
        "summary": summary | {"attention": len(report.attention)},
        "results": [result_part(result) for result in report.results],
        "attention": [attention_part(line) for line in report.attention],
        "guards": [guard_part(guard) for guard in report.guards],
        "problems": problems_part(report.problems),
        "notes": list(report.notes),
        "exit_code": report.exit_code(),
    }
    return json_text(document)


def status_document(status: StatusReport, *, tool: str, commit: str = "") -> str:
    document: StatusDocument = {
        "format_version": 1,
        "kind": "status",
        "tool": tool,
        "commit": commit or None,
        "store": status.store,
        "time": format_instant(status.now),
        "summary": {**status.counts(), "attention": len(status.attention)},
        "providers": [provider_part(provider) for provider in status.providers],
        "accounts": [account_part(account) for account in status.accounts],
        "attention": [attention_part(line) for line in status.attention],
        "problems": problems_part(status.problems),
    }
    return json_text(document)


def validate_document(desired: Desired, *, tool: str) -> str:
    document: ValidateDocument = {
        "format_version": 1,
        "kind": "validate",
        "tool": tool,
        "root": desired.root,
        "summary": {
            "files": desired.file_count,
            "providers": len(desired.providers),
            "accounts": len(desired.accounts),
            "problems": len(desired.problems),
        },
        "problems": problems_part(desired.problems),
    }
    return json_text(document)
