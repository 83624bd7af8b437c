"""A world for refreshes: a store and an authorization server in memory, one clock for all, people who consented.

world = RefreshWorld(rotation=Rotation.SINGLE_USE)
drive = world.consented("team/drive")        # grant and token are stored as a consent stores them
world.clock.advance(timedelta(minutes=50))
world.refresh()                              # observes, and refreshes what is due, as `reconcile` would
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.decide.results import Result
from reconciler.engine.publish import commit_consented_grant
from reconciler.engine.refresh import RefreshWork, refresh_accounts
from reconciler.engine.run import Run
from reconciler.model.behaviour import Behaviour, ClientAuth, RateRules, RefreshTokenRules, Rotation
from reconciler.model.desired import DesiredAccount, Registration
from reconciler.model.endpoint import TrustedUrl, parse_url
from reconciler.model.grant import GrantRecord, Holder, Intent, Phase, TokenSet
from reconciler.model.limits import REFRESH_LIMITS, RefreshLimits
from reconciler.model.names import Address
from reconciler.model.observed import ObservedAccount, ObservedProvider
from reconciler.model.ready import ClientCredentials, ReadyEndpoints, ReadyProvider
from reconciler.model.secret import Secret
from reconciler.model.state import GrantType
from reconciler.model.status import AccountStatus, ProviderStatus, ownership_mark
from reconciler.model.store_path import Layout, own_path
from tests.simulators.clocks import CountingEntropy, ManualClock, RecordedEvents
from tests.simulators.manifests import SERVER, make_account, make_behaviour, make_provider
from tests.simulators.memory_store import MemoryStore
from tests.simulators.token_endpoint import TokenEndpointSimulator

LAYOUT = Layout(own_path("reconciler"))
KEY = b"f" * 32
HOST = Holder("host", "boot", "ns", 100, "1")


def trusted(path: str) -> TrustedUrl:
    return TrustedUrl(parse_url(f"{SERVER}{path}", allow_loopback_http=True))


def client_with(secret: str) -> ClientCredentials:
    return ClientCredentials("client", Secret(secret), ClientAuth.POST)


@dataclass
class RefreshWorld:
    rotation: Rotation = Rotation.SINGLE_USE
    grace: timedelta | None = None
    lifetime: timedelta = timedelta(hours=1)
    rules: dict[str, Any] = field(default_factory=dict)
    """Further fields of RefreshTokenRules."""
    behaves: dict[str, Any] = field(default_factory=dict)
    """Further fields of Behaviour."""
    limits: RefreshLimits = REFRESH_LIMITS
    secret_version: int | None = 1
    last_good: ClientCredentials | None = None
    client: ClientCredentials = field(default_factory=lambda: client_with("client-secret"))
    store: Any = None
    clock: ManualClock = field(default_factory=ManualClock)
    accounts: dict[Address, DesiredAccount] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = self.store or MemoryStore(clock=self.clock.now)
        self.server = TokenEndpointSimulator(
            now=self.clock.now,
            rotation=self.rotation if self.rotation is not Rotation.UNKNOWN else Rotation.SINGLE_USE,
            grace=self.grace or timedelta(0),
            lifetime=self.lifetime,
        )
        self.events = RecordedEvents()
        self.run = self.make_run()
        self.store.write_metadata(LAYOUT.provider(self.provider.desired.address), self.status().to_metadata())

    # ---- who is who

    def make_run(self, store: Any = None, **more: Any) -> Run:
        """A run of another process: `store=world.store.another_client()`, `holder=…`."""
        prefix = f"op{len(more)}-{id(store)}" if store is not None else "op"
        return Run(
            store=store or self.store,
            layout=LAYOUT,
            clock=self.clock,
            entropy=more.pop("entropy", CountingEntropy(prefix)),
            events=self.events,
            endpoint=more.pop("endpoint", self.server),
            holder=more.pop("holder", HOST),
            fingerprint_key=KEY,
            tool="test",
            limits=self.limits,
            jobs=more.pop("jobs", 4),
            **more,
        )

    @property
    def behaviour(self) -> Behaviour:
        rules = RefreshTokenRules(rotation=self.rotation, grace=self.grace, **self.rules)
        behaves = {"rate": RateRules(), **self.behaves}
        return make_behaviour(**behaves).model_copy(update={"refresh_token": rules})

    @property
    def provider(self) -> ReadyProvider:
        return ReadyProvider(
            desired=make_provider(behaviour=self.behaviour, client_id=self.client.client_id),
            endpoints=ReadyEndpoints(token=trusted("/token"), refresh=trusted("/token")),
            client=self.client,
            secret_version=self.secret_version,
            last_good=self.last_good,
        )

    def status(self) -> ProviderStatus:
        return ProviderStatus(
            managed_by=ownership_mark("default"),
            manifest_digest="1111111111111111",
            registration=Registration.STATIC.value,
            registered_at=self.clock.now(),
            client_id="client",
        )

    # ---- people

    def consented(self, name: str = "team/drive", **account: Any) -> DesiredAccount:
        """Somebody consented to this account just now."""
        declared = self.declared(name, **account)
        refresh_token = self.server.consent(subject=name, scope=declared.scopes)
        record, tokens = self.answer(declared, refresh_token)
        commit_consented_grant(self.run, declared, self.provider, record=record, tokens=tokens)
        return declared

    def declared(self, name: str = "team/drive", **account: Any) -> DesiredAccount:
        made = make_account(name, **account)
        self.accounts[made.address] = made
        return made

    def answer(self, account: DesiredAccount, refresh_token: Secret) -> tuple[GrantRecord, TokenSet]:
        """What a consent's exchange brings."""
        now = self.clock.now()
        record = GrantRecord(
            grant=GrantType.AUTHORIZATION_CODE,
            refresh_token=refresh_token,
            origin=SERVER,
            client_id=self.client.client_id,
            scopes=account.scopes,
            requested_scopes=account.scopes,
            consent_digest=account.consent_digest,
            consented_at=now,
        )
        tokens = TokenSet(
            access_token=Secret(f"first-{refresh_token.reveal()}"),
            token_type="Bearer",
            expires_at=now + self.lifetime,
            refresh_token=refresh_token,
            scope=account.scopes,
            lifetime=self.lifetime,
        )
        return record, tokens

    # ---- what a run does

    def work(self, *names: str, store: Any = None) -> list[RefreshWork]:
        """Every declared account (or the named ones) as an observation of now would show it."""
        seen = store or self.store
        provider = self.provider
        metadata = seen.read_metadata(LAYOUT.provider(provider.desired.address))
        status = None if metadata is None else ProviderStatus.from_metadata(metadata.custom)
        observed_provider = ObservedProvider(provider.desired.address, metadata, status)
        chosen = [a for a in self.accounts.values() if not names or a.address.short in names]
        return [
            RefreshWork(account, provider, self.observed(account, store=seen), observed_provider)
            for account in chosen
        ]

    def observed(self, account: DesiredAccount, *, store: Any = None) -> ObservedAccount:
        seen = store or self.store
        tokens = seen.read_metadata(LAYOUT.token(account.address))
        needs_intent = self.rotation.needs_intent and account.grant.needs_person
        grants = seen.read_metadata(LAYOUT.grant(account.address)) if needs_intent else None
        status = None if tokens is None else AccountStatus.from_metadata(tokens.custom)
        return ObservedAccount(account.address, tokens, grants, status)

    def refresh(self, *names: str, run: Run | None = None, **options: Any) -> tuple[Result, ...]:
        run = run or self.run
        work = self.work(*names, store=run.store)
        if isinstance(run.store, MemoryStore):
            run.store.forget_requests()
        return refresh_accounts(run, work, now=self.clock.now(), **options)

    def refresh_one(self, name: str = "team/drive", **options: Any) -> Result:
        (result,) = self.refresh(name, **options)
        return result

    # ---- what is seen afterwards

    def grant(self, account: DesiredAccount) -> GrantRecord:
        document = self.store.read(LAYOUT.grant(account.address)).document
        assert document is not None
        return GrantRecord.from_document(document)

    def token_of(self, account: DesiredAccount) -> Secret:
        """The refresh token that the store holds."""
        token = self.grant(account).refresh_token
        assert token is not None
        return token

    def revoke(self, account: DesiredAccount) -> None:
        """The person removed the app's access."""
        self.server.revoke(self.token_of(account))

    def published(self, account: DesiredAccount) -> str:
        document = self.store.read(LAYOUT.token(account.address)).document
        assert document is not None
        return document["access_token"]

    def account_status(self, account: DesiredAccount) -> AccountStatus:
        status = self.observed(account).status
        assert status is not None
        return status

    def provider_status(self) -> ProviderStatus:
        metadata = self.store.read_metadata(LAYOUT.provider(self.provider.desired.address))
        assert metadata is not None
        status = ProviderStatus.from_metadata(metadata.custom)
        assert status is not None
        return status

    def is_intact(self, account: DesiredAccount) -> bool:
        """The store holds the refresh token that the server would take."""
        return self.server.is_current(self.grant(account).refresh_token)

    def is_served(self, account: DesiredAccount) -> bool:
        """Workloads read a token that the server knows and has not revoked."""
        family = self.server.access_tokens.get(self.published(account))
        return family is not None and not family.revoked

    def moves(self, name: str, **changes: Any) -> DesiredAccount:
        """The manifest of an account changes."""
        address = next(a for a in self.accounts if a.short == name)
        self.accounts[address] = replace(self.accounts[address], **changes)
        return self.accounts[address]


