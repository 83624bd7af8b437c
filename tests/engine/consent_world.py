"""A world for consents: a store and an authorization server in memory, and a person with a browser.

world = ConsentWorld()
result = world.consent(make_account())                       # Ana allows it
result = world.consent(make_account(), person=Denies())      # she does not
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from reconciler.decide.authorization import Callback, CallbackRefused, RedirectMode, RedirectUri
from reconciler.decide.consent_guidance import Guidance
from reconciler.decide.device import DeviceRequest
from reconciler.decide.results import Result
from reconciler.engine.consent import consent
from reconciler.engine.consent_device import consent_by_device
from reconciler.engine.run import Run
from reconciler.model.behaviour import Behaviour, ClientAuth
from reconciler.model.desired import DesiredAccount
from reconciler.model.endpoint import parse_url
from reconciler.model.grant import GrantRecord, Holder
from reconciler.model.ready import ClientCredentials, ReadyEndpoints, ReadyProvider
from reconciler.model.secret import Secret
from reconciler.model.status import AccountStatus
from reconciler.model.store_path import Layout, own_path
from tests.simulators.clocks import ManualClock, RecordedEvents
from tests.simulators.manifests import SERVER, make_behaviour, make_provider
from tests.simulators.memory_store import MemoryStore
from tests.simulators.token_endpoint import TokenEndpointSimulator, trusted

LAYOUT = Layout(own_path("reconciler"))
Judge = Callable[[str], Callback | CallbackRefused]


@dataclass
class LongEntropy:
    """Different every time, the same in every run, and as long as asked for."""

    count: int = 0

    def token(self, nbytes: int) -> str:
        self.count += 1
        return f"t{self.count}-".ljust(nbytes * 4 // 3 + 1, "x")

    def fraction(self) -> float:
        return 0.5


@dataclass
class Person:
    """Implements ports.Interaction. `answers` makes the redirected URLs, in order, from what the link asked for."""

    server: TokenEndpointSimulator
    subject: str = "ana"
    unticks: frozenset[str] = frozenset()
    link: str = ""
    asked: dict[str, str] = field(default_factory=dict)
    redirect: RedirectUri | None = None
    verdicts: list[Callback | CallbackRefused] = field(default_factory=list)
    guided: list[Guidance] = field(default_factory=list)
    follows: Callable[[Guidance], bool] = lambda guidance: False
    """What they do when told what helps at the provider; True: done, ask again."""

    def prepare(self, redirect: RedirectUri) -> str:
        self.redirect = redirect
        return redirect.at(49152) if redirect.mode is RedirectMode.LISTEN else redirect.registered

    def open_link(self, url: str) -> None:
        self.link = url
        self.asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}

    def wait_callback(self, judge: Judge) -> Callback | CallbackRefused | None:
        for url in self.answers():
            self.verdicts.append(judge(url))
            if isinstance(self.verdicts[-1], Callback) or self.verdicts[-1].final:
                return self.verdicts[-1]
        return None

    def guide(self, guidance: Guidance) -> bool:
        self.guided.append(guidance)
        return self.follows(guidance)

    def answers(self) -> list[str]:
        return [self.back(code=self.code())]

    def code(self) -> str:
        scopes = tuple(s for s in self.asked.get("scope", "").split() if s not in self.unticks)
        return self.server.authorize(
            client_id=self.asked["client_id"],
            redirect_uri=self.asked["redirect_uri"],
            challenge=self.asked.get("code_challenge"),
            subject=self.subject,
            scope=scopes,
            nonce=self.asked.get("nonce"),
        ).reveal()

    def back(self, **values: str) -> str:
        return f"{self.asked['redirect_uri']}?{urlencode({'state': self.asked['state'], **values})}"


class Denies(Person):
    def answers(self) -> list[str]:
        return [self.back(error="access_denied", error_description="The user said no")]


class WalksAway(Person):
    def answers(self) -> list[str]:
        return []


@dataclass
class DevicePerson:
    """Implements ports.DeviceInteraction: reads the code, and decides at another device after `polls` polls."""

    server: TokenEndpointSimulator
    polls: int = 1
    allows: bool = True
    subject: str = "ana"
    shown: list[DeviceRequest] = field(default_factory=list)
    guided: list[Guidance] = field(default_factory=list)
    follows: Callable[[Guidance], bool] = lambda guidance: False

    def show_device(self, request: DeviceRequest) -> None:
        self.shown.append(request)
        seen = len(self.server.seen)

        def on_request(form: Mapping[str, str]) -> None:
            if len(self.server.seen) - seen == self.polls:
                self.server.decide(request.user_code, allows=self.allows, subject=self.subject)

        self.server.on_request = on_request

    def guide(self, guidance: Guidance) -> bool:
        self.guided.append(guidance)
        return self.follows(guidance)


@dataclass
class ConsentWorld:
    behaviour: Behaviour = field(default_factory=make_behaviour)
    redirect_uris: tuple[str, ...] = ("http://127.0.0.1/callback",)
    issuer: str | None = None
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.store = MemoryStore(clock=self.clock.now)
        self.server = TokenEndpointSimulator(now=self.clock.now)
        self.reached: list[str] = []
        self.run = Run(
            store=self.store,
            layout=LAYOUT,
            clock=self.clock,
            entropy=LongEntropy(),
            events=RecordedEvents(),
            endpoint=self.server,
            holder=Holder("host", "boot", "ns", 100, "1"),
            fingerprint_key=b"f" * 32,
            failpoint=self.reached.append,
        )

    @property
    def provider(self) -> ReadyProvider:
        return ReadyProvider(
            desired=make_provider(behaviour=self.behaviour, redirect_uris=self.redirect_uris),
            endpoints=ReadyEndpoints(
                token=trusted(f"{SERVER}/token"),
                refresh=trusted(f"{SERVER}/token"),
                authorization=parse_url(f"{SERVER}/authorize", allow_loopback_http=True),
                userinfo=trusted(f"{SERVER}/userinfo"),
                introspection=trusted(f"{SERVER}/introspect"),
                jwks=parse_url(f"{SERVER}/jwks", allow_loopback_http=True),
                device_authorization=trusted(f"{SERVER}/device_authorization"),
            ),
            client=ClientCredentials("client", Secret("client-secret"), ClientAuth.POST),
            issuer=self.issuer,
        )

    def person(self, kind: type[Person] = Person, **who: Any) -> Person:
        return kind(self.server, **who)

    def consent(
        self,
        account: DesiredAccount,
        *,
        person: Person | None = None,
        provider: ReadyProvider | None = None,
        paste: bool = False,
    ) -> Result:
        return consent(self.run, account, provider or self.provider, ask=person or self.person(), paste=paste)

    def consent_by_device(
        self,
        account: DesiredAccount,
        *,
        person: DevicePerson | None = None,
        lasts: timedelta = timedelta(minutes=10),
        provider: ReadyProvider | None = None,
    ) -> Result:
        ask = person or DevicePerson(self.server)
        return consent_by_device(self.run, account, provider or self.provider, ask=ask, lasts=lasts)

    def grant(self, account: DesiredAccount) -> GrantRecord | None:
        document = self.store.read(LAYOUT.grant(account.address)).document
        return None if document is None else GrantRecord.from_document(document)

    def refresh_token(self, account: DesiredAccount) -> Secret | None:
        grant = self.grant(account)
        return None if grant is None else grant.refresh_token

    def published(self, account: DesiredAccount) -> str | None:
        document = self.store.read(LAYOUT.token(account.address)).document
        return None if document is None else document["access_token"]

    def status(self, account: DesiredAccount) -> AccountStatus | None:
        metadata = self.store.read_metadata(LAYOUT.token(account.address))
        return None if metadata is None else AccountStatus.from_metadata(metadata.custom)

    def without_authorization(self) -> ReadyProvider:
        provider = self.provider
        return replace(provider, endpoints=replace(provider.endpoints, authorization=None))
