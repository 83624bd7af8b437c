"""Real parts for crash and race tests: a store, the sandbox over HTTP, and runs as the command line wires them.

A `Place` is everything that a child process needs to know, as plain data, so that it can be sent to a process that was
forked before the test began. Nothing here is simulated but the person who presses "allow".
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from reconciler.adapters.http import HttpClient
from reconciler.adapters.http_policy import HttpPolicy
from reconciler.adapters.processes import is_dead, this_process
from reconciler.adapters.sqlite import SqliteStore
from reconciler.adapters.system import SystemClock, SystemEntropy
from reconciler.adapters.token_endpoint import HttpTokenEndpoint
from reconciler.adapters.vault import VaultStore
from reconciler.adapters.vault_settings import TokenLogin, VaultSettings
from reconciler.decide.results import Result
from reconciler.engine.publish import commit_consented_grant
from reconciler.engine.refresh import RefreshWork, refresh_accounts
from reconciler.engine.run import Run
from reconciler.model.behaviour import ClientAuth, RefreshTokenRules, Rotation
from reconciler.model.desired import DesiredAccount
from reconciler.model.endpoint import TrustedUrl, Url, parse_url
from reconciler.model.grant import GrantRecord, TokenSet
from reconciler.model.limits import RefreshLimits
from reconciler.model.observed import ObservedAccount, ObservedProvider
from reconciler.model.ready import ClientCredentials, ReadyEndpoints, ReadyProvider
from reconciler.model.secret import Secret
from reconciler.model.state import GrantType
from reconciler.model.status import AccountStatus
from reconciler.model.store_path import Layout, own_path
from tests.simulators.clocks import RecordedEvents
from tests.simulators.manifests import make_account, make_behaviour, make_provider

LAYOUT = Layout(own_path("reconciler"))
KEY = b"k" * 32
LATER = timedelta(hours=1)
"""How far ahead accounts are judged, so that all of them are due."""


@dataclass(frozen=True)
class Place:
    """Where things are. `store` is `{"vault": address, "token": …, "mount": …}` or `{"sqlite": path}`."""

    store: dict[str, str]
    server: str
    client_id: str
    client_secret: str
    rotation: str = Rotation.SINGLE_USE.value
    grace: float = 0
    http_deadline: float = 10
    commit_deadline: float = 3
    unclear_retry_after: float = 0.05
    knows_dead: bool = True
    """Whether runs look whether a holder is dead, or have to wait for its deadline."""

    @staticmethod
    def from_json(data: dict[str, Any]) -> Place:
        return Place(**data)

    def open_store(self) -> VaultStore | SqliteStore:
        if "sqlite" in self.store:
            return SqliteStore(Path(self.store["sqlite"]))
        login = TokenLogin(Secret(self.store["token"]))
        return VaultStore(VaultSettings(self.store["vault"], login, mount=self.store["mount"]))

    @contextmanager
    def opened(self) -> Iterator[Run]:
        """A run whose connections are closed at the end."""
        with closing(self.open_store()) as store, closing(self._http()) as http:
            yield self._make_run(store, http, lambda name: None)

    def make_run(self, failpoint: Callable[[str], None]) -> Run:
        """A run in a process that ends as a whole."""
        return self._make_run(self.open_store(), self._http(), failpoint)

    def _http(self) -> HttpClient:
        policy = HttpPolicy(loopback=True, deadline=timedelta(seconds=self.http_deadline))
        return HttpClient(policy)

    def _make_run(
        self, store: VaultStore | SqliteStore, http: HttpClient, failpoint: Callable[[str], None]
    ) -> Run:
        stop = threading.Event()
        run = Run(
            store=store,
            layout=LAYOUT,
            clock=SystemClock(stop),
            entropy=SystemEntropy(),
            events=RecordedEvents(),
            endpoint=HttpTokenEndpoint(http),
            holder=this_process(),
            fingerprint_key=KEY,
            tool="test",
            jobs=2,
            limits=RefreshLimits(
                http_deadline=timedelta(seconds=self.http_deadline),
                commit_deadline=timedelta(seconds=self.commit_deadline),
                unclear_retry_after=timedelta(seconds=self.unclear_retry_after),
            ),
            failpoint=failpoint,
            stop=stop,
        )
        return replace(run, is_dead=is_dead) if self.knows_dead else run

    def url(self, path: str) -> TrustedUrl:
        return TrustedUrl(self.plain_url(path))

    def plain_url(self, path: str) -> Url:
        return parse_url(self.server + path, allow_loopback_http=True)

    @property
    def provider(self) -> ReadyProvider:
        rotation = Rotation(self.rotation)
        grace = timedelta(seconds=self.grace) if self.grace else None
        behaviour = make_behaviour(self.server).model_copy(
            update={"refresh_token": RefreshTokenRules(rotation=rotation, grace=grace)}
        )
        return ReadyProvider(
            desired=make_provider(behaviour=behaviour, client_id=self.client_id),
            endpoints=ReadyEndpoints(
                token=self.url("/token"),
                refresh=self.url("/token"),
                authorization=self.plain_url("/authorize"),
                revocation=self.url("/revoke"),
                userinfo=self.url("/userinfo"),
                device_authorization=self.url("/device_authorization"),
            ),
            client=ClientCredentials(self.client_id, Secret(self.client_secret), ClientAuth.BASIC),
        )

    def store_consent(self, run: Run, name: str, grant: dict[str, Any]) -> DesiredAccount:
        """A grant that the sandbox gave out behind OAuth's back, stored as a consent stores it; its token is old."""
        account = account_named(name)
        now = run.store.server_time()
        tokens = TokenSet(
            access_token=Secret(grant["access_token"]),
            token_type="Bearer",
            expires_at=now + timedelta(minutes=10),
            refresh_token=Secret(grant["refresh_token"]),
            scope=account.scopes,
            lifetime=timedelta(hours=1),
        )
        record = GrantRecord(
            grant=GrantType.AUTHORIZATION_CODE,
            refresh_token=tokens.refresh_token,
            origin=self.server,
            client_id=self.client_id,
            scopes=account.scopes,
            requested_scopes=account.scopes,
            consent_digest=account.consent_digest,
            consented_at=now,
        )
        commit_consented_grant(run, account, self.provider, record=record, tokens=tokens)
        return account


