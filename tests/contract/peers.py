"""Authorization servers that the contract suites run against: in memory, our sandbox, and a certified one.

A Peer is ready to be used as the engine uses a provider. The real ones are found as the tool finds them: by discovery
from the issuer alone, over real sockets.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from reconciler.adapters.assertions import JoseSigner
from reconciler.adapters.discovery import HttpMetadataEndpoint
from reconciler.adapters.http import HttpClient, HttpPolicy
from reconciler.adapters.system import SystemClock, SystemEntropy
from reconciler.adapters.token_endpoint import HttpTokenEndpoint
from reconciler.decide.authorization import (
    AuthorizationRequest,
    Callback,
    CallbackRefused,
    Nonces,
    judge_callback,
    plan_authorization,
)
from reconciler.decide.issuer_metadata import IssuerMetadata, judge_metadata_answer, metadata_urls
from reconciler.decide.pushed_request import Pushed, judge_pushed, pushed_form, with_request_uri
from reconciler.decide.token_response import TokenError, judge_answer
from reconciler.model.assertion import AssertionTerms, SigningAlgorithm, SigningKey
from reconciler.model.behaviour import Behaviour, ClientAuth, Rotation
from reconciler.model.endpoint import TrustedUrl, Url, parse_url
from reconciler.model.grant import TokenSet
from reconciler.model.ready import ClientCredentials, ReadyEndpoints, ReadyProvider
from reconciler.model.secret import Secret
from reconciler.ports import TokenEndpoint
from reconciler.sandbox import Sandbox, SandboxConfig
from reconciler.sandbox import person as sandbox_person
from tests.servers.keys import KeyPair, key_pair
from tests.servers.oidc_server import BASIC, KEYED, POST, PUBLIC, SIGNING, OidcServer
from tests.servers.person import Person
from tests.simulators.clocks import ManualClock
from tests.simulators.manifests import make_account, make_behaviour, make_provider
from tests.simulators.token_endpoint import TokenEndpointSimulator, trusted

_SHORT_CODES = 2
"""Seconds that the certified server's codes live: long enough to be exchanged, short enough to be waited for."""
STANDARD_WAYS = (
    ClientAuth.BASIC,
    ClientAuth.POST,
    ClientAuth.NONE,
    ClientAuth.PRIVATE_KEY_JWT,
    ClientAuth.CLIENT_SECRET_JWT,
)
"""Those with a registered name (RFC 7591 §2, OpenID Connect Core §9)."""
_SHORT = timedelta(minutes=2)
CALLBACK = "http://127.0.0.1:49152/callback"
NONCES = Nonces(Secret("state-of-this-consent"), Secret("v" * 43), Secret("nonce-of-this-consent"))


