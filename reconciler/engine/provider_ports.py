"""What work on one provider needs of the world besides the store, and what a person has allowed in this run."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.engine.secret_reader import SecretReader
from reconciler.ports import AssertionSigner, MetadataEndpoint, RegistrationEndpoint


@dataclass(frozen=True, slots=True)
class ProviderPorts:
    """One for each run. `metadata` None: issuers are not asked, what is recorded is used (`refresh`, `token`)."""

    secrets: SecretReader
    metadata: MetadataEndpoint | None = None
    registration: RegistrationEndpoint | None = None
    signer: AssertionSigner | None = None
    """Reads private keys. None: they are not looked at before they are used."""


@dataclass(frozen=True, slots=True)
class RegisterOptions:
    """Each passes one refusal that otherwise holds."""

    register_again: bool = False
    """A registration that was interrupted may be repeated: a person has looked at the provider."""
    allow_client_replacement: bool = False
    allow_issuer_replacement: bool = False
    purge: bool = False
    """The record of a client that stays at its provider is destroyed, not set aside."""


NOTHING_ALLOWED = RegisterOptions()
