"""Looks at everything that a run stands on, in the order in which a run would meet it, and changes nothing.

Rules:
- each check ends in findings, never in an exception; where the store as a whole is gone, what needs it is skipped;
- hosts that manifests name are asked whether they answer, and issuers for their metadata: without any credential, and
  under the same rules on addresses as every other request;
- no secret is read: metadata, and the data of `trust/`, as `plan` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.decide.access import Reach, Role, role_of_policies
from reconciler.decide.doctor import (
    Check,
    Finding,
    Level,
    failed_with,
    judge_clock,
    judge_login,
    judge_mount,
    skipped,
    well,
)
from reconciler.decide.doctor_access import judge_access, judge_jwt_role, jwt_role_unreadable, sample_paths
from reconciler.decide.doctor_objects import (
    judge_interval,
    judge_metadata,
    judge_origin,
    judge_unreadable,
)
from reconciler.decide.trust_origins import origins_of, wants_discovery
from reconciler.engine.discover import fetch_metadata
from reconciler.engine.initialise import check_format
from reconciler.errors import ObjectFailed, PathDenied, ReconcilerError, StoreUnsuitable
from reconciler.model.desired import Desired, DesiredProvider
from reconciler.model.endpoint import Origin
from reconciler.model.inspection import LoginFacts
from reconciler.model.names import Address
from reconciler.model.observed import Observed
from reconciler.model.store_path import Layout
from reconciler.ports import Clock, MetadataEndpoint, MetadataStore, OriginProbe, StoreInspector


@dataclass(frozen=True, slots=True)
class Expected:
    """What the login is for. `role` None: told from its policies, where they bear our names."""

    reach: Reach
    role: Role | None = None
    jwt_roles: tuple[tuple[str, str], ...] = ()
    """(mount, name) of the JWT roles to be looked at."""
    repeatable: bool = False
    """We can log in again by ourselves."""
    needed: timedelta = timedelta(minutes=1)


@dataclass(slots=True)
class StoreExamination:
    """What `examine_store` found besides its findings: whether going on makes sense, and what time it is there."""

    usable: bool = False
    now: datetime | None = None
    findings: list[Finding] = field(default_factory=list)


def examine_store(
    store: MetadataStore,
    layout: Layout,
    *,
    clock: Clock,
    inspector: StoreInspector | None,
    expected: Expected | None,
) -> StoreExamination:
    """From reach to rights. `inspector` and `expected` are None for an embedded store, which has neither."""
    seen = StoreExamination()
    check = Check.REACH
    try:
        seen.now = store.server_time()
        seen.findings.append(well(Check.REACH, f"{store.describe()} answers"))
        seen.findings.append(judge_clock(store=seen.now, local=clock.now()))
        if inspector is not None and expected is not None:
            check = Check.LOGIN
            login = inspector.login()
            seen.findings.append(judge_login(login, needed=expected.needed, repeatable=expected.repeatable))
            check = Check.MOUNT
            mount = judge_mount(expected.reach.mount, inspector.mount(expected.reach.mount))
            seen.findings.append(mount)
            if mount.level is Level.FAILED:
                return seen
            check = Check.ACCESS
            seen.findings += _rights(inspector, expected, login)
        check = Check.FORMAT
        check = Check.FORMAT
        number = check_format(store, layout)
        seen.findings.append(well(Check.FORMAT, f"the store is there, in format {number}"))
        seen.usable = True
    except ReconcilerError as error:
        unseen = [
            found for found in seen.findings if (found.check, found.level) == (Check.MOUNT, Level.SKIPPED)
        ]
        if unseen and isinstance(error, StoreUnsuitable):
            # A mount that is not there looks like one that may not be seen, until something is asked of it.
            seen.findings.remove(unseen[0])
            check = Check.MOUNT
        seen.findings.append(failed_with(check, error))
    return seen


def _rights(inspector: StoreInspector, expected: Expected, login: LoginFacts | None) -> Iterator[Finding]:
    role, reach = expected.role, expected.reach
    if role is None and login is not None:
        found = role_of_policies(login.policies)
        if found is not None:
            role = found[0]
            reach = Reach(
                reach.mount, reach.layout, reach.namespaces or found[1], reach.secrets, scan=reach.scan
            )
    if role is None:
        yield skipped(
            Check.ACCESS,
            "none of the login's policies says which role it is",
            hint="name it: --role plan, reconcile, …",
        )
    else:
        try:
            yield from judge_access(role, reach, said=inspector.allowed(sample_paths(role, reach)))
        except PathDenied as denied:
            yield skipped(Check.ACCESS, denied.message, hint="add sys/capabilities-self to its policy")
    for mount, name in expected.jwt_roles:
        try:
            facts = inspector.jwt_role(mount, name)
        except PathDenied:
            yield jwt_role_unreadable(name)
            continue
        if facts is None:
            yield skipped(Check.JWT_ROLE, f"there is no role '{name}' at auth/{mount}")
        else:
            yield from judge_jwt_role(name, facts, role=role)


def examine_objects(
    desired: Desired,
    observed: Observed,
    *,
    metadata: MetadataEndpoint,
    probe: OriginProbe,
    every: timedelta | None,
    jobs: int = 8,
) -> tuple[Finding, ...]:
    """Endpoints of what is declared, lives of tokens, room in metadata. `observed` is what `look` gave."""
    loopback = observed.trust is not None and observed.trust.settings.loopback
    findings = [
        *_endpoints(desired, observed, metadata=metadata, probe=probe, loopback=loopback, jobs=jobs),
        *judge_unreadable(observed),
    ]
    lifetimes = {
        address: seen.status.lifetime
        for address, seen in observed.accounts.items()
        if seen.status is not None and seen.status.lifetime is not None and address in desired.accounts
    }
    due_within = None if every is None else 2 * every
    findings.append(judge_interval(lifetimes, every=every, due_within=due_within))
    findings.append(judge_metadata(observed))
    return tuple(findings)


def _endpoints(
    desired: Desired,
    observed: Observed,
    *,
    metadata: MetadataEndpoint,
    probe: OriginProbe,
    loopback: bool,
    jobs: int,
) -> Iterator[Finding]:
    users: dict[Origin, set[Address]] = {}

    def issuer(provider: DesiredProvider) -> tuple[dict[str, str], Finding | None]:
        status = (
            observed.providers[provider.address].status if provider.address in observed.providers else None
        )
        recorded = dict(status.endpoints) if status is not None else {}
        if not wants_discovery(provider.behaviour):
            return recorded, None
        try:
            found = fetch_metadata(provider, metadata, loopback=loopback)
        except ObjectFailed as error:
            return recorded, failed_with(Check.ENDPOINTS, error)
        return dict(found.endpoints), well(Check.ENDPOINTS, f"{provider.address}: its issuer says who it is")

    providers = list(desired.providers.values())
    if not providers:
        yield skipped(Check.ENDPOINTS, "no provider is declared")
        return
    with ThreadPoolExecutor(jobs, thread_name_prefix="doctor") as pool:
        for provider, (endpoints, finding) in zip(providers, pool.map(issuer, providers), strict=True):
            if finding is not None:
                yield finding
            try:
                origins = origins_of(provider, endpoints, loopback=loopback)
            except ValueError as problem:
                error = ObjectFailed(f"{provider.address}: {problem}", hint="see 'reconciler trust settings'")
                yield failed_with(Check.ENDPOINTS, error)
                continue
            for origin in origins.values():
                users.setdefault(origin, set()).add(provider.address)
        ordered = sorted(users)
        for origin, outcome in zip(ordered, pool.map(probe.reach, ordered), strict=True):
            yield judge_origin(origin, outcome, users=users[origin])
