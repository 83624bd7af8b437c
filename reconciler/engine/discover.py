"""Finds a provider's endpoints: what is declared, and what its issuer's metadata says of the rest (RFC 8414, OIDC).

Rules (DESIGN §8):
- asking carries no credential, and what is found is worth nothing until `decide/trust` has judged it;
- the record keeps what was found and when; it is asked for again when the manifest changed or after a day, and only
  where the caller brought a `MetadataEndpoint` (`reconcile`, `doctor`, `drift`);
- an issuer that is out of reach, or answers nonsense for once, does not stop what worked before: the recorded endpoints
  stay in use and a note says so. Where the manifest changed there is nothing to stand on, and it fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from reconciler.decide.client_metadata import auth_method
from reconciler.decide.issuer_metadata import IssuerMetadata, judge_metadata_answer, metadata_urls
from reconciler.decide.trust_origins import endpoints_in_use, wants_discovery
from reconciler.errors import ProviderFailed, ProviderUnreachable, clean
from reconciler.model.answer import Loss, NoAnswer
from reconciler.model.desired import DesiredProvider
from reconciler.model.status import ProviderStatus
from reconciler.ports import MetadataEndpoint

DISCOVERED_GOOD_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Found:
    """`endpoints`: all in use, by field name. `at`: when the issuer was asked; None where nothing is discovered."""

    endpoints: Mapping[str, str]
    at: datetime | None = None
    issuer_in_response: bool = False
    pushed_only: bool = False
    """The issuer wants authorization requests pushed (RFC 9126 §5)."""
    signing_algorithms: tuple[str, ...] = ()
    fresh: bool = False
    """The issuer was asked in this run."""
    notes: tuple[str, ...] = field(default=())


def find_endpoints(
    desired: DesiredProvider,
    *,
    status: ProviderStatus | None,
    metadata: MetadataEndpoint | None,
    now: datetime,
    loopback: bool = False,
    again: bool = False,
) -> Found:
    """All endpoints of the provider. `again`: ask the issuer whatever the record's age; `loopback`: the trust setting.

    ProviderUnreachable or ProviderFailed where they are not known and cannot be found.
    """
    declared = desired.behaviour.issuer_in_response
    if not wants_discovery(desired.behaviour):
        return _checked(desired, Found(endpoints_in_use(desired, {}), issuer_in_response=declared is True))
    recorded = _recorded(desired, status)
    unchanged = recorded is not None and status is not None and status.manifest_digest == desired.digest
    due = again or not unchanged or recorded is None or is_due(recorded.at, now=now)
    if not due or metadata is None:
        if recorded is None:
            raise ProviderFailed(
                f"{desired.address}: its endpoints are not known yet", hint="run: reconciler reconcile"
            )
        return recorded
    try:
        fetched = fetch_metadata(desired, metadata, loopback=loopback)
    except ProviderFailed as problem:
        if recorded is None or not unchanged:
            raise
        note = f"{problem.message}; the endpoints found before stay in use"
        return replace(recorded, notes=(note,))
    in_response = fetched.issuer_in_response if declared is None else declared
    endpoints = endpoints_in_use(desired, fetched.endpoints)
    notes = _notes(desired, fetched)
    found = Found(
        endpoints,
        now,
        in_response,
        fetched.pushed_only,
        fetched.signing_algorithms,
        fresh=True,
        notes=notes,
    )
    return _checked(desired, found)


def is_due(at: datetime | None, *, now: datetime) -> bool:
    """True where what was found at `at` is to be asked for again."""
    return at is None or not timedelta(0) <= now - at < DISCOVERED_GOOD_FOR


def fetch_metadata(
    desired: DesiredProvider, metadata: MetadataEndpoint, *, loopback: bool = False
) -> IssuerMetadata:
    """Ask the issuer where its metadata may stand, in the order of the standards; the first usable answer counts."""
    issuer = desired.behaviour.issuer
    if issuer is None:
        raise ProviderFailed(f"{desired.address}: it names no issuer to ask")
    try:
        urls = metadata_urls(issuer, loopback=loopback)
    except ValueError as problem:
        raise ProviderFailed(f"{desired.address}: issuer {clean(issuer)}: {problem}") from None
    problems = []
    for url in urls:
        answer = metadata.fetch(url)
        judged = judge_metadata_answer(issuer, answer, loopback=loopback)
        if isinstance(judged, IssuerMetadata):
            return judged
        problems.append(judged)
        if isinstance(answer, NoAnswer) and answer.loss is Loss.NOT_SENT:
            # All of them are one host's: who cannot be reached is not waited for a second time.
            break
    message = f"{desired.address}: {'; '.join(dict.fromkeys(problem.message for problem in problems))}"
    if any(problem.transient for problem in problems):
        raise ProviderUnreachable(message, hint="nothing was changed; the next run asks again")
    raise ProviderFailed(message, hint="check spec.server.issuer, or declare the endpoints")


def _notes(desired: DesiredProvider, fetched: IssuerMetadata) -> tuple[str, ...]:
    method = auth_method(desired.behaviour.client_auth)
    if method in fetched.auth_methods:
        return fetched.notes
    return (*fetched.notes, f"{method} is not among the client authentications that its issuer announces")


def _recorded(desired: DesiredProvider, status: ProviderStatus | None) -> Found | None:
    """What the record says, where it speaks of this issuer and knows where tokens come from."""
    if status is None or status.issuer != (desired.behaviour.issuer or ""):
        return None
    endpoints = endpoints_in_use(desired, status.endpoints)
    if "token" not in endpoints:
        return None
    declared = desired.behaviour.issuer_in_response
    in_response = status.issuer_in_response if declared is None else declared
    return Found(endpoints, status.discovered_at, in_response, status.pushed_only, status.signing_algorithms)


def _checked(desired: DesiredProvider, found: Found) -> Found:
    if "token" not in found.endpoints:
        raise ProviderFailed(
            f"{desired.address}: no token endpoint is declared, and none was found",
            hint="declare spec.server.endpoints.token, or spec.server.issuer",
        )
    return found
