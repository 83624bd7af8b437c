"""The part of drift that needs the reconcile role: registrations as their servers describe them, tokens as they stand.

Rules:
- a server is asked with our registration token only where trust binds its origin already: looking binds nothing;
- before it is asked, our login must be allowed to store what the server may answer with (a new token or secret);
- what a server replaced is stored at once, through the one door of `engine/reading_store`; the report names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.decide.client_metadata import client_metadata, metadata_digest
from reconciler.decide.drift import Drift, DriftKind, NotSeen
from reconciler.decide.drift_deep import record_drift, registration_drift, token_drift
from reconciler.decide.trust import BoundAlready, judge
from reconciler.decide.trust_origins import client_credential
from reconciler.engine.client_configuration import read_client
from reconciler.engine.drift import Found, Looking, is_applied
from reconciler.engine.prepare import Reach
from reconciler.engine.provider_ports import ProviderPorts
from reconciler.engine.registration_store import ReadRecord, read_record
from reconciler.engine.run import Run
from reconciler.errors import ObjectFailed, PathDenied, ReconcilerError, RecordInvalid, StoreError
from reconciler.model.answer import Outcome
from reconciler.model.desired import Desired, DesiredProvider, Registration
from reconciler.model.endpoint import TrustedUrl
from reconciler.model.observed import Observed, ObservedAccount, ObservedProvider
from reconciler.model.secret import Secret
from reconciler.model.status import ProviderStatus, ownership_mark
from reconciler.ports import RegistrationEndpoint


class _Hearing:
    """Passes on what is asked, and keeps what was answered."""

    def __init__(self, endpoint: RegistrationEndpoint) -> None:
        self._endpoint = endpoint
        self.heard: Outcome | None = None

    def send(
        self, method: str, url: TrustedUrl, *, body: Mapping[str, object] | None, bearer: Secret | None
    ) -> Outcome:
        self.heard = self._endpoint.send(method, url, body=body, bearer=bearer)
        return self.heard


@dataclass(frozen=True, slots=True)
class _Registered:
    desired: DesiredProvider
    seen: ObservedProvider
    status: ProviderStatus


def find_registration_drift(
    run: Run, desired: Desired, observed: Observed, *, looking: Looking, ports: ProviderPorts, found: Found
) -> None:
    """Adds to `found` what each server says of the client that we registered there (RFC 7592 §2.1)."""
    for one in _registered(desired, observed, looking):
        address = one.desired.address
        try:
            _look_at(run, one, observed, ports=ports, found=found)
        except StoreError:
            raise
        except RecordInvalid as problem:
            found.drifts.append(Drift(DriftKind.RECORD_EDITED, address, problem.message))
        except ReconcilerError as problem:
            found.not_seen.append(NotSeen(address, problem.message))


def _registered(desired: Desired, observed: Observed, looking: Looking) -> Iterable[_Registered]:
    for address, provider in desired.providers.items():
        seen = observed.providers.get(address)
        if (
            seen is None
            or seen.status is None
            or provider.registration is not Registration.DYNAMIC
            or not looking.selection.includes(address, provider.labels)
            or not is_applied(seen, owner=looking.owner, digest=provider.digest)
        ):
            continue
        yield _Registered(provider, seen, seen.status)


def _look_at(run: Run, one: _Registered, observed: Observed, *, ports: ProviderPorts, found: Found) -> None:
    address = one.desired.address
    path = run.layout.provider(address)
    if not {"read", "update"} <= run.store.capabilities([path])[path]:
        raise PathDenied(
            f"{path}: the login may not keep what its server may answer with, so the server is not asked"
        )
    read = read_record(run, address)
    if read.client is None or read.intent is not None:
        return
    found.drifts += record_drift(address, status=one.status, client_id=read.client.client_id)
    if not read.client.can_be_managed or ports.registration is None:
        return
    reach = _reach(one, observed)
    hearing = _Hearing(ports.registration)
    asked = ProviderPorts(secrets=ports.secrets, metadata=None, registration=hearing)
    try:
        after, _ = read_client(run, reach, read=read, ports=asked)
    except ObjectFailed:
        gone = [] if hearing.heard is None else _judged(one, hearing.heard)
        if not gone:
            raise
        found.drifts += gone
        return
    _note_kept(found, before=read, after=after, one=one)
    if hearing.heard is not None:
        found.drifts += _judged(one, hearing.heard)


def _judged(one: _Registered, outcome: Outcome) -> list[Drift]:
    """Compared with what would be asked for today, where that is what was asked for."""
    asked = client_metadata(one.desired)
    same = metadata_digest(asked) == one.status.client_digest
    return list(registration_drift(one.desired.address, asked=asked if same else {}, outcome=outcome))


def _note_kept(found: Found, *, before: ReadRecord, after: ReadRecord, one: _Registered) -> None:
    if after.version != before.version:
        found.kept.append(one.desired.address)


def _reach(one: _Registered, observed: Observed) -> Reach:
    """Where the credential may go by what is bound already. ObjectFailed where nothing is, or it was taken back."""
    address = one.desired.address
    if observed.trust is None:
        raise ObjectFailed(f"{address}: {observed.trust_unreadable}")
    decision = judge(observed.trust, one.desired, discovered=one.status.endpoints)
    for part in decision.parts:
        if isinstance(part, BoundAlready) and part.credential == client_credential(one.desired):
            return Reach(address, part.binding, observed.trust.settings.loopback)
    raise ObjectFailed(f"{address}: trust binds its credential to no such origin, so its server is not asked")


def find_token_drift(
    run: Run, desired: Desired, observed: Observed, *, looking: Looking, found: Found
) -> None:
    """Adds to `found` published tokens that are not what was published."""
    for address, seen in observed.accounts.items():
        declared = desired.accounts.get(address)
        if declared is None or not looking.selection.includes(address, declared.labels):
            continue
        try:
            found.drifts += _tokens_of(run, seen, person=declared.grant.needs_person, owner=looking.owner)
        except StoreError:
            raise
        except ReconcilerError as problem:
            found.not_seen.append(NotSeen(address, problem.message))


def _tokens_of(run: Run, seen: ObservedAccount, *, person: bool, owner: str) -> list[Drift]:
    status = seen.status
    if status is None or status.managed_by != ownership_mark(owner) or status.unsettled:
        return []
    grant = run.store.read(run.layout.grant(seen.address)) if person else None
    stored = run.store.read(run.layout.token(seen.address))
    return list(token_drift(seen.address, status=status, stored=stored, grant=grant))
