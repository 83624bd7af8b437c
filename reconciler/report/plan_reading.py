"""A saved plan read back as the Plan that it was made from, for `show`: the inverse of `json_document.plan_document`.

Rules:
- the file may come from anybody (an artifact of a pull request): its shape is checked against the contract, every
  address and every name of an action against the closed vocabularies, and its digest against its own changes;
- what a plan shows is all that is read back; nothing of it is ever carried out (`reconcile --plan` plans anew);
- any document gives a Plan or UsageError, never another exception.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from reconciler.decide.changes import Action, Blocked, Change, FieldChange, GuardHit, GuardName, Precondition
from reconciler.decide.plan import Plan, plan_digest
from reconciler.decide.results import Attention
from reconciler.decide.saved_plan import check_saved_format
from reconciler.errors import UsageError
from reconciler.model.duration import parse_instant
from reconciler.model.location import Location, Problem
from reconciler.model.names import Address, parse_address
from reconciler.report.contract import (
    AttentionDocument,
    BlockedDocument,
    ChangeDocument,
    GuardDocument,
    PlanDocument,
    ProblemDocument,
    UpkeepDocument,
)
from reconciler.report.contract_objects import Source
from reconciler.report.json_text import harmless


def read_plan(document: object) -> tuple[Plan, str, str]:
    """The plan, the tool that made it and the commit that it was made for ('' unknown)."""
    try:
        read = TypeAdapter(PlanDocument).validate_python(harmless(check_saved_format(document)))
        plan = _plan(read)
    except (ValidationError, ValueError):
        raise UsageError("this saved plan is damaged", hint="make a new one") from None
    if plan_digest(plan.changes) != plan.digest:
        raise UsageError("this saved plan was changed after it was made", hint="make a new one")
    return plan, read["tool"], read["commit"] or ""


def _plan(read: PlanDocument) -> Plan:
    return Plan(
        root=read["root"],
        store=read["store"],
        now=parse_instant(read["time"]),
        providers=read["declared"]["providers"],
        accounts=read["declared"]["accounts"],
        changes=tuple(_change(part) for part in read["changes"]),
        removable=tuple(_change(part) for part in read["removable"]),
        maintenance=tuple(_upkeep(part) for part in read["maintenance"]),
        blocked=tuple(_blocked(part) for part in read["blocked"]),
        guards=tuple(_guard(part) for part in read["guards"]),
        attention=tuple(_attention(part) for part in read["attention"]),
        problems=tuple(_problem(part) for part in read["problems"]),
        unchanged=read["summary"]["unchanged"],
        digest=read["digest"],
    )


def _change(part: ChangeDocument) -> Change:
    return Change(
        address=_address(part["address"]),
        action=Action(part["action"]),
        reason=part["reason"],
        message=part["message"],
        risk=part["risk"],
        consequence=part["consequence"] or "",
        fields=tuple(FieldChange(f["name"], f["before"], f["after"]) for f in part["fields"]),
        preconditions=tuple(
            Precondition(p["path"], p["version"], p["digest"] or "") for p in part["preconditions"]
        ),
        location=_location(part["source"]),
        notes=tuple(part["notes"]),
    )


def _upkeep(part: UpkeepDocument) -> Change:
    return Change(
        _address(part["address"]),
        Action(part["action"]),
        part["reason"].value,
        part["message"],
        location=_location(part["source"]),
    )


def _blocked(part: BlockedDocument) -> Blocked:
    return Blocked(
        _address(part["address"]),
        part["reason"],
        part["message"],
        hint=part["hint"] or "",
        code=part["code"],
        location=_location(part["source"]),
        trust_change=part["trust_change"],
        origins=tuple(part["origins"]),
        notes=tuple(part["notes"]),
    )


def _guard(part: GuardDocument) -> GuardHit:
    addresses = tuple(_address(text) for text in part["addresses"])
    return GuardHit(GuardName(part["name"]), part["flag"], part["message"], addresses)


def _attention(part: AttentionDocument) -> Attention:
    return Attention(
        address=_address(part["address"]),
        state=part["state"],
        reason=part["reason"],
        message=part["message"],
        remedy=part["remedy"],
        command=part["command"],
        page=part["page"] or "",
        since=_instant(part["since"]),
        by=_instant(part["by"]),
        owner=part["owner"] or "",
        provider=part["provider"] or "",
        location=_location(part["source"]),
    )


def _problem(part: ProblemDocument) -> Problem:
    place = Location(part["file"], part["line"], part["column"])
    return Problem(place, part["message"], part["hint"] or "", part["address"] or "")


def _address(text: str) -> Address:
    try:
        pattern = parse_address(text)
    except UsageError as error:
        raise ValueError(error.message) from None
    if pattern.kind is None or pattern.namespace is None:
        raise ValueError("an address in a plan is whole")
    return Address(pattern.kind, pattern.namespace, pattern.name)


def _location(source: Source | None) -> Location | None:
    return None if source is None else Location(source["file"], source["line"])


def _instant(text: str | None) -> datetime | None:
    return None if text is None else parse_instant(text)