@dataclass
class Peer:
    """`press(url, subject, allows)` is a person with a browser; `scopes` can be consented to and bring a refresh token."""

    name: str
    endpoint: TokenEndpoint
    provider: ReadyProvider
    scopes: tuple[str, ...]
    machine_scope: str
    press: Callable[[str, str, bool], str]
    revoke: Callable[[str], object]
    let_codes_expire: Callable[[], object]
    """Called right after a code was given: when it returns, the code is too old."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    register_key: Callable[[str, KeyPair], object] = lambda client_id, pair: None
    change_secret: Callable[[str, str], object] = lambda client_id, secret: None
    clients: dict[ClientAuth, ClientCredentials] = field(default_factory=dict)
    gives_id_tokens: bool = True
    server: Any = None
    """The simulator, Sandbox or OidcServer behind it."""

    @property
    def behaviour(self) -> Behaviour:
        return self.provider.desired.behaviour

    def request(self, *, client: ClientCredentials | None = None) -> AuthorizationRequest:
        provider = self.provider if client is None else self.with_client(client)
        return plan_authorization(
            provider, make_account(owner=None, scopes=self.scopes), redirect=CALLBACK, nonces=NONCES
        )

    def with_client(self, client: ClientCredentials) -> ReadyProvider:
        return ReadyProvider(
            desired=self.provider.desired,
            endpoints=self.provider.endpoints,
            client=client,
            issuer=self.provider.issuer,
            issuer_in_response=self.provider.issuer_in_response,
        )

    def callback(
        self, request: AuthorizationRequest, *, subject: str = "ana", allows: bool = True
    ) -> Callback | CallbackRefused:
        return judge_callback(self.press(request.url, subject, allows), request=request)

    def exchange(
        self, code: Secret, *, client: ClientCredentials | None = None, **change: str | Secret
    ) -> TokenSet | TokenError:
        form: dict[str, str | Secret] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": NONCES.verifier,
        }
        return self.ask({**form, **change}, client=client)

    def keyed(
        self,
        kind: str,
        algorithm: SigningAlgorithm | None,
        *,
        audience: str | None = None,
        seconds: float = 120,
    ) -> ClientCredentials:
        """The client that signs, with a key of this kind registered for it; `rsa-other` is registered for nobody."""
        client = self.clients[ClientAuth.PRIVATE_KEY_JWT]
        assert client.assertions is not None
        pair = key_pair(kind)
        if kind != "rsa-other":
            self.register_key(client.client_id, pair)
        terms = pair.terms(audience or client.assertions.audience, seconds=seconds, algorithm=algorithm)
        return replace(client, assertions=terms)

    def with_secret(self, auth: ClientAuth, secret: str) -> ClientCredentials:
        """The client that authenticates so, with another client secret, which the server knows."""
        client = self.clients[auth]
        self.change_secret(client.client_id, secret)
        changed = replace(client, secret=Secret(secret))
        if changed.assertions is None:
            return changed
        return sharing_secret(changed, audience=changed.assertions.audience)

    def pushed(self, request: AuthorizationRequest, *, client: ClientCredentials) -> AuthorizationRequest:
        endpoints = self.provider.endpoints
        assert endpoints.authorization is not None
        assert endpoints.pushed_authorization_request is not None
        form = pushed_form(request, endpoint=endpoints.authorization)
        said = judge_pushed(
            self.endpoint.post(endpoints.pushed_authorization_request, form=form, client=client)
        )
        assert isinstance(said, Pushed), said
        assert said.seconds is not None
        return with_request_uri(request, said, endpoint=endpoints.authorization, client_id=client.client_id)

    def consented(self, *, client: ClientCredentials | None = None, subject: str = "ana") -> TokenSet:
        callback = self.callback(self.request(client=client), subject=subject)
        assert isinstance(callback, Callback), callback
        tokens = self.exchange(callback.code, client=client)
        assert isinstance(tokens, TokenSet), tokens
        return tokens

    def refresh(
        self, token: Secret | None, *, client: ClientCredentials | None = None, **more: str
    ) -> TokenSet | TokenError:
        assert token is not None
        return self.ask({"grant_type": "refresh_token", "refresh_token": token, **more}, client=client)

    def ask(
        self, form: dict[str, str | Secret], *, client: ClientCredentials | None = None
    ) -> TokenSet | TokenError:
        outcome = self.endpoint.post(
            self.provider.endpoints.token, form=form, client=client or self.provider.client
        )
        return judge_answer(outcome, behaviour=self.behaviour, now=self.now())


@dataclass
class Told:
    """A clock that a server's own present moves."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def signing(client_id: str, terms: AssertionTerms) -> ClientCredentials:
    return ClientCredentials(client_id, None, ClientAuth.PRIVATE_KEY_JWT, assertions=terms)


def sharing_secret(client: ClientCredentials, *, audience: str) -> ClientCredentials:
    assert client.secret is not None
    key = SigningKey(client.secret, SigningAlgorithm.HS256)
    return replace(client, assertions=AssertionTerms(key, audience, _SHORT))


