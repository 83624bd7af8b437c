"""What is there and differs from what was last applied, whoever changed it: pure judges over records and answers.

Rules:
- what a manifest asks for and was not applied yet is `plan`'s business, never drift;
- a difference is said only where it cannot be our own half-done work: an open intent, an unfinished refresh, a record
  that another version of the tool wrote are left alone;
- what could not be looked at is `unknown`, and never called equal;
- messages hold names, versions, public URLs and counts; never a token, a secret, or a server's words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.decide.results import exit_code
from reconciler.errors import UsageError, clean
from reconciler.model.desired import DesiredProvider, Registration
from reconciler.model.names import Address, AddressPattern, parse_address
from reconciler.model.observed import ObservedAccount, ObservedProvider, ObservedSecret
from reconciler.model.state import AccountState
from reconciler.model.status import AccountStatus, ProviderStatus, ownership_mark
from reconciler.model.stored import VersionInfo
from reconciler.model.suggestion import suggest


class DriftKind(StrEnum):
    """What differs. `--ignore` takes these names."""

    SECRET_MOVED = "SecretMoved"
    SECRET_GONE = "SecretGone"
    DISCOVERY_CHANGED = "DiscoveryChanged"
    RECORD_EDITED = "RecordEdited"
    REGISTRATION_CHANGED = "RegistrationChanged"
    REGISTRATION_GONE = "RegistrationGone"
    TOKEN_EDITED = "TokenEdited"
    TOKEN_REMOVED = "TokenRemoved"
    GRANT_REMOVED = "GrantRemoved"
    METADATA_EDITED = "MetadataEdited"
    OWNER_CHANGED = "OwnerChanged"
    POLICY_DIFFERS = "PolicyDiffers"


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference. `address` None: of the store as a whole. `before` is what was applied, `after` what is there."""

    kind: DriftKind
    address: Address | None
    message: str
    before: str = ""
    after: str = ""
    run: str = ""


@dataclass(frozen=True, slots=True)
class NotSeen:
    """Something that could not be looked at, and why."""

    address: Address | None
    message: str


@dataclass(frozen=True, slots=True)
class DriftReport:
    """`looked_at`: how many objects; `kept`: registration tokens that servers replaced while they were read."""

    store: str
    now: datetime
    drifts: tuple[Drift, ...]
    ignored: tuple[Drift, ...] = ()
    not_seen: tuple[NotSeen, ...] = ()
    looked_at: int = 0
    kept: tuple[Address, ...] = ()

    def exit_code(self) -> int:
        return exit_code(([7] if self.drifts else []) + ([4] if self.not_seen else []))


@dataclass(frozen=True, slots=True)
class Ignore:
    """`kind` None: every kind; `address` None: every object."""

    kind: DriftKind | None
    address: AddressPattern | None

    def covers(self, drift: Drift) -> bool:
        if self.kind is not None and self.kind is not drift.kind:
            return False
        return self.address is None or (drift.address is not None and self.address.matches(drift.address))


def parse_ignore(text: str) -> Ignore:
    """`SecretMoved`, `provider/sales/idp`, or both: `SecretMoved:provider/sales/idp`. UsageError for anything else."""
    kinds = {kind.value: kind for kind in DriftKind}
    head, colon, rest = text.partition(":")
    if head in kinds:
        return Ignore(kinds[head], parse_address(rest) if colon else None)
    if colon or head[:1].isupper():
        raise UsageError(
            f"there is no drift '{clean(head, cap=80)}'",
            hint=suggest(head, kinds) or f"one of {', '.join(kinds)}",
        )
    return Ignore(None, parse_address(text))


def split_ignored(
    drifts: Iterable[Drift], ignores: Iterable[Ignore]
) -> tuple[tuple[Drift, ...], tuple[Drift, ...]]:
    """(what counts, what is ignored), each in stable order."""
    rules = tuple(ignores)
    ordered = sorted(drifts, key=lambda drift: (str(drift.address or ""), drift.kind.value, drift.message))
    ignored = tuple(drift for drift in ordered if any(rule.covers(drift) for rule in rules))
    return tuple(drift for drift in ordered if drift not in ignored), ignored


def provider_drift(
    seen: ObservedProvider,
    desired: DesiredProvider | None,
    *,
    secrets: Iterable[ObservedSecret],
    owner: str,
    tool: str,
) -> Iterator[Drift]:
    """By metadata alone: its secret, its record, and what is written beside it."""
    status, metadata = seen.status, seen.metadata
    if metadata is None:
        return
    if status is None:
        yield _unreadable_status(seen.address)
        return
    if status.managed_by != ownership_mark(owner):
        if desired is not None:
            yield _owner_changed(seen.address, status.managed_by, owner)
        return
    if status.tool == tool and status.to_metadata() != dict(metadata.custom):
        yield _edited(seen.address, metadata.custom, status.to_metadata())
    if status.removed_at is not None:
        return
    yield from _secret_drift(seen.address, status, desired=desired, secrets=secrets)
    record = metadata.newest
    if status.registration == Registration.DYNAMIC.value and record is not None and not record.alive:
        yield Drift(
            DriftKind.RECORD_EDITED,
            seen.address,
            "its registration record was deleted by another hand",
            before=f"version {record.version}",
            after="destroyed" if record.destroyed else "deleted",
            run=f"reconciler history {seen.address}",
        )


