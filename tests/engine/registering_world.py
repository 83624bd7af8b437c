"""A world for registering: a store, a registration server and an issuer in memory, and what one run does with them.

world = RegisteringWorld()
world.put_secret("clients/team/sandbox", client_secret="s1")
result, ready = world.apply(provider)      # observes, compares, and carries out what is due, as `reconcile` would
world.apply(provider)                      # nothing is due any more: (None, ready)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reconciler.decide.provider_change import ProviderChange
from reconciler.decide.registering import compare
from reconciler.decide.results import Result
from reconciler.decide.trust_origins import credentials_of
from reconciler.engine.provider_ports import NOTHING_ALLOWED, ProviderPorts, RegisterOptions
from reconciler.engine.ready import ready_provider
from reconciler.engine.register import apply_provider
from reconciler.engine.run import Run
from reconciler.engine.secret_reader import SecretReader
from reconciler.engine.trust import read_trust
from reconciler.model.behaviour import Behaviour
from reconciler.model.desired import DesiredClient, DesiredProvider, Registration
from reconciler.model.grant import Holder
from reconciler.model.names import Address
from reconciler.model.observed import ObservedProvider, ObservedSecret
from reconciler.model.ready import ReadyProvider
from reconciler.model.registration import RegistrationRecord
from reconciler.model.secret import Document, Secret
from reconciler.model.status import ProviderStatus
from reconciler.model.store_path import Layout, StorePath, own_path, reference_path
from reconciler.model.trust import TrustMode, TrustSettings, TrustView
from reconciler.model.trust_codec import encode_settings
from tests.simulators.clocks import CountingEntropy, ManualClock, RecordedEvents
from tests.simulators.manifests import PROVIDER, make_endpoints, make_provider, secret_ref
from tests.simulators.memory_store import MemoryStore
from tests.simulators.registration_endpoint import MetadataSimulator, RegistrationSimulator

LAYOUT = Layout(own_path("reconciler"))
ISSUER = "https://as.example"
NO_OTHERS = dict.fromkeys(("introspection", "userinfo", "jwks"))


class Killed(BaseException):
    """What a kill looks like to a test: nothing after it runs."""


def server_behaviour(server: str = ISSUER, **other: Any) -> Behaviour:
    return Behaviour.model_validate({"endpoints": make_endpoints(server, **NO_OTHERS), **other})


def static_provider(**other: Any) -> DesiredProvider:
    other.setdefault("behaviour", server_behaviour())
    return make_provider(**other)


def dynamic_provider(*, initial: str | None = None, **other: Any) -> DesiredProvider:
    endpoints = make_endpoints(ISSUER, registration=f"{ISSUER}/register", **NO_OTHERS)
    ref = None if initial is None else secret_ref(initial, "token")
    other.setdefault("behaviour", server_behaviour(endpoints=endpoints, issuer=ISSUER, client_auth="basic"))
    return make_provider(
        registration=Registration.DYNAMIC, client=DesiredClient(initial_access_token_ref=ref), **other
    )


@dataclass
class RegisteringWorld:
    mode: TrustMode = TrustMode.TOFU
    loopback: bool = False
    owner: str = "default"
    store: Any = None
    layout: Layout = LAYOUT
    clock: ManualClock = field(default_factory=ManualClock)
    server: RegistrationSimulator = field(default_factory=RegistrationSimulator)
    issuer: MetadataSimulator = field(default_factory=MetadataSimulator)
    events: RecordedEvents = field(default_factory=RecordedEvents)
    entropy: CountingEntropy = field(default_factory=CountingEntropy)
    failpoint: Callable[[str], None] = lambda name: None
    is_dead: Callable[[Holder], bool] = lambda holder: False
    registration: Any = None
    """Another registration endpoint than `server`: a real one."""
    metadata: Any = None
    signer: Any = None
    """An AssertionSigner, for clients that sign."""

    def __post_init__(self) -> None:
        self.store = self.store or MemoryStore(clock=self.clock.now)
        settings = TrustSettings(mode=self.mode, loopback=self.loopback)
        document = encode_settings(settings, at=self.clock.now(), by="test")
        if self.store.read(self.layout.trust_settings).document is None:
            self.store.write(self.layout.trust_settings, document, cas=0)

    def run(self, **more: Any) -> Run:
        return Run(
            store=more.pop("store", self.store),
            layout=self.layout,
            clock=self.clock,
            entropy=self.entropy,
            events=self.events,
            endpoint=None,  # type: ignore[arg-type]  # whoever posts to a token endpoint here breaks the test
            holder=more.pop("holder", Holder("host", "boot", "ns", 100, "1")),
            fingerprint_key=b"k" * 32,
            owner=more.pop("owner", self.owner),
            tool="test",
            failpoint=more.pop("failpoint", self.failpoint),
            is_dead=self.is_dead,
            **more,
        )

    def ports(self) -> ProviderPorts:
        return ProviderPorts(
            SecretReader(self.store),
            self.metadata or self.issuer,
            self.registration or self.server,
            self.signer,
        )

    # ---------------------------------------------------------------------------------- what is there

    def put_secret(self, path: str, **keys: str) -> int:
        where = reference_path(path)
        cas = self.store.read(where).version
        version: int = self.store.write(where, Document({k: Secret(v) for k, v in keys.items()}), cas=cas)
        return version

    def observe(self, address: Address = PROVIDER) -> ObservedProvider:
        metadata = self.store.read_metadata(self.layout.provider(address))
        status = ProviderStatus.from_metadata(metadata.custom) if metadata else None
        return ObservedProvider(address, metadata, status)

    def status(self, address: Address = PROVIDER) -> ProviderStatus:
        status = self.observe(address).status
        assert status is not None
        return status

    def record(self, address: Address = PROVIDER) -> RegistrationRecord | None:
        document = self.store.read(self.layout.provider(address)).document
        return None if document is None else RegistrationRecord.from_document(document)

    def secrets(self, provider: DesiredProvider) -> dict[StorePath, ObservedSecret]:
        refs = (
            provider.client.credential_ref,
            provider.client.id_ref,
            provider.client.initial_access_token_ref,
        )
        paths = {ref.path for ref in refs if ref is not None}
        return {path: ObservedSecret(path, self.store.read_metadata(path)) for path in paths}

    def trust(self, provider: DesiredProvider) -> TrustView:
        return read_trust(self.store, self.layout, credentials=credentials_of(provider))

    # ------------------------------------------------------------------------------------ what is done

    def change(self, provider: DesiredProvider | None, address: Address = PROVIDER) -> ProviderChange | None:
        return compare(
            provider,
            self.observe(provider.address if provider else address),
            secrets=self.secrets(provider) if provider else {},
            owner=self.owner,
            now=self.clock.now(),
        )

    def apply(
        self, provider: DesiredProvider, *, options: RegisterOptions = NOTHING_ALLOWED, **run: Any
    ) -> tuple[Result | None, ReadyProvider | None]:
        """What a reconcile does with one provider: the change that is due, else it is made ready."""
        observed, trust = self.observe(provider.address), self.trust(provider)
        change = self.change(provider)
        if change is None:
            ready = ready_provider(
                self.run(**run), provider, observed=observed, trust=trust, ports=self.ports(), options=options
            )
            return None, ready
        return apply_provider(
            self.run(**run),
            change,
            desired=provider,
            observed=observed,
            trust=trust,
            ports=self.ports(),
            options=options,
        )

    def remove(self, address: Address = PROVIDER, *, options: RegisterOptions = NOTHING_ALLOWED) -> Result:
        change = self.change(None, address)
        assert change is not None
        view = read_trust(self.store, self.layout, credentials=())
        result, _ = apply_provider(
            self.run(),
            change,
            desired=None,
            observed=self.observe(address),
            trust=view,
            ports=self.ports(),
            options=options,
        )
        return result

    def kill_at(self, name: str) -> Callable[[str], None]:
        def failpoint(reached: str) -> None:
            if reached == name:
                raise Killed(name)

        return failpoint
