"""A person's act of trust: what a provider would be sent where, and the binding of just that.

Rules (DESIGN §8):
- the person is shown every credential and every origin first, those found in the issuer's metadata included;
- bound is what was shown, not what a later look may find;
- asking the issuer carries no credential.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.decide.trust import BindNow, BoundAlready, Change, NeedsTrust, Revoked, Unusable, judge
from reconciler.engine.discover import find_endpoints
from reconciler.engine.provider_ports import ProviderPorts
from reconciler.engine.run import Run
from reconciler.engine.trust import trust
from reconciler.errors import TrustRefused
from reconciler.model.desired import DesiredProvider
from reconciler.model.endpoint import Origin
from reconciler.model.observed import ObservedProvider
from reconciler.model.trust import Binding, TrustView


@dataclass(frozen=True, slots=True)
class Proposal:
    """`origins` would be added to what may receive `credential`; `bound` may already. Empty `origins`: nothing to do."""

    credential: str
    origins: frozenset[Origin]
    bound: frozenset[Origin] = frozenset()
    revoked: bool = False


def propose_trust(
    run: Run,
    desired: DesiredProvider,
    *,
    observed: ObservedProvider | None,
    view: TrustView,
    ports: ProviderPorts,
) -> tuple[Proposal, ...]:
    """One for each credential of the provider. TrustRefused where trusting cannot help; ProviderFailed where the
    issuer cannot be asked."""
    status = None if observed is None else observed.status
    found = find_endpoints(
        desired,
        status=status,
        metadata=ports.metadata,
        now=run.clock.now(),
        loopback=view.settings.loopback,
        again=True,
    )
    decision = judge(view, desired, discovered=found.endpoints)
    proposals = []
    for part in decision.parts:
        match part:
            case BoundAlready():
                proposals.append(Proposal(part.credential, frozenset(), part.binding.origins))
            case BindNow() | NeedsTrust():
                proposals.append(Proposal(part.credential, part.origins))
            case Change():
                proposals.append(Proposal(part.credential, part.new, part.old))
            case Revoked():
                proposals.append(Proposal(part.credential, part.origins, revoked=True))
            case Unusable():
                raise TrustRefused(f"{desired.address}: {part.why}", hint=part.hint)
    return tuple(proposals)


def accept_trust(run: Run, proposals: tuple[Proposal, ...]) -> tuple[Binding, ...]:
    """Bind what was proposed. HeldByAnother where others keep writing, PathDenied without the policy for it."""
    return tuple(
        trust(run, credential=item.credential, origins=item.origins) for item in proposals if item.origins
    )
