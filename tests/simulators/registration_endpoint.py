"""A registration server (RFC 7591, 7592) and an issuer's metadata in memory, with faults and a log of what arrived.

server = RegistrationSimulator()                       # its endpoint is https://as.example/register
server.initial_token = "…"                             # from now on creating needs it
server.rotate_on = {"GET", "PUT"}                      # a new registration access token at each of these
server.next_answer = lost / html / refused(…)          # one fault: spoils the answer of the next request
server.clients                                         # what exists there: client id -> Client

Both log every request: `seen` stays empty where nothing was sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.model.answer import HttpAnswer, Loss, NoAnswer, Outcome
from reconciler.model.endpoint import TrustedUrl, Url
from reconciler.model.secret import Document, Secret, SecretBytes

Fault = Callable[[Outcome], Outcome]


def answer(status: int, document: object) -> HttpAnswer:
    raw = b"" if document is None else json.dumps(document).encode()
    return HttpAnswer(status, {"content-type": "application/json"}, SecretBytes(raw))


def lost(_done: Outcome) -> Outcome:
    """It was done; the answer never came."""
    return NoAnswer(Loss.UNCLEAR, "timed out after 30 s")


def html(_done: Outcome) -> Outcome:
    return HttpAnswer(502, {"content-type": "text/html"}, SecretBytes(b"<html>Bad Gateway</html>"))


def changed(**fields: object) -> Fault:
    """The answer with some fields changed; None removes one."""

    def spoil(done: Outcome) -> Outcome:
        assert isinstance(done, HttpAnswer)
        document = json.loads(done.body.reveal()) | fields
        return answer(done.status, {k: v for k, v in document.items() if v is not None})

    return spoil


@dataclass
class Client:
    client_id: str
    secret: str | None
    token: str
    metadata: dict[str, Any]


@dataclass(frozen=True)
class Seen:
    method: str
    url: str
    body: dict[str, Any] | None
    bearer: str | None


@dataclass
class RegistrationSimulator:
    base: str = "https://as.example"
    initial_token: str | None = None
    rotate_on: frozenset[str] = frozenset()
    secret_expires_at: int = 0
    manageable: bool = True
    client_uri_base: str = ""
    """Where it says that clients are managed; '' for its own place."""
    clients: dict[str, Client] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    next_answer: Fault | None = None
    refuse_next: HttpAnswer | NoAnswer | None = None
    """The next request is answered so, and nothing is done."""
    before_answer: Callable[[], object] | None = None
    _count: int = 0

    def send(
        self, method: str, url: TrustedUrl, *, body: Mapping[str, object] | None, bearer: Secret | None
    ) -> Outcome:
        sent = None if body is None else json.loads(Document(body).to_json())
        self.seen.append(Seen(method, str(url), sent, None if bearer is None else bearer.reveal()))
        refused, self.refuse_next = self.refuse_next, None
        if refused is not None:
            return refused
        done = self._do(method, str(url), sent or {}, self.seen[-1].bearer)
        spoil, self.next_answer = self.next_answer, None
        meanwhile, self.before_answer = self.before_answer, None
        if meanwhile is not None:
            meanwhile()
        return done if spoil is None else spoil(done)

    def _do(self, method: str, url: str, body: dict[str, Any], bearer: str | None) -> Outcome:
        if method == "POST" and url == f"{self.base}/register":
            if self.initial_token is not None and bearer != self.initial_token:
                return answer(401, {"error": "invalid_token"})
            return answer(201, self._create(body))
        client = self.clients.get(url.rpartition("/")[2])
        if client is None or client.token != bearer:
            return answer(401, {"error": "invalid_token"})
        if method == "DELETE":
            del self.clients[client.client_id]
            return answer(204, None)
        if method == "PUT":
            if body.get("client_id") != client.client_id or body.get("client_secret") != client.secret:
                return answer(400, {"error": "invalid_client_metadata"})
            client.metadata = {k: v for k, v in body.items() if k not in ("client_id", "client_secret")}
        if method in self.rotate_on:
            client.token = self._new("reg-token")
        return answer(200, self._describe(client))

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        public = body.get("token_endpoint_auth_method") == "none"
        client_id = self._new("client")
        secret = None if public else self._new("dyn-secret")
        client = Client(client_id, secret, self._new("reg-token"), body)
        self.clients[client.client_id] = client
        return self._describe(client)

    def _describe(self, client: Client) -> dict[str, Any]:
        shown: dict[str, Any] = {**client.metadata, "client_id": client.client_id}
        if client.secret is not None:
            shown |= {"client_secret": client.secret, "client_secret_expires_at": self.secret_expires_at}
        if self.manageable:
            base = self.client_uri_base or self.base
            shown["registration_access_token"] = client.token
            shown["registration_client_uri"] = f"{base}/register/{client.client_id}"
        return shown

    def _new(self, what: str) -> str:
        self._count += 1
        return f"{what}-{self._count}"


@dataclass
class MetadataSimulator:
    """Issuer metadata by URL. `publish(issuer, …)` puts a document where OpenID Connect Discovery looks for it."""

    documents: dict[str, object] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    down: bool = False

    def publish(self, issuer: str, **fields: object) -> None:
        document = {"issuer": issuer, "token_endpoint": f"{issuer}/token"} | fields
        document.setdefault("authorization_endpoint", f"{issuer}/authorize")
        self.documents[f"{issuer}/.well-known/openid-configuration"] = document

    def fetch(self, url: Url) -> Outcome:
        self.seen.append(url.text)
        if self.down:
            return NoAnswer(Loss.NOT_SENT, "connection refused")
        if url.text not in self.documents:
            return answer(404, {"error": "not_found"})
        return answer(200, self.documents[url.text])