def simulated() -> Peer:
    clock = ManualClock()
    server = TokenEndpointSimulator(now=clock.now, rotation=Rotation.SINGLE_USE)
    server.clients |= {"public": None}

    def press(url: str, subject: str, allows: bool) -> str:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        back = {"state": asked["state"], "iss": "https://as.example"}
        if not allows:
            return f"{asked['redirect_uri']}?{urlencode({**back, 'error': 'access_denied'})}"
        code = server.authorize(
            redirect_uri=asked["redirect_uri"],
            challenge=asked["code_challenge"],
            subject=subject,
            scope=tuple(asked["scope"].split()),
            client_id=asked["client_id"],
        )
        return f"{asked['redirect_uri']}?{urlencode({**back, 'code': code.reveal()})}"

    def revoke(subject: str) -> None:
        for family in server.families.values():
            family.revoked = family.revoked or family.subject == subject

    url = trusted()
    client = ClientCredentials("client", Secret("client-secret"), ClientAuth.BASIC)
    provider = ReadyProvider(
        desired=make_provider(behaviour=make_behaviour(), client_id="client"),
        endpoints=ReadyEndpoints(
            token=url,
            refresh=url,
            authorization=parse_url("https://as.example/authorize"),
            revocation=trusted("https://as.example/revoke"),
            userinfo=trusted("https://as.example/userinfo"),
            introspection=trusted("https://as.example/introspect"),
        ),
        client=client,
        issuer="https://as.example",
        issuer_in_response=True,
    )
    shared = SigningKey(Secret("client-secret"), SigningAlgorithm.HS256)
    clients = {
        ClientAuth.BASIC: client,
        ClientAuth.POST: ClientCredentials("client", Secret("client-secret"), ClientAuth.POST),
        ClientAuth.NONE: ClientCredentials("public", None, ClientAuth.NONE),
        ClientAuth.PRIVATE_KEY_JWT: signing("keyed", key_pair("rsa").terms("https://as.example")),
        ClientAuth.CLIENT_SECRET_JWT: ClientCredentials(
            "client",
            Secret("client-secret"),
            ClientAuth.CLIENT_SECRET_JWT,
            assertions=AssertionTerms(shared, "https://as.example", _SHORT),
        ),
    }
    server.clients["keyed"] = key_pair("rsa").private
    return Peer(
        "simulator",
        server,
        provider,
        ("read", "write"),
        "read",
        press,
        revoke,
        lambda: clock.sleep(61),
        now=clock.now,
        change_secret=lambda client_id, secret: server.clients.__setitem__(client_id, secret),
        register_key=lambda client_id, pair: server.clients.__setitem__(client_id, pair.private),
        clients=clients,
        gives_id_tokens=False,
        server=server,
    )


@contextmanager
def sandboxed(http: HttpClient) -> Iterator[Peer]:
    with Sandbox(SandboxConfig()) as sandbox:

        def made(method: str, auth: ClientAuth) -> ClientCredentials:
            client = sandbox.add_client(redirect_uris=["http://127.0.0.1/callback"], auth_method=method)
            secret = client.get("client_secret")
            return ClientCredentials(client["client_id"], Secret(secret) if secret else None, auth)

        def press(url: str, subject: str, allows: bool) -> str:
            if not allows:
                return sandbox_person.press_deny(url)
            return sandbox_person.press_allow(url, subject=f"{subject}@example.com")

        clients = {
            ClientAuth.BASIC: made("client_secret_basic", ClientAuth.BASIC),
            ClientAuth.POST: made("client_secret_post", ClientAuth.POST),
            ClientAuth.NONE: made("none", ClientAuth.NONE),
        }
        keyed = sandbox.add_client(auth_method="private_key_jwt", jwks=key_pair("rsa").jwks)
        clients[ClientAuth.PRIVATE_KEY_JWT] = signing(
            keyed["client_id"], key_pair("rsa").terms(sandbox.issuer)
        )
        sharing = made("client_secret_jwt", ClientAuth.CLIENT_SECRET_JWT)
        clients[ClientAuth.CLIENT_SECRET_JWT] = sharing_secret(sharing, audience=sandbox.issuer)

        def now() -> datetime:
            return datetime.fromtimestamp(sandbox.now(), UTC)

        yield Peer(
            "sandbox",
            HttpTokenEndpoint(http, signer=JoseSigner(Told(now), SystemEntropy())),
            discovered(http, sandbox.issuer, clients[ClientAuth.BASIC], make_behaviour()),
            ("offline_access", "openid", "profile"),
            "files.read",
            press,
            lambda subject: sandbox.revoke_person(f"{subject}@example.com"),
            lambda: sandbox.advance_clock(61),
            now=now,
            change_secret=lambda client_id, secret: sandbox.rotate_client_secret(
                client_id, client_secret=secret
            ),
            register_key=lambda client_id, pair: sandbox.configure_keys(client_id, jwks=pair.jwks),
            clients=clients,
            server=sandbox,
        )