def account_named(name: str) -> DesiredAccount:
    return make_account(name, scopes=("profile",))


def observe(run: Run, account: DesiredAccount) -> ObservedAccount:
    tokens = run.store.read_metadata(LAYOUT.token(account.address))
    grants = run.store.read_metadata(LAYOUT.grant(account.address))
    status = None if tokens is None else AccountStatus.from_metadata(tokens.custom)
    return ObservedAccount(account.address, tokens, grants, status)


def refresh_once(place: Place, run: Run, name: str, *, force: bool = False) -> Result:
    """What `reconciler refresh` does for one account that is due."""
    account, provider = account_named(name), place.provider
    work = RefreshWork(account, provider, observe(run, account), ObservedProvider(provider.desired.address))
    (result,) = refresh_accounts(run, [work], now=run.store.server_time() + LATER, force=force)
    return result


@dataclass
class Killer:
    """A failpoint that ends this very process, as hard as a process can end."""

    at: str
    reached: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> None:
        self.reached.append(name)
        if name == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Seen:
    """What stands in the store for one account."""

    grant: GrantRecord | None
    access_token: str
    status: AccountStatus | None
    now: datetime

    @property
    def refresh_token(self) -> str:
        return (
            ""
            if self.grant is None or self.grant.refresh_token is None
            else self.grant.refresh_token.reveal()
        )


def look(run: Run, name: str) -> Seen:
    account = account_named(name)
    grant = run.store.read(LAYOUT.grant(account.address)).document
    token = run.store.read(LAYOUT.token(account.address)).document
    return Seen(
        None if grant is None else GrantRecord.from_document(grant),
        "" if token is None else token["access_token"],
        observe(run, account).status,
        run.store.server_time(),
    )
