"""A base as people and scripts read it: lists, a whole base as a manifest, and how a trial ended. Pure.

Rules: a manifest that is printed here is read again by the loader as the same base (a test says so); what no source of
ours shows is marked wherever it is shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from reconciler.decide.conformance import Promise, Verdict
from reconciler.model.behaviour import Behaviour
from reconciler.model.choices import LifetimeKind, Renewal
from reconciler.model.duration import format_duration
from reconciler.report.contract_base import (
    BaseListDocument,
    BaseShowDocument,
    BaseSummaryDocument,
    BaseTestDocument,
)

_PLAIN = re.compile(r"[A-Za-z{/][A-Za-z0-9_./:{}-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_MARKS = {Verdict.CONFIRMED: "✓", Verdict.CONTRADICTED: "✗", Verdict.NOT_TRIED: "-"}


@dataclass(frozen=True, slots=True)
class NamedBase:
    """`behaviour` is whole: what it departs from is laid under it."""

    name: str
    behaviour: Behaviour
    shipped: bool
    labels: Mapping[str, str] = field(default_factory=dict)


def render_list(bases: Sequence[NamedBase], *, without: Mapping[str, str]) -> str:
    rows = [("BASE", "REFRESH TOKEN", "DIES", "PROVIDER")]
    for base in bases:
        told = base.behaviour
        kind = told.refresh_token.renewal
        rotation = told.refresh_token.rotation.value if kind is Renewal.REFRESH_TOKEN else f"({kind.value})"
        rows.append((base.name, rotation, _dies(told), (told.description or "").strip()))
    widths = [max(len(row[n]) for row in rows) for n in range(3)]
    lines = [
        "  ".join([*(text.ljust(w) for text, w in zip(row, widths, strict=False)), row[3]]) for row in rows
    ]
    left = [f"{name} has none: {why}" for name, why in sorted(without.items())]
    return "\n".join([*lines, *([""] if left else []), *left, ""])


def render_show(base: NamedBase) -> str:
    """The base as a manifest, with its doubts in comments."""
    marked = base.behaviour.unverified
    head = [f"# no source of ours shows: {', '.join(marked)}"] if marked else []
    return "\n".join([*head, manifest_text(base)])


def render_trial(name: str, promises: Sequence[Promise], *, server: str) -> str:
    wide = max((len(promise.field) for promise in promises), default=0)
    lines = [f"{name} at {server}"]
    for promise in promises:
        says = f"{promise.says}: " if promise.says else ""
        lines.append(
            f"  {_MARKS[promise.verdict]} {promise.verdict.value:<12} {promise.field:<{wide}}  {says}{promise.found}"
        )
    counts = _counts(promises)
    lines.append(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    return "\n".join([*lines, ""])


def list_document(bases: Sequence[NamedBase], *, without: Mapping[str, str], tool: str) -> str:
    document: BaseListDocument = {
        "format_version": 1,
        "kind": "base-list",
        "tool": tool,
        "bases": [_summary(base) for base in bases],
        "without_base": dict(sorted(without.items())),
    }
    return _json(document)


def show_document(base: NamedBase, *, tool: str) -> str:
    told = base.behaviour
    document: BaseShowDocument = {
        "format_version": 1,
        "kind": "base",
        "tool": tool,
        "base": _summary(base),
        "parameters": [
            {
                "name": name,
                "description": one.description,
                "default": one.default,
                "required": one.required,
                "choices": dict(one.choices),
                "pattern": None if one.pattern is None else str(one.pattern),
            }
            for name, one in told.parameters.items()
        ],
        "endpoints": {name: url for name, url in told.endpoints.model_dump(by_alias=True).items() if url},
        "causes": [{"what": one.what, "ends": one.ends.value} for one in told.refresh_token.causes],
        "notes": list(told.notes),
        "sources": list(told.docs),
        "manifest": manifest_text(base),
    }
    return _json(document)


def trial_document(name: str, promises: Sequence[Promise], *, server: str, tool: str, code: int) -> str:
    document: BaseTestDocument = {
        "format_version": 1,
        "kind": "base-test",
        "tool": tool,
        "name": name,
        "server": server,
        "summary": _counts(promises),
        "promises": [
            {"field": one.field, "says": one.says, "verdict": one.verdict, "found": one.found}
            for one in promises
        ],
        "exit_code": code,
    }
    return _json(document)


def manifest_text(base: NamedBase) -> str:
    """A BaseProvider document that says all of it."""
    spec = base.behaviour.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    whole = {
        "apiVersion": "oauth2.reconciler/v1",
        "kind": "BaseProvider",
        "metadata": {"name": base.name, **({"labels": dict(base.labels)} if base.labels else {})},
        "spec": spec,
    }
    return document_text(whole)


def document_text(whole: Mapping[str, Any]) -> str:
    """Any document as YAML, in the order of its keys."""
    return "\n".join([*_yaml(whole, 0), ""])


def _yaml(value: Mapping[str, Any], indent: int) -> Iterator[str]:
    pad = " " * indent
    for key, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            yield f"{pad}{_scalar(key)}:"
            yield from _yaml(inner, indent + 2)
        elif isinstance(inner, list) and inner:
            yield f"{pad}{_scalar(key)}:"
            yield from _items(inner, indent + 2)
        elif inner not in ({}, [], None):
            yield f"{pad}{_scalar(key)}: {_scalar(inner)}"


def _items(values: Sequence[Any], indent: int) -> Iterator[str]:
    pad = " " * indent
    for one in values:
        if isinstance(one, Mapping):
            first, *rest = _yaml(one, indent + 2)
            yield f"{pad}- {first.lstrip()}"
            yield from rest
        else:
            yield f"{pad}- {_scalar(one)}"


def _scalar(value: Any) -> str:
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    text = str(value)
    plain = (
        _PLAIN.fullmatch(text)
        and text.lower() not in _WORDS
        and not text.startswith("{")
        and ": " not in text
    )
    return text if plain and not text.endswith(":") else json.dumps(text, ensure_ascii=False)


def _summary(base: NamedBase) -> BaseSummaryDocument:
    told, rules = base.behaviour, base.behaviour.refresh_token
    return {
        "name": base.name,
        "shipped": base.shipped,
        "description": (told.description or "").strip(),
        "category": base.labels.get("category"),
        "verified_on": told.verified_on,
        "renewal": rules.renewal,
        "rotation": rules.rotation,
        "lifetime": rules.lifetime.kind,
        "idle": _seconds(rules.lifetime.idle),
        "absolute": _seconds(rules.lifetime.absolute),
        "access_token": _seconds(told.access_token.lifetime),
        "client_auth": told.client_auth,
        "pkce": told.pkce,
        "unverified": list(told.unverified),
    }


def _seconds(span: timedelta | None) -> int | None:
    return None if span is None else int(span.total_seconds())


def _dies(told: Behaviour) -> str:
    life = told.refresh_token.lifetime
    if life.kind is LifetimeKind.NONE or told.refresh_token.renewal is Renewal.PROBE:
        return "not by time"
    idle = f"{format_duration(life.idle)} unused" if life.idle else ""
    absolute = f"{format_duration(life.absolute)} after consent" if life.absolute else ""
    return " or ".join(part for part in (idle, absolute) if part) or "?"


def _counts(promises: Sequence[Promise]) -> dict[str, int]:
    return {verdict.value: sum(one.verdict is verdict for one in promises) for verdict in Verdict}


def _json(document: Any) -> str:
    return json.dumps(document, indent=2) + "\n"