def certified(http: HttpClient, server: OidcServer) -> Peer:
    """oidc-provider. `prompt=consent` is what makes it give a refresh token. Its clock is shared and is left alone."""
    server.configure(codeTtl=_SHORT_CODES)

    def press(url: str, subject: str, allows: bool) -> str:
        with Person(subject, allows=allows) as person:
            return person.open(url, callback=CALLBACK)

    clients = {
        ClientAuth.BASIC: ClientCredentials(BASIC.client_id, Secret(BASIC.secret), ClientAuth.BASIC),
        ClientAuth.POST: ClientCredentials(POST.client_id, Secret(POST.secret), ClientAuth.POST),
        ClientAuth.NONE: ClientCredentials(PUBLIC.client_id, None, ClientAuth.NONE),
        ClientAuth.PRIVATE_KEY_JWT: signing(KEYED.client_id, key_pair(KEYED.keys).terms(server.issuer)),
        ClientAuth.CLIENT_SECRET_JWT: sharing_secret(
            ClientCredentials(SIGNING.client_id, Secret(SIGNING.secret), ClientAuth.CLIENT_SECRET_JWT),
            audience=server.issuer,
        ),
    }
    behaviour = make_behaviour(authorization_parameters={"prompt": "consent"})
    return Peer(
        "oidc-provider",
        HttpTokenEndpoint(http, signer=JoseSigner(SystemClock(threading.Event()), SystemEntropy())),
        discovered(http, server.issuer, clients[ClientAuth.BASIC], behaviour),
        ("offline_access", "openid", "read"),
        "read",
        press,
        server.revoke,
        lambda: time.sleep(_SHORT_CODES + 0.5),
        change_secret=lambda client_id, secret: server.put_client(client_id, client_secret=secret),
        register_key=lambda client_id, pair: server.put_client(client_id, jwks=pair.jwks),
        clients=clients,
        server=server,
    )


def find_metadata(http: HttpClient, issuer: str) -> IssuerMetadata:
    """As `reconcile` finds it: the first place that answers well."""
    said: list[Any] = []
    for url in metadata_urls(issuer, loopback=True):
        said.append(judge_metadata_answer(issuer, HttpMetadataEndpoint(http).fetch(url), loopback=True))
        if isinstance(said[-1], IssuerMetadata):
            return said[-1]
    raise AssertionError(said)


def discovered(
    http: HttpClient, issuer: str, client: ClientCredentials, behaviour: Behaviour
) -> ReadyProvider:
    """A provider that is known by its issuer alone."""
    metadata = find_metadata(http, issuer)

    def url(name: str) -> Url | None:
        text = metadata.endpoints.get(name)
        return None if text is None else parse_url(text, allow_loopback_http=True)

    def permitted(name: str) -> TrustedUrl | None:
        found = url(name)
        return None if found is None else TrustedUrl(found)

    token = permitted("token")
    assert token is not None
    return ReadyProvider(
        desired=make_provider(behaviour=behaviour, client_id=client.client_id),
        endpoints=ReadyEndpoints(
            token=token,
            refresh=token,
            authorization=url("authorization"),
            revocation=permitted("revocation"),
            introspection=permitted("introspection"),
            userinfo=permitted("userinfo"),
            pushed_authorization_request=permitted("pushed_authorization_request"),
            jwks=url("jwks"),
            device_authorization=permitted("device_authorization"),
        ),
        client=client,
        issuer=metadata.issuer,
        issuer_in_response=metadata.issuer_in_response,
        signing_algorithms=metadata.signing_algorithms,
    )


@contextmanager
def loopback_client() -> Iterator[HttpClient]:
    with HttpClient(HttpPolicy(loopback=True)) as client:
        yield client
