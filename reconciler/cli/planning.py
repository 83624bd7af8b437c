"""Flags of plan and reconcile as PlanOptions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from reconciler.cli.session import Session
from reconciler.decide.guard import FLAGS
from reconciler.decide.plan import PlanOptions
from reconciler.decide.selection import make_selection


def plan_options(session: Session, options: dict[str, Any], *, due_within: timedelta | None) -> PlanOptions:
    """`options` hold the selection flags, the guard flags (`allow_…`), `prune` and `register_again`."""
    settings = session.settings
    every = settings.refresh_every
    return PlanOptions(
        owner=settings.owner,
        selection=make_selection(
            only=options.get("only", ()), exclude=options.get("exclude", ()), labels=options.get("labels", ())
        ),
        prune=bool(options.get("prune", False)),
        allowed=frozenset(name for name, text in FLAGS.items() if options.get(_key(text), False)),
        due_within=due_within if due_within is not None else (None if every is None else 2 * every),
        limits=settings.limits,
        register_again=frozenset(options.get("register_again", ())),
    )


def _key(text: str) -> str:
    return text.lstrip("-").replace("-", "_")
