"""What must be settled before anything that carries a secret is sent to a provider: endpoints and trust.

Rules (DESIGN §8):
- what is declared is judged before the issuer is asked, and everything again after it: a document that points the token
  endpoint elsewhere is a TRUST CHANGE like any other;
- what was discovered is recorded even where it is refused, so that the plan can show it;
- a first use is bound once everything is known, and before anything is sent;
- from here on a secret can only go to a `TrustedUrl` that a binding permits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from reconciler.decide.references import check_references
from reconciler.decide.trust import BindNow, BoundAlready, TrustDecision, judge, permit
from reconciler.decide.trust_origins import client_credential
from reconciler.engine.discover import Found, find_endpoints
from reconciler.engine.provider_ports import ProviderPorts
from reconciler.engine.provider_record import write_status
from reconciler.engine.run import Run
from reconciler.engine.trust import bind_first_use
from reconciler.errors import TrustRefused
from reconciler.model.desired import Desired, DesiredProvider
from reconciler.model.endpoint import TrustedUrl, Url, parse_url
from reconciler.model.names import Address
from reconciler.model.ready import ReadyEndpoints
from reconciler.model.status import ProviderStatus
from reconciler.model.trust import Binding, TrustView


@dataclass(frozen=True, slots=True)
class Reach:
    """Where the client's own credential may go. `loopback`: the trust setting."""

    address: Address
    binding: Binding
    loopback: bool

    def permit(self, url: Url) -> TrustedUrl:
        """TrustRefused where it may not go there."""
        return permit(url, self.binding)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Endpoints that are known and judged. `bindings`: credential name -> what may receive it."""

    desired: DesiredProvider
    found: Found
    bindings: Mapping[str, Binding]
    loopback: bool

    def url(self, role: str) -> Url | None:
        """The endpoint's URL, for what carries no secret."""
        text = self.found.endpoints.get(role)
        return None if text is None else parse_url(text, allow_loopback_http=self.loopback)

    def trusted(self, role: str) -> TrustedUrl | None:
        """The endpoint's URL for what carries the client's credential. TrustRefused where it may not."""
        url = self.url(role)
        return None if url is None else self.permit(url)

    @property
    def reach(self) -> Reach:
        binding = self.bindings[client_credential(self.desired)]
        return Reach(self.desired.address, binding, self.loopback)

    def permit(self, url: Url, *, credential: str | None = None) -> TrustedUrl:
        return permit(url, self.bindings[credential or client_credential(self.desired)])

    def endpoints(self) -> ReadyEndpoints:
        token = self.trusted("token")
        refresh = self.trusted("refresh")
        if token is None or refresh is None:  # pragma: no cover - `find_endpoints` has made sure
            raise TrustRefused(f"{self.desired.address}: no token endpoint")
        return ReadyEndpoints(
            token=token,
            refresh=refresh,
            authorization=self.url("authorization"),
            revocation=self.trusted("revocation"),
            introspection=self.trusted("introspection"),
            userinfo=self.trusted("userinfo"),
            exchange=self.trusted("exchange"),
            probe=self.trusted("probe"),
            pushed_authorization_request=self.trusted("pushed_authorization_request"),
            jwks=self.url("jwks"),
            device_authorization=self.trusted("device_authorization"),
        )


def prepare(
    run: Run,
    desired: DesiredProvider,
    *,
    status: ProviderStatus | None,
    trust: TrustView,
    ports: ProviderPorts,
) -> Prepared:
    """TrustRefused, ProviderFailed or ProviderUnreachable where nothing may or can be sent. `status`: as recorded, ours."""
    _refuse_references(run, desired, trust=trust)
    refuse(judge(trust, desired))
    now = run.clock.now()
    loopback = trust.settings.loopback
    found = find_endpoints(desired, status=status, metadata=ports.metadata, now=now, loopback=loopback)
    decision = judge(trust, desired, discovered=found.endpoints)
    if decision.refused and found.at is not None and not found.fresh and ports.metadata is not None:
        # What is on record was refused; the issuer may have put it right since.
        found = find_endpoints(
            desired, status=status, metadata=ports.metadata, now=now, loopback=loopback, again=True
        )
        decision = judge(trust, desired, discovered=found.endpoints)
    if found.fresh and status is not None and status.issuer == desired.behaviour.issuer:
        _record(run, desired, found)
    refuse(decision)
    return Prepared(desired, found, _bindings(run, decision), loopback)


def _refuse_references(run: Run, desired: DesiredProvider, *, trust: TrustView) -> None:
    """TrustRefused where the provider names a secret that its namespace may not name. The plan says so with its place;
    here it is the last door before the secret is read."""
    declared = Desired(root="", providers={desired.address: desired}, accounts={})
    for problem in check_references(declared, layout=run.layout, settings=trust.settings):
        raise TrustRefused(f"{desired.address}: {problem.message}", hint=problem.hint)


def refuse(decision: TrustDecision) -> None:
    """TrustRefused with the command that trusts it, where anything of the decision is refused."""
    if decision.refused:
        raise TrustRefused(f"{decision.provider}: {decision.message}", hint=decision.command)


def _bindings(run: Run, decision: TrustDecision) -> dict[str, Binding]:
    bindings = {}
    for part in decision.parts:
        if isinstance(part, BoundAlready):
            bindings[part.credential] = part.binding
        elif isinstance(part, BindNow):
            bindings[part.credential] = bind_first_use(run, credential=part.credential, origins=part.origins)
    return bindings


def _record(run: Run, desired: DesiredProvider, found: Found) -> None:
    """What the issuer says now, in the status that is there."""

    def change(status: ProviderStatus | None) -> ProviderStatus:
        if status is None:
            raise TrustRefused(f"{desired.address}: its status in the store has become unreadable")
        return replace(
            status,
            endpoints=dict(found.endpoints),
            discovered_at=found.at,
            issuer_in_response=found.issuer_in_response,
            pushed_only=found.pushed_only,
            signing_algorithms=found.signing_algorithms,
        )

    write_status(run, desired.address, change=change)
