"""Reads and writes the record of a client that we registered. Nothing of it is ever overwritten unseen.

Rules (DESIGN §§5, 6):
- every write is by check-and-set; an unclear one is settled by reading back its `op`;
- what a provider gave (a client, a rotated registration token) is written with patience: while the store is down it is
  held in memory and tried again until the commit deadline;
- another owner's record is foreign.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.decide.changes import GuardName
from reconciler.engine.drive import pause as wait
from reconciler.engine.run import Run
from reconciler.errors import (
    CasConflict,
    GuardRefused,
    RecordInvalid,
    StoreError,
    StoreUnreachable,
    WriteUnclear,
    clean,
)
from reconciler.model.names import Address
from reconciler.model.registration import (
    ClientRegistration,
    IntentKind,
    RegistrationIntent,
    RegistrationRecord,
)
from reconciler.model.status import ownership_mark

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 15.0
_READ_BACKS = 3


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """`record` None: there is none (any more). `version` is what the next write's `cas` must be."""

    record: RegistrationRecord | None
    version: int
    created_time: datetime | None = None

    @property
    def client(self) -> ClientRegistration | None:
        return None if self.record is None else self.record.client

    @property
    def intent(self) -> RegistrationIntent | None:
        return None if self.record is None else self.record.intent


def read_record(run: Run, address: Address, *, adopt: bool = False) -> ReadRecord:
    """RecordInvalid where it is no record; GuardRefused where it is another owner's, unless it is to be adopted."""
    path = run.layout.provider(address)
    stored = run.store.read(path)
    if stored.document is None:
        return ReadRecord(None, stored.version, stored.created_time)
    try:
        record = RegistrationRecord.from_document(stored.document)
    except RecordInvalid as problem:
        raise RecordInvalid(f"{path}: {problem.message}", hint=problem.hint) from None
    if record.owner != ownership_mark(run.owner) and not adopt:
        raise GuardRefused(
            f"{path} is the record of {clean(record.owner, cap=100)}, not of {ownership_mark(run.owner)}",
            hint="if it is to be ours: --allow-adopt",
            reason=GuardName.FOREIGN_OWNER.value,
        )
    record = replace(record, owner=ownership_mark(run.owner))
    return ReadRecord(record, stored.version, stored.created_time)


def announce(run: Run, address: Address, *, read: ReadRecord, kind: IntentKind, issuer: str) -> ReadRecord:
    """Write an intent beside what is known. CasConflict where somebody else was first; nothing was sent then."""
    run.store.ensure_login(2 * run.limits.http_deadline)
    intent = RegistrationIntent(
        op_id=run.new_op(),
        kind=kind,
        since=run.clock.now(),
        issuer=issuer,
        holder=run.holder,
        tool=run.tool,
        commit=run.commit,
    )
    record = (read.record or blank_record(run)).with_intent(intent)
    try:
        return ReadRecord(record, write_record(run, address, record, cas=read.version))
    except WriteUnclear as problem:
        raise StoreUnreachable(
            f"{address}: it is not known whether the store took an announcement, so nothing was sent"
        ) from problem


def conclude(
    run: Run, address: Address, *, read: ReadRecord, client: ClientRegistration | None
) -> ReadRecord:
    """Write what came of an intent: `client` as it is now, and no intent. Patient; CasConflict if somebody took over."""
    return commit(
        run, address, read=read, record=replace(read.record or blank_record(run), client=client, intent=None)
    )


def keep(run: Run, address: Address, *, read: ReadRecord, client: ClientRegistration) -> ReadRecord:
    """Write what the provider just gave, the intent beside it as it was. Patient."""
    return commit(run, address, read=read, record=replace(read.record or blank_record(run), client=client))


def commit(run: Run, address: Address, *, read: ReadRecord, record: RegistrationRecord) -> ReadRecord:
    """Write `record` on top of `read`, trying until the commit deadline while the store is down."""
    wanted = replace(record, op=run.new_op())
    until = run.clock.monotonic() + run.limits.commit_deadline.total_seconds()
    pause = _FIRST_PAUSE
    while True:
        try:
            return ReadRecord(wanted, write_record(run, address, wanted, cas=read.version))
        except (StoreError, WriteUnclear) as problem:
            if run.clock.monotonic() + pause >= until:
                raise _lost(run, address, record=wanted, problem=problem) from problem
            run.events.warning("registration.store-down", address=str(address), error=problem.message)
            wait(run, pause * (0.75 + run.entropy.fraction() / 2), through_stop=True)
            pause = min(2 * pause, _LONGEST_PAUSE)


def write_record(run: Run, address: Address, record: RegistrationRecord, *, cas: int) -> int:
    """One write and its version. CasConflict; WriteUnclear where even reading back does not tell."""
    path = run.layout.provider(address)
    try:
        return run.store.write(path, record.to_document(), cas=cas)
    except CasConflict:
        # Our own earlier write, whose answer was lost, looks like somebody else's.
        version = _own_version(run, address, op=record.op)
        if version is None:
            raise
        return version
    except WriteUnclear:
        for _ in range(_READ_BACKS):
            version = _own_version(run, address, op=record.op)
            if version is not None:
                return version
            try:
                return run.store.write(path, record.to_document(), cas=cas)
            except WriteUnclear:
                continue
        raise


def blank_record(run: Run) -> RegistrationRecord:
    return RegistrationRecord(owner=ownership_mark(run.owner), op="")


def _own_version(run: Run, address: Address, *, op: str) -> int | None:
    """The version that bears our `op`, where it is the newest."""
    stored = run.store.read(run.layout.provider(address))
    found = None if stored.document is None else stored.document.get("op")
    return stored.version if found == op else None


def _lost(
    run: Run, address: Address, *, record: RegistrationRecord, problem: StoreError | WriteUnclear
) -> StoreUnreachable:
    client = record.client
    what = f"client {clean(client.client_id)} at {clean(client.issuer)}" if client else "what came of it"
    return StoreUnreachable(
        f"{address}: {what} could not be stored in {run.layout.provider(address)}: {problem.message}",
        hint="look for this client at the provider and remove it there before registering again",
    )
