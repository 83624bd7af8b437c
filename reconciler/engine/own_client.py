"""Our own credentials at a provider, for a question that changes nothing (introspection). Read at the last moment.

Rules: trust has been settled by whoever asks; nothing is bound, registered or compared here: that is `engine/ready`'s work,
before anything is spent.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.engine.credentials import dynamic_credentials, static_credentials
from reconciler.engine.provider_ports import ProviderPorts
from reconciler.model.desired import DesiredProvider, Registration
from reconciler.model.ready import ClientCredentials
from reconciler.model.registration import RegistrationRecord
from reconciler.model.store_path import Layout
from reconciler.ports import SecretStore


def own_client(
    provider: DesiredProvider,
    store: SecretStore,
    layout: Layout,
    *,
    ports: ProviderPorts,
    endpoints: Mapping[str, str],
) -> ClientCredentials:
    """`endpoints`: by role, in use. SecretMissing, PathDenied, ProviderFailed where there are no credentials, or this
    login may not read them."""
    if provider.registration is Registration.STATIC:
        return static_credentials(provider, ports, endpoints=endpoints)[0]
    stored = store.read(layout.provider(provider.address))
    record = None if stored.document is None else RegistrationRecord.from_document(stored.document)
    return dynamic_credentials(provider, record, ports=ports, endpoints=endpoints)[0]
