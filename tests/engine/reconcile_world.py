"""A whole world for plan and reconcile: what is declared, a store and an authorization server in memory, one clock.

world = ReconcileWorld()                       # team/sandbox (static, single use) and team/drive, as in simulators/manifests
world.plan(); world.reconcile()                # observe, plan (and carry out), as the command line does
world.consents("team/drive")                   # Ana consents
world.declare(make_provider(), make_account()) # Git says something else from now on
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from reconciler.decide.plan import Plan, PlanOptions, make_plan
from reconciler.decide.results import Outcome, Result, RunReport
from reconciler.decide.saved_plan import SavedPlan
from reconciler.decide.status_view import StatusReport
from reconciler.decide.trying import Sparing
from reconciler.engine.observe import observe
from reconciler.engine.provider_ports import ProviderPorts
from reconciler.engine.publish import commit_consented_grant
from reconciler.engine.ready import ready_provider
from reconciler.engine.reconcile import ReconcileOptions, reconcile, refresh_due
from reconciler.engine.run import Run
from reconciler.engine.secret_reader import SecretReader
from reconciler.engine.status import make_status
from reconciler.model.behaviour import Rotation
from reconciler.model.desired import Desired, DesiredAccount, DesiredProvider
from reconciler.model.grant import GrantRecord, Holder, TokenSet
from reconciler.model.observed import Observed
from reconciler.model.secret import Document, Secret
from reconciler.model.state import GrantType
from reconciler.model.status import AccountStatus, ProviderStatus
from reconciler.model.store_path import Layout, StorePath, own_path, reference_path
from reconciler.model.trust import TrustMode, TrustSettings
from reconciler.model.trust_codec import encode_settings
from tests.simulators.clocks import CountingEntropy, ManualClock, RecordedEvents
from tests.simulators.manifests import SERVER, make_account, make_behaviour, make_desired, make_provider
from tests.simulators.memory_store import MemoryStore
from tests.simulators.token_endpoint import TokenEndpointSimulator

LAYOUT = Layout(own_path("reconciler"))
SECRET = reference_path("clients/team/sandbox")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def provider_of(rotation: Rotation = Rotation.SINGLE_USE, **more: Any) -> DesiredProvider:
    return make_provider(behaviour=make_behaviour(rotation=rotation), client_id="client", **more)


def machine(name: str = "team/robot", **more: Any) -> DesiredAccount:
    return make_account(name, grant=GrantType.CLIENT_CREDENTIALS, owner=None, **more)


@dataclass
class ReconcileWorld:
    rotation: Rotation = Rotation.SINGLE_USE
    bulk: bool = False
    desired: Desired = field(default_factory=make_desired)
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.store = MemoryStore(clock=self.clock.now, bulk=self.bulk)
        self.server = TokenEndpointSimulator(now=self.clock.now, rotation=self.rotation)
        self.put_secret("client-secret")
        settings = TrustSettings(mode=TrustMode.TOFU, loopback=True)
        self.store.write(
            LAYOUT.trust_settings, encode_settings(settings, at=self.clock.now(), by="test"), cas=0
        )
        self.declare(provider_of(self.rotation), make_account())
        self.runs = 0

    # ---- the world

    def declare(self, *objects: DesiredProvider | DesiredAccount, **more: Any) -> None:
        self.desired = make_desired(*objects, **more)

    def put_secret(self, text: str, *, path: StorePath = SECRET) -> int:
        before = self.store.read(path)
        return self.store.write(path, Document({"client_secret": text}), cas=before.version)

    def advance(self, by: timedelta) -> None:
        self.clock.advance(by)

    def consents(self, *names: str) -> None:
        """The owners of these accounts grant what the manifests ask for."""
        observed = self.observe()
        for name in names:
            account = self.account(name)
            provider = self.desired.providers[account.provider]
            assert observed.trust is not None
            ready = ready_provider(
                self.run(),
                provider,
                observed=observed.providers[provider.address],
                trust=observed.trust,
                ports=self.ports(),
            )
            record, tokens = self._answer(account)
            commit_consented_grant(self.run(), account, ready, record=record, tokens=tokens)

    def _answer(self, account: DesiredAccount) -> tuple[GrantRecord, TokenSet]:
        refresh_token = self.server.consent(subject=account.address.short, scope=account.scopes)
        now = self.clock.now()
        record = GrantRecord(
            grant=account.grant,
            refresh_token=refresh_token,
            origin=SERVER,
            client_id="client",
            scopes=account.scopes,
            requested_scopes=account.scopes,
            consent_digest=account.consent_digest,
            consented_at=now,
        )
        tokens = TokenSet(
            access_token=Secret(f"first-{refresh_token.reveal()}"),
            token_type="Bearer",
            expires_at=now + HOUR,
            refresh_token=refresh_token,
            scope=account.scopes,
        )
        return record, tokens

    # ---- what the command line does

    def run(self, **more: Any) -> Run:
        self.runs += 1
        return Run(
            store=self.store,
            layout=LAYOUT,
            clock=self.clock,
            entropy=CountingEntropy(f"op{self.runs}"),
            events=RecordedEvents(),
            endpoint=self.server,
            holder=Holder("host", "boot", "ns", 100, "1"),
            fingerprint_key=b"f" * 32,
            tool="test",
            jobs=4,
            **more,
        )

    def ports(self) -> ProviderPorts:
        return ProviderPorts(SecretReader(self.store))

    def observe(self, **more: Any) -> Observed:
        return observe(self.store, LAYOUT, self.desired, jobs=4, **more)

    def plan(self, **options: Any) -> Plan:
        return make_plan(self.desired, self.observe(), PlanOptions(**options))

    def status(self, **options: Any) -> StatusReport:
        return make_status(self.desired, self.observe(), PlanOptions(**options))

    def reconcile(
        self,
        *,
        purge: bool = False,
        saved: SavedPlan | None = None,
        run: Run | None = None,
        **options: Any,
    ) -> RunReport:
        chosen = PlanOptions(**options)
        observed = self.observe()
        return reconcile(
            run or self.run(),
            self.desired,
            observed=observed,
            plan=make_plan(self.desired, observed, chosen),
            options=ReconcileOptions(chosen, purge=purge, saved=saved),
            ports=self.ports(),
        )

    def refresh(self, *names: str, force: bool = False, **options: Any) -> RunReport:
        addresses = frozenset(self.account(name).address for name in names)
        chosen = PlanOptions(**options)
        sparing = Sparing(self.desired, chosen, force=force)
        return refresh_due(
            self.run(),
            self.desired,
            self.observe(accounts=addresses or None, sparing=sparing),
            options=chosen,
            ports=self.ports(),
            addresses=addresses,
            force=force,
        )

    # ---- what is seen afterwards

    def account(self, name: str) -> DesiredAccount:
        return next(a for a in self.desired.accounts.values() if a.address.short == name)

    def account_status(self, name: str = "team/drive") -> AccountStatus:
        metadata = self.store.read_metadata(LAYOUT.tokens.child("team").child(name.split("/")[1]))
        status = AccountStatus.from_metadata(metadata.custom) if metadata else None
        assert status is not None
        return status

    def provider_status(self) -> ProviderStatus:
        metadata = self.store.read_metadata(LAYOUT.folder("providers", "team", "sandbox"))
        status = ProviderStatus.from_metadata(metadata.custom) if metadata else None
        assert status is not None
        return status

    def change_status(self, name: str = "team/drive", **changes: Any) -> None:
        """Somebody's metadata says something else."""
        status = replace(self.account_status(name), **changes)
        self.store.write_metadata(LAYOUT.tokens.child("team").child(name.split("/")[1]), status.to_metadata())

    def published(self, name: str = "team/drive") -> str | None:
        document = self.store.read(LAYOUT.tokens.child("team").child(name.split("/")[1])).document
        return None if document is None else document["access_token"]

    def calls(self) -> int:
        return len(self.server.seen)


def settled(**more: Any) -> ReconcileWorld:
    """A world in which everything is applied and Ana has consented, with a fresh request log."""
    world = ReconcileWorld(**more)
    world.reconcile()
    world.consents("team/drive")
    world.store.forget_requests()
    world.server.seen.clear()
    return world


def by_address(report: RunReport) -> dict[str, Result]:
    return {str(result.address): result for result in report.results}


def told(report: RunReport) -> list[tuple[str, str, str]]:
    """(address, action, outcome) of everything that was done."""
    return [(str(r.address), r.action, r.outcome.value) for r in report.results]


def failures(report: RunReport) -> list[Result]:
    return [r for r in report.results if r.outcome not in (Outcome.DONE, Outcome.SKIPPED)]


def attention(report: RunReport | Plan | StatusReport) -> list[tuple[str, str, str]]:
    return [(str(a.address), a.state.value, a.reason.value) for a in report.attention]
