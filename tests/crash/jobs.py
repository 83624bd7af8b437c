"""What a forked child does: one refresh, one consent, one registration, with a failpoint that may end it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reconciler.decide.results import Result
from tests.crash.consent_job import consent_job
from tests.crash.wire_world import Killer, Place, look, refresh_once


def refresh(order: dict[str, Any]) -> object:
    place = Place.from_json(order["place"])
    killer = Killer(order.get("failpoint", ""))
    run = place.make_run(killer)
    result = refresh_once(place, run, order["account"])
    return {
        **said(result),
        "reached": killer.reached,
        "access_token": look(run, order["account"]).access_token,
    }


def said(result: Result) -> dict[str, Any]:
    return {
        "outcome": result.outcome.value,
        "action": result.action,
        "reason": result.reason,
        "code": result.code,
        "message": result.message,
        "error": result.error,
    }


JOBS: dict[str, Callable[[dict[str, Any]], object]] = {"consent": consent_job, "refresh": refresh}
