"""What `check` found as one JSON document, in the shape of `report/contract_use`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from reconciler.decide.checking import Check
from reconciler.errors import clean
from reconciler.model.duration import format_instant
from reconciler.report.contract_use import CheckDocument, CheckedDocument
from reconciler.report.json_text import json_text


def check_document(checks: Sequence[Check], *, now: datetime, tool: str, exit_code: int) -> str:
    document: CheckDocument = {
        "format_version": 1,
        "kind": "check",
        "tool": tool,
        "time": format_instant(now),
        "checks": [_checked(found) for found in checks],
        "exit_code": exit_code,
    }
    return json_text(document)


def _checked(found: Check) -> CheckedDocument:
    return {
        "address": str(found.address),
        "fit": found.fit,
        "state": found.state,
        "reason": found.reason,
        "message": clean(found.message, cap=1000),
        "accessTokenExpiresAt": None if found.expires_at is None else format_instant(found.expires_at),
        "grantedScopes": [clean(scope, cap=512) for scope in found.granted],
        "missingScopes": [clean(scope, cap=512) for scope in found.missing],
        "live": found.live,
        "command": clean(found.command, cap=1000) or None,
    }
