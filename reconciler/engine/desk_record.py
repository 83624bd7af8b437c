"""Stores what the desks of a run have learnt, with their providers: circuits, secrets that worked, requests that count.

Rules: once a provider, at the end, and only where it says something new; on top of what stands there then, since metadata
has no check-and-set and registering may have written it in this very run; a failure costs nothing but that it is learnt
again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from reconciler.decide.call_rate import counted
from reconciler.engine.circuit import NOTHING, Desk, Learnt
from reconciler.engine.run import Run
from reconciler.errors import ReconcilerError, WriteUnclear
from reconciler.model.names import Address
from reconciler.model.status import ProviderStatus


def record_desks(run: Run, desks: Mapping[Address, Desk], *, now: datetime) -> None:
    for address, desk in desks.items():
        try:
            _record(run, desk, learnt=desk.learnt(now))
        except ReconcilerError as error:
            # It is learnt again by the next run; the accounts' own results stand.
            run.events.warning("circuit.not-recorded", provider=str(address), error=type(error).__name__)


def _record(run: Run, desk: Desk, *, learnt: Learnt) -> None:
    known = desk.recorded
    is_news = learnt != NOTHING if known is None else _with(known, learnt, desk=desk) != known
    if not is_news:
        return
    path = run.layout.provider(desk.provider.desired.address)
    stands = run.store.read_metadata(path)
    status = ProviderStatus.from_metadata(stands.custom) if stands is not None else None
    if status is None:
        return
    said = _with(status, learnt, desk=desk)
    if said == status:
        return
    custom = said.to_metadata()
    try:
        run.store.write_metadata(path, custom)
    except WriteUnclear:
        # Replacing metadata whole is the same once or twice.
        run.store.write_metadata(path, custom)


def _with(status: ProviderStatus, learnt: Learnt, *, desk: Desk) -> ProviderStatus:
    said = replace(status, circuit=learnt.circuit)
    if learnt.good_version is not None:
        said = replace(said, good_secret_version=learnt.good_version)
    limit = desk.provider.desired.behaviour.rate.limit
    return counted(said, learnt.requests, limit=limit) if limit is not None and learnt.requests else said
