"""Tells each destination what changed, and remembers what was told: at least once, and normally once.

Rules:
- told first, marked after: a crash between the two tells it again with the same id; the other way round it would be lost;
- what a destination did not take is not marked for it, and is told by the next run; one destination's failure costs no other;
- marks are kept by check-and-set; who meets another run's newer marks puts its own on top;
- marks of what is no longer declared are dropped;
- a run tells so many to one destination and leaves the rest to the next, so that no run is without end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from reconciler.decide.notices import Matter, Notice, notices_for
from reconciler.decide.notify_results import Delivery, NotifyReport
from reconciler.errors import CasConflict, HeldByAnother, WriteUnclear
from reconciler.model.notified import Marks, shard_of
from reconciler.model.store_path import Layout
from reconciler.ports import SecretStore
from reconciler.ports_people import Notifier

MOST_A_RUN = 500
_TRIES = 5

Shard = tuple[int, Marks]
"""KV version, and what stands there."""


def read_marks(store: SecretStore, layout: Layout) -> dict[str, Shard]:
    """Every shard that there is. RecordInvalid where one cannot be read: nothing is told then, rather than all of it again."""
    found = {}
    for name in store.list_keys(layout.notified):
        if not name.endswith("/"):
            found[name] = _read(store, layout, name)
    return found


def _read(store: SecretStore, layout: Layout, shard: str) -> Shard:
    stored = store.read(layout.notified.child(shard))
    if stored.document is None:
        return stored.version, Marks()
    return stored.version, Marks.from_document(stored.document)


def notify(
    store: SecretStore,
    layout: Layout,
    *,
    matters: tuple[Matter, ...],
    known: frozenset[str] | None,
    notifiers: Sequence[Notifier],
    now: datetime,
    dry: bool = False,
) -> NotifyReport:
    """`known`: the topics of everything that is declared; None where that is not known.

    StoreError, PathDenied, HeldByAnother where marks cannot be kept; what was told until then was told.
    """
    shards = read_marks(store, layout)
    marks = Marks({topic: told for _, part in shards.values() for topic, told in part.told.items()})
    deliveries = []
    for notifier in notifiers:
        notices = notices_for(notifier.name, matters, marks, now=now)
        sent = notices[:MOST_A_RUN]
        delivery = Delivery(notifier.name, notifier.where, notices, left=len(notices) - len(sent))
        if sent and not dry:
            told = notifier.tell(sent)
            delivery = Delivery(notifier.name, notifier.where, notices, told=told, left=delivery.left)
            taken = [notice for notice in sent if notice.id in told.ids]
            _remember(store, layout, shards=shards, taken=taken, destination=notifier.name)
        deliveries.append(delivery)
    if not dry and known is not None:
        _tidy(store, layout, known=known)
    return NotifyReport(now, dry, tuple(deliveries))


def _remember(
    store: SecretStore,
    layout: Layout,
    *,
    shards: dict[str, Shard],
    taken: Sequence[Notice],
    destination: str,
) -> None:
    by_shard: dict[str, list[Notice]] = {}
    for notice in taken:
        by_shard.setdefault(shard_of(notice.matter.topic), []).append(notice)
    for shard, notices in sorted(by_shard.items()):
        change = partial(_with, notices, destination)
        shards[shard] = _write(store, layout, shard, change=change, seen=shards.get(shard))


def _tidy(store: SecretStore, layout: Layout, *, known: frozenset[str]) -> None:
    """Marks of what is gone take no room for ever."""
    for shard, (version, marks) in read_marks(store, layout).items():
        gone = frozenset(marks.told) - known
        if gone:
            _write(store, layout, shard, change=partial(_without, gone), seen=(version, marks))


def _without(gone: frozenset[str], marks: Marks) -> Marks:
    return marks.without(gone)


def _with(notices: Sequence[Notice], destination: str, marks: Marks) -> Marks:
    for notice in notices:
        marks = marks.with_mark(notice.matter.topic, destination, notice.mark)
    return marks


def _write(
    store: SecretStore, layout: Layout, shard: str, *, change: Callable[[Marks], Marks], seen: Shard | None
) -> Shard:
    path = layout.notified.child(shard)
    version, marks = seen if seen is not None else (0, Marks())
    for _ in range(_TRIES):
        wanted = change(marks)
        try:
            return store.write(path, wanted.to_document(), cas=version), wanted
        except (CasConflict, WriteUnclear):
            version, marks = _read(store, layout, shard)
            if change(marks) == marks:
                return version, marks
    raise HeldByAnother(f"{path}: others keep writing there")
