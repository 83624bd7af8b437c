"""What is checked before a person is asked for anything: whether their consent could be checked, exchanged and stored.

Rules: the store is asked, the provider is not; nothing is written. A provider with an incident on record is left alone,
since the person's minutes would be spent on a refusal, unless it is said that this consent shall be the probe.
"""

from __future__ import annotations

from reconciler.decide.consent_words import not_for_a_person, provider_held
from reconciler.decide.incidents import standing_incident
from reconciler.decide.results import Result
from reconciler.engine.preflight import check_may_store
from reconciler.engine.publish import check_ownership
from reconciler.engine.run import Run
from reconciler.errors import ProviderFailed
from reconciler.model.behaviour import IdentitySource
from reconciler.model.desired import DesiredAccount
from reconciler.model.ready import ReadyProvider
from reconciler.model.status import ProviderStatus


def check_before_asking(
    run: Run, account: DesiredAccount, provider: ReadyProvider, *, despite_incident: bool = False
) -> Result | None:
    """A Result where nobody is to be asked (another grant type, suspended, an incident); None where all is well.

    ProviderFailed, ObjectFailed, PathDenied where a consent could not be checked or stored. Three reads of the store."""
    refusal = not_for_a_person(account)
    if refusal is not None:
        return refusal
    if account.identity is not None and provider.desired.behaviour.identity.source is IdentitySource.NONE:
        raise ProviderFailed(
            f"{account.address}: its `identity` cannot be checked: its provider does not tell who consents",
            hint=f"take `identity` out of {account.location}, or give the base an `identity` source",
        )
    check_ownership(run, account, now=run.clock.now())
    check_may_store(run, account.address)
    return None if despite_incident else _held(run, account, provider)


def _held(run: Run, account: DesiredAccount, provider: ReadyProvider) -> Result | None:
    stands = run.store.read_metadata(run.layout.provider(provider.desired.address))
    status = None if stands is None else ProviderStatus.from_metadata(stands.custom)
    now = run.clock.now()
    on_record = None if status is None else status.circuit
    circuit = standing_incident(on_record, now=now, limits=run.limits)
    return None if circuit is None else provider_held(account, circuit, now=now)