SOON = timedelta(minutes=55)
MINUTE = timedelta(minutes=1)


def due(rotation: Rotation = Rotation.SINGLE_USE, **world):
    """An account that was consented to and whose token is due now."""
    made = RefreshWorld(rotation=rotation, **world)
    drive = made.consented()
    made.clock.advance(SOON if made.lifetime > SOON else made.lifetime * 0.6)
    return made, drive


class Killed(BaseException):
    """The process dies here."""


def dies_at(world: RefreshWorld, name: str, **run):
    def failpoint(reached: str) -> None:
        if reached == name:
            raise Killed

    dying = world.make_run(store=world.store.another_client(), failpoint=failpoint, **run)
    with pytest.raises(Killed):
        world.refresh(run=dying)


def take_over(world: RefreshWorld, drive) -> None:
    """Another process puts its own intent over ours, as it may after a deadline."""
    other = world.store.another_client()
    stands = other.read(LAYOUT.grant(drive.address))
    grant = world.grant(drive)
    intent = Intent(
        op_id="theirs",
        phase=Phase.SENT,
        refresh_fingerprint="",
        holder=Holder("elsewhere", "b", "n", 1, "1"),
        deadline=timedelta(minutes=15),
        tool="test",
        attempts=2,
        interrupted=True,
    )
    other.write(LAYOUT.grant(drive.address), grant.with_intent(intent).to_document(), cas=stands.version)