def _secret_drift(
    address: Address,
    status: ProviderStatus,
    *,
    desired: DesiredProvider | None,
    secrets: Iterable[ObservedSecret],
) -> Iterator[Drift]:
    ref = None if desired is None else desired.client.secret_ref
    if not status.secret_path or not status.secret_version or ref is None or ref.version is not None:
        return
    found = next((secret for secret in secrets if str(secret.path) == status.secret_path), None)
    if found is None or found.unreadable:
        return
    newest = None if found.metadata is None else found.metadata.newest
    if found.metadata is None or newest is None or not newest.alive:
        yield Drift(
            DriftKind.SECRET_GONE,
            address,
            f"its client secret {status.secret_path} is not there any more",
            before=f"version {status.secret_version}",
            after="deleted" if found.metadata is not None else "missing",
            run=f"reconciler secret set {status.secret_path} {ref.key}",
        )
    elif found.metadata.current_version != status.secret_version:
        yield Drift(
            DriftKind.SECRET_MOVED,
            address,
            f"its client secret {status.secret_path} was changed",
            before=f"version {status.secret_version}",
            after=f"version {found.metadata.current_version}",
            run="reconciler reconcile",
        )


def account_drift(
    seen: ObservedAccount, *, declared: bool, suspended: bool, owner: str, tool: str
) -> Iterator[Drift]:
    """By metadata alone: the published token, the grant where it was looked at, and what is written beside them."""
    status, metadata = seen.status, seen.tokens
    if metadata is None:
        return
    if status is None:
        yield _unreadable_status(seen.address)
        return
    if status.managed_by != ownership_mark(owner):
        if declared:
            yield _owner_changed(seen.address, status.managed_by, owner)
        return
    if status.tool == tool and status.to_metadata() != dict(metadata.custom):
        yield _edited(seen.address, metadata.custom, status.to_metadata())
    if status.state is not AccountState.READY or suspended or not declared:
        return
    newest = metadata.newest
    if newest is not None and not newest.alive and not died_by_itself(newest, status.delete_after):
        yield Drift(
            DriftKind.TOKEN_REMOVED,
            seen.address,
            "its published token was deleted by another hand",
            before=f"version {newest.version}",
            after="destroyed" if newest.destroyed else "deleted",
            run=f"reconciler refresh {seen.address.short} --force",
        )
    grant = None if seen.grants is None else seen.grants.newest
    if grant is not None and not grant.alive:
        yield Drift(
            DriftKind.GRANT_REMOVED,
            seen.address,
            "its grant was deleted by another hand",
            before=f"version {grant.version}",
            after="destroyed" if grant.destroyed else "deleted",
            run=f"reconciler history {seen.address}",
        )


def died_by_itself(version: VersionInfo, kept: timedelta | None) -> bool:
    """True where the store deleted it at the end of the time that versions are kept for (`output.deleteAfterExpiry`)."""
    gone = version.deletion_time
    return (
        kept is not None and gone is not None and gone - version.created_time >= kept - timedelta(seconds=1)
    )


def discovery_drift(
    address: Address, *, recorded: Mapping[str, str], found: Mapping[str, str]
) -> Iterator[Drift]:
    """One for each endpoint that the issuer names otherwise today."""
    for name in sorted({*recorded, *found}):
        before, after = recorded.get(name, ""), found.get(name, "")
        if before != after:
            yield Drift(
                DriftKind.DISCOVERY_CHANGED,
                address,
                f"its issuer names another {name} endpoint",
                before=clean(before) or "none",
                after=clean(after) or "none",
                run="reconciler plan",
            )


def _unreadable_status(address: Address) -> Drift:
    return Drift(
        DriftKind.METADATA_EDITED,
        address,
        "what is written beside it is no status of ours any more",
        run=f"reconciler history {address}",
    )


def _owner_changed(address: Address, found: str, owner: str) -> Drift:
    return Drift(
        DriftKind.OWNER_CHANGED,
        address,
        "it bears another owner's mark",
        before=ownership_mark(owner),
        after=clean(found, cap=80),
        run="reconciler plan",
    )


def _edited(address: Address, there: Mapping[str, str], ours: Mapping[str, str]) -> Drift:
    """Keys only: a value that another hand wrote may hold anything."""
    keys = sorted(key for key in {*there, *ours} if there.get(key) != ours.get(key))
    shown = ", ".join(clean(key, cap=40) for key in keys[:5]) + (" …" if len(keys) > 5 else "")
    return Drift(
        DriftKind.METADATA_EDITED,
        address,
        f"its metadata was written by another hand: {shown}",
        run=f"reconciler history {address}",
    )


def expires_too_late(status: AccountStatus, *, created: datetime, expires: datetime) -> bool:
    """True where the published expiry lies beyond what the recorded lifetime allows (DESIGN §5: a fifth, and a minute)."""
    return status.lifetime is not None and expires - created > status.lifetime * 1.25 + timedelta(minutes=1)
