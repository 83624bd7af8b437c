"""The forecast as one JSON document, in the shape of `report/contract_keep`. Nothing else is on stdout."""

from __future__ import annotations

from reconciler.decide.forecast import Need
from reconciler.decide.forecast_report import Forecast
from reconciler.errors import clean
from reconciler.model.duration import format_instant
from reconciler.report.contract_keep import ForecastDocument, NeedDocument
from reconciler.report.json_text import json_text


def forecast_document(forecast: Forecast, *, tool: str, commit: str = "") -> str:
    every = forecast.refresh_every
    document: ForecastDocument = {
        "format_version": 1,
        "kind": "forecast",
        "tool": tool,
        "commit": commit or None,
        "root": clean(forecast.root, cap=400),
        "store": clean(forecast.store, cap=400),
        "time": format_instant(forecast.now),
        "start": format_instant(forecast.start),
        "end": format_instant(forecast.end),
        "refresh_every": None if every is None else int(every.total_seconds()),
        "accounts": forecast.accounts,
        "people": forecast.people,
        "needs": [_need(need) for need in forecast.needs],
        "months": [
            {
                "month": month.name,
                "people": month.people,
                "limits": {kind.value: count for kind, count in month.counts.items()},
            }
            for month in forecast.months
        ],
        "unknown": dict(forecast.unknown),
    }
    return json_text(document)


def _need(need: Need) -> NeedDocument:
    where = need.location
    return {
        "address": str(need.address),
        "limit": need.kind,
        "at": format_instant(need.at),
        "every": None if need.every is None else int(need.every.total_seconds()),
        "asks": need.asks,
        "message": clean(need.message, cap=400),
        "command": need.command or None,
        "owner": need.owner or None,
        "provider": need.provider or None,
        "file": None if where is None else clean(where.file, cap=400),
        "line": None if where is None else where.line,
    }
