"""The parts of our JSON documents: one value of `decide` to one declared shape of `report/contract` each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.decide.changes import Action, Blocked, Change, GuardHit
from reconciler.decide.results import Attention, Outcome, Result
from reconciler.decide.status_view import AccountReport, Condition, GrantOrigin, ProviderReport
from reconciler.errors import clean
from reconciler.model.duration import format_instant
from reconciler.model.location import Location, Problem
from reconciler.model.names import Address, Kind
from reconciler.model.state import Reason

if TYPE_CHECKING:
    from reconciler.report.contract import (
        AttentionDocument,
        BlockedDocument,
        ChangeAction,
        ChangeDocument,
        GuardDocument,
        KindName,
        ProblemDocument,
        ResultDocument,
        UpkeepAction,
        UpkeepDocument,
    )
    from reconciler.report.contract_keep import OriginDocument
    from reconciler.report.contract_objects import (
        AccountDocument,
        ConditionDocument,
        ProviderDocument,
        Source,
    )

_CHANGES: Mapping[Action, ChangeAction] = {
    Action.REGISTER: "register",
    Action.UPDATE: "update",
    Action.ADOPT: "adopt",
    Action.TRACK: "track",
    Action.REVOKE: "revoke",
    Action.FORGET: "forget",
    Action.DEREGISTER: "deregister",
}
_UPKEEP: Mapping[Action, UpkeepAction] = {
    Action.WITHDRAW: "withdraw",
    Action.REFRESH: "refresh",
    Action.REPUBLISH: "republish",
}


def change_part(change: Change) -> ChangeDocument:
    return {
        "address": str(change.address),
        "kind": kind_part(change.address),
        "action": _CHANGES[change.action],
        "reason": change.reason,
        "message": change.message,
        "risk": change.risk,
        "consequence": change.consequence or None,
        "fields": [{"name": f.name, "before": f.before, "after": f.after} for f in change.fields],
        "preconditions": [
            {"path": p.path, "version": p.version, "digest": p.digest or None} for p in change.preconditions
        ],
        "notes": list(change.notes),
        "source": source_part(change.location),
    }


def upkeep_part(change: Change) -> UpkeepDocument:
    return {
        "address": str(change.address),
        "kind": kind_part(change.address),
        "action": _UPKEEP[change.action],
        "reason": Reason(change.reason),
        "message": change.message,
        "source": source_part(change.location),
    }


def blocked_part(blocked: Blocked) -> BlockedDocument:
    return {
        "address": str(blocked.address),
        "kind": kind_part(blocked.address),
        "reason": blocked.reason,
        "message": blocked.message,
        "hint": blocked.hint or None,
        "code": blocked.code,
        "trust_change": blocked.trust_change,
        "origins": list(blocked.origins),
        "notes": list(blocked.notes),
        "source": source_part(blocked.location),
    }


def guard_part(guard: GuardHit) -> GuardDocument:
    return {
        "name": guard.name.value,
        "message": guard.message,
        "flag": guard.flag,
        "addresses": [str(address) for address in guard.addresses],
    }


def attention_part(line: Attention) -> AttentionDocument:
    return {
        "address": str(line.address),
        "state": line.state,
        "reason": line.reason,
        "message": line.message,
        "since": instant_text(line.since),
        "by": instant_text(line.by),
        "owner": line.owner or None,
        "provider": line.provider or None,
        "remedy": line.remedy,
        "command": line.command,
        "page": line.page or None,
        "source": source_part(line.location),
    }


def result_part(result: Result) -> ResultDocument:
    wrong = result.outcome is not Outcome.DONE
    said = result.error or (result.message if wrong and result.outcome is not Outcome.SKIPPED else "")
    return {
        "address": str(result.address),
        "kind": kind_part(result.address),
        "action": result.action,
        "outcome": result.outcome,
        "reason": result.reason or None,
        "message": result.message,
        "hint": result.hint or None,
        "error": {"message": said, "hint": result.hint or None} if said else None,
        "warnings": list(result.warnings),
        "source": source_part(result.location),
    }


def account_part(account: AccountReport) -> AccountDocument:
    health = account.health
    return {
        "address": str(account.address),
        "provider": account.provider,
        "state": health.state,
        "reason": health.reason,
        "message": health.message,
        "since": instant_text(health.since),
        "owner": account.owner or None,
        "description": account.description or None,
        "accessTokenExpiresAt": instant_text(health.access_expires_at),
        "consentNeededBy": instant_text(health.by),
        "origin": origin_part(account.origin),
        "notBefore": instant_text(health.not_before),
        "grantedScopes": [clean(scope) for scope in health.granted_scopes],
        "missingScopes": [clean(scope) for scope in health.missing_scopes],
        "remedy": account.remedy or None,
        "command": account.command or None,
        "page": account.page or None,
        "conditions": [condition_part(condition) for condition in account.conditions],
        "source": source_part(account.location),
    }


def origin_part(origin: GrantOrigin | None) -> OriginDocument | None:
    if origin is None:
        return None
    return {
        "kind": "imported" if origin.by else "consented",
        "at": format_instant(origin.at),
        "by": origin.by or None,
    }


def condition_part(condition: Condition) -> ConditionDocument:
    return {
        "type": condition.type,
        "status": condition.status,
        "reason": condition.reason,
        "message": condition.message,
        "lastTransitionTime": instant_text(condition.last_transition),
        "observedGeneration": condition.observed_generation,
    }


def provider_part(provider: ProviderReport) -> ProviderDocument:
    return {
        "address": str(provider.address),
        "state": provider.state,
        "message": provider.message,
        "base": provider.base or None,
        "registration": provider.registration or None,
        "clientId": provider.client_id or None,
        "issuer": provider.issuer or None,
        "redirectUris": list(provider.redirect_uris),
        "consolePage": provider.console or None,
        "clientSecret": provider.secret or None,
        "clientSecretVersion": provider.secret_version or None,
        "clientSecretGoodVersion": provider.good_secret_version or None,
        "clientSecretExpiresAt": instant_text(provider.secret_expires_at),
        "since": instant_text(provider.since),
        "accounts": provider.accounts,
        "source": source_part(provider.location),
    }


def problems_part(problems: Iterable[Problem]) -> list[ProblemDocument]:
    return [
        {
            "file": clean(problem.location.file, cap=400),
            "line": problem.location.line,
            "column": problem.location.column,
            "address": clean(problem.address) or None,
            "message": clean(problem.message, cap=400),
            "hint": clean(problem.hint, cap=400) or None,
        }
        for problem in sorted(problems)
    ]


def kind_part(address: Address) -> KindName:
    return "Account" if address.kind is Kind.ACCOUNT else "Provider"


def source_part(location: Location | None) -> Source | None:
    return None if location is None else {"file": clean(location.file, cap=400), "line": location.line}


def instant_text(instant: datetime | None) -> str | None:
    return None if instant is None else format_instant(instant)
