"""Looks for what another hand changed since it was last applied. By metadata, and by asking issuers who they are.

Rules:
- nothing is written, and no secret is read; only objects that bear our owner's mark are compared;
- an issuer is asked once, without any credential; one that does not answer is `not seen`, never equal;
- discovery is compared where the provider's manifest is the one that was applied: else the change is `plan`'s to show.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from reconciler.decide.access import Reach, Role, role_of_policies
from reconciler.decide.doctor import Level
from reconciler.decide.doctor_access import judge_access, sample_paths
from reconciler.decide.drift import (
    Drift,
    DriftKind,
    NotSeen,
    account_drift,
    discovery_drift,
    provider_drift,
)
from reconciler.decide.selection import Selection
from reconciler.decide.trust_origins import wants_discovery
from reconciler.engine.discover import find_endpoints
from reconciler.errors import ObjectFailed, PathDenied
from reconciler.model.desired import Desired
from reconciler.model.names import Address
from reconciler.model.observed import Observed, ObservedProvider
from reconciler.model.status import ownership_mark
from reconciler.ports import MetadataEndpoint, StoreInspector


@dataclass(slots=True)
class Found:
    """What was found so far."""

    drifts: list[Drift] = field(default_factory=list)
    not_seen: list[NotSeen] = field(default_factory=list)
    looked_at: int = 0
    kept: list[Address] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Looking:
    """Whose objects are compared, and which of them. `tool`: our version text; `role`: what the login is for."""

    owner: str
    tool: str
    selection: Selection
    jobs: int = 8
    role: Role | None = None


def find_drift(
    desired: Desired, observed: Observed, looking: Looking, *, metadata: MetadataEndpoint
) -> Found:
    """Providers and accounts by metadata, and issuers by what they say today."""
    found = Found()
    for address, provider in observed.providers.items():
        wanted = desired.providers.get(address)
        labels = {} if wanted is None else wanted.labels
        if not looking.selection.includes(address, labels):
            continue
        found.looked_at += 1
        if provider.unreadable:
            found.not_seen.append(NotSeen(address, provider.unreadable))
            continue
        found.drifts += provider_drift(
            provider, wanted, secrets=observed.secrets.values(), owner=looking.owner, tool=looking.tool
        )
    for address, account in observed.accounts.items():
        declared = desired.accounts.get(address)
        status = account.status
        labels = declared.labels if declared is not None else status.labels if status is not None else {}
        if not looking.selection.includes(address, labels):
            continue
        found.looked_at += 1
        if account.unreadable:
            found.not_seen.append(NotSeen(address, account.unreadable))
            continue
        found.drifts += account_drift(
            account,
            declared=declared is not None,
            suspended=declared is not None and declared.suspend,
            owner=looking.owner,
            tool=looking.tool,
        )
    found.not_seen += [NotSeen(None, f"{folder}: the store does not list it") for folder in observed.unlisted]
    _ask_issuers(found, desired, observed, looking=looking, metadata=metadata)
    return found


def _ask_issuers(
    found: Found, desired: Desired, observed: Observed, *, looking: Looking, metadata: MetadataEndpoint
) -> None:
    asked = [
        (provider, observed.providers[address])
        for address, provider in desired.providers.items()
        if address in observed.providers
        and looking.selection.includes(address, provider.labels)
        and wants_discovery(provider.behaviour)
        and is_applied(observed.providers[address], owner=looking.owner, digest=provider.digest)
    ]
    loopback = observed.trust is not None and observed.trust.settings.loopback

    def ask(number: int) -> tuple[list[Drift], NotSeen | None]:
        provider, seen = asked[number]
        status = seen.status
        try:
            # Without its record, an issuer that does not answer is an error and not the endpoints of yesterday.
            now = find_endpoints(
                provider, status=None, metadata=metadata, now=observed.now, loopback=loopback
            )
        except ObjectFailed as error:
            return [], NotSeen(provider.address, error.message)
        recorded = {} if status is None else status.endpoints
        return list(discovery_drift(provider.address, recorded=recorded, found=now.endpoints)), None

    with ThreadPoolExecutor(looking.jobs, thread_name_prefix="drift") as pool:
        for drifts, missed in pool.map(ask, range(len(asked))):
            found.drifts += drifts
            found.not_seen += [] if missed is None else [missed]


def is_applied(seen: ObservedProvider, *, owner: str, digest: str) -> bool:
    """It is ours, what is declared is what was applied, and nothing of it is under way."""
    status = seen.status
    return (
        status is not None
        and status.managed_by == ownership_mark(owner)
        and status.manifest_digest == digest
        and not status.intent_op
        and status.removed_at is None
    )


def add_policy_drift(found: Found, inspector: StoreInspector, *, reach: Reach, role: Role | None) -> None:
    """What the login may do, against its role: named, or told from its policies' names. Nothing where neither tells."""
    if role is None:
        login = inspector.login()
        told = None if login is None else role_of_policies(login.policies)
        if told is None:
            return
        role, reach = told[0], replace(reach, namespaces=told[1])
    try:
        said = inspector.allowed(sample_paths(role, reach))
    except PathDenied as denied:
        found.not_seen.append(NotSeen(None, denied.message))
        return
    for finding in judge_access(role, reach, said=said):
        if finding.level is Level.FAILED:
            found.drifts.append(Drift(DriftKind.POLICY_DIFFERS, None, finding.message, run=finding.run))
