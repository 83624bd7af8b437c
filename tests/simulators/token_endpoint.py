"""An authorization server in memory that implements `ports.TokenEndpoint`, whose world a test may change at any time.

What it holds to, as strictly as the strictest server:
- a code is redeemed once, with its PKCE verifier and redirect URI (RFC 6749 §4.1.3, RFC 7636 §4.6);
- rotation as `model.behaviour.Rotation` says; at a single-use server a spent token revokes its whole family (RFC 9700 §4.14.2);
- a wrong secret is `invalid_client` and touches nothing; a token of another client is `invalid_grant`.
Faults are queued and each hits one request: not sent, lost before the server acted, lost after it acted, or answered
with whatever the test says. `on_request` runs before a request is served, outside the lock: for races and crashes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from reconciler.model.answer import HttpAnswer, Loss, NoAnswer, Outcome
from reconciler.model.assertion import Assertion
from reconciler.model.behaviour import ClientAuth, RequestShape, Rotation
from reconciler.model.endpoint import TrustedUrl, Url, parse_url
from reconciler.model.ready import ClientCredentials
from reconciler.model.secret import Secret, SecretBytes
from reconciler.ports import PLAIN_REQUEST
from tests.simulators.signer import Signer

JSON_HEADERS = {"content-type": "application/json", "cache-control": "no-store"}


def answer(status: int, body: object, headers: Mapping[str, str] = JSON_HEADERS) -> HttpAnswer:
    """An answer with a JSON body, or with `body` as it is where it is bytes."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpAnswer(status, dict(headers), SecretBytes(raw))


class Fault(Enum):
    """What happens to one request instead of being answered."""

    NOT_SENT = auto()
    """It never left: the server does not act."""
    LOST_BEFORE = auto()
    """Bytes were sent, the server did not act, no answer came."""
    LOST_AFTER = auto()
    """The server acted (a rotation happened), its answer was lost."""


@dataclass
class Family:
    """One person's grant to one client. `generation` counts rotations; `current` is the newest refresh token."""

    client_id: str
    subject: str
    scope: tuple[str, ...]
    nonce: str | None = None
    generation: int = 0
    current: str = ""
    revoked: bool = False
    rotated_at: datetime | None = None
    refresh_expires_at: datetime | None = None


@dataclass(frozen=True)
class Code:
    """An authorization code as the person's browser brings it."""

    client_id: str
    subject: str
    scope: tuple[str, ...]
    redirect_uri: str
    challenge: str | None
    nonce: str | None
    expires_at: datetime


@dataclass
class Device:
    """A device that waits for its person (RFC 8628). `decided` None: nobody decided yet."""

    client_id: str
    scope: tuple[str, ...]
    user_code: str
    expires_at: datetime
    polled_at: datetime | None = None
    decided: bool | None = None
    subject: str = "ana"


@dataclass(frozen=True)
class Seen:
    """One request as the server saw it, secrets included: the test is the server."""

    path: str
    form: Mapping[str, str]
    client_id: str
    fresh_connection: bool
    outcome: str
    """`error` code of the answer, `ok`, or the fault's name."""


@dataclass
class TokenEndpointSimulator:
    """`now` is the world's clock. All else may be changed between (and during) requests."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    rotation: Rotation = Rotation.SINGLE_USE
    grace: timedelta = timedelta(0)
    """For single-use-with-grace: how long the last spent token still gives the current one again."""
    lifetime: timedelta = timedelta(hours=1)
    """`expires_in` of access tokens."""
    refresh_lifetime: timedelta | None = None
    """Absolute life of a refresh token, from the consent."""
    code_lifetime: timedelta = timedelta(minutes=1)
    clients: dict[str, str | None] = field(default_factory=lambda: {"client": "client-secret"})
    """Client id -> secret (or, for one that signs, its key), None for a public client."""
    subjects: set[str] = field(default_factory=set)
    """On whose behalf a `jwt_bearer` grant may ask."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Merged into every successful answer; a value of `...` removes the field."""
    issues_refresh_token: bool = True
    faults: deque[Fault | HttpAnswer | NoAnswer] = field(default_factory=deque)
    get_faults: deque[Fault | HttpAnswer | NoAnswer] = field(default_factory=deque)
    """The same for userinfo requests."""
    on_request: Callable[[Mapping[str, str]], None] = lambda form: None
    seen: list[Seen] = field(default_factory=list)
    families: dict[str, Family] = field(default_factory=dict)
    """Refresh token (also spent ones) -> its family."""
    access_tokens: dict[str, Family | None] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)
    """Device code -> who waits."""
    device_lifetime: timedelta = timedelta(minutes=10)
    device_interval: timedelta = timedelta(seconds=5)
    signer: Signer | None = None
    """Signs ID tokens at a person's consent; None: there are none."""
    email_verified: bool | None = None
    """What userinfo says of it; None: nothing."""
    keys_faults: deque[Fault | HttpAnswer | NoAnswer] = field(default_factory=deque)
    """The same as `faults` for requests of the public keys."""
    device_extra: dict[str, Any] = field(default_factory=dict)
    """Merged into the answer of the device authorization endpoint; a value of `...` removes the field."""
    _serial: Any = field(default_factory=lambda: count(1))
    _lock: threading.RLock = field(default_factory=threading.RLock)

    # ---- the world, for tests

    def consent(
        self, *, subject: str = "ana", scope: tuple[str, ...] = ("read",), client_id: str = "client"
    ) -> Secret:
        """A person allowed this client; the refresh token of the new grant."""
        with self._lock:
            family = Family(client_id, subject, scope, refresh_expires_at=self._refresh_end())
            return Secret(self._next_refresh(family))

    def authorize(
        self,
        *,
        redirect_uri: str,
        challenge: str | None,
        subject: str = "ana",
        scope: tuple[str, ...] = ("read",),
        client_id: str = "client",
        nonce: str | None = None,
    ) -> Secret:
        """The code that a person's browser would bring back."""
        with self._lock:
            code = f"code-{next(self._serial)}"
            expires_at = self.now() + self.code_lifetime
            self.codes[code] = Code(client_id, subject, scope, redirect_uri, challenge, nonce, expires_at)
            return Secret(code)

    def decide(self, user_code: str, *, allows: bool = True, subject: str = "ana") -> None:
        """A person typed the code that a device shows, and decided."""
        with self._lock:
            device = next(d for d in self.devices.values() if d.user_code == user_code)
            device.decided, device.subject = allows, subject

    def revoke(self, refresh_token: Secret) -> None:
        """A person removed the app's access."""
        with self._lock:
            self.families[refresh_token.reveal()].revoked = True

    def family(self, refresh_token: Secret) -> Family:
        return self.families[refresh_token.reveal()]

    def is_current(self, refresh_token: Secret | None) -> bool:
        """True where the server would still take this token as the newest of a living grant."""
        with self._lock:
            if refresh_token is None:
                return False
            family = self.families.get(refresh_token.reveal())
            return family is not None and not family.revoked and family.current == refresh_token.reveal()

    def exchanges(self, grant_type: str = "refresh_token") -> int:
        """How many requests of this kind succeeded at the server, lost answers included."""
        with self._lock:
            return sum(s.form.get("grant_type") == grant_type and s.outcome == "ok" for s in self.seen)

    # ---- ports.TokenEndpoint

    def post(
        self,
        url: TrustedUrl,
        *,
        form: Mapping[str, str | Secret | Assertion],
        client: ClientCredentials | None,
        fresh_connection: bool = False,
        shape: RequestShape = PLAIN_REQUEST,
    ) -> Outcome:
        plain = {k: _as_sent(v) for k, v in form.items()}
        self.on_request(plain)
        with self._lock:
            fault = self.faults.popleft() if self.faults else None
            said: Outcome
            if fault is None or fault is Fault.LOST_AFTER:
                said = self._serve(urlsplit(str(url)).path, plain, client)
                outcome = str(json.loads(said.body.reveal() or b"{}").get("error", "ok"))
            elif isinstance(fault, Fault):
                said, outcome = _no_answer(fault), fault.name
            else:
                said, outcome = fault, "scripted"
            client_id = client.client_id if client else plain.get("client_id", "")
            self.seen.append(Seen(urlsplit(str(url)).path, plain, client_id, fresh_connection, outcome))
            return _no_answer(Fault.LOST_AFTER) if fault is Fault.LOST_AFTER else said

    def get(
        self, url: TrustedUrl, *, bearer: Secret, header: str = "Authorization", scheme: str = "Bearer"
    ) -> Outcome:
        """Userinfo: the subject of the access token."""
        with self._lock:
            if self.get_faults:
                fault = self.get_faults.popleft()
                return _no_answer(fault) if isinstance(fault, Fault) else fault
            family = self.access_tokens.get(bearer.reveal())
            if family is None or family.revoked:
                return answer(401, {"error": "invalid_token"})
            claims: dict[str, Any] = {"sub": family.subject, "email": f"{family.subject}@example.com"}
            if self.email_verified is not None:
                claims["email_verified"] = self.email_verified
            return answer(200, claims)

    def fetch(self, url: Url) -> Outcome:
        """The public keys."""
        if self.keys_faults:
            fault = self.keys_faults.popleft()
            return _no_answer(fault) if isinstance(fault, Fault) else fault
        return answer(200, self.signer.public_keys() if self.signer else {"keys": []})

    def delete(self, url: TrustedUrl, *, bearer: Secret) -> Outcome:
        """The end of everything that the token's owner granted to its client, at a server with such an endpoint."""
        with self._lock:
            if self.get_faults:
                fault = self.get_faults.popleft()
                return _no_answer(fault) if isinstance(fault, Fault) else fault
            self.seen.append(Seen(urlsplit(str(url)).path, {}, "", False, "ok"))
            family = self.access_tokens.get(bearer.reveal())
            if family is None or family.revoked:
                return answer(401, {"error": "invalid_token"})
            for other in self.families.values():
                if (other.subject, other.client_id) == (family.subject, family.client_id):
                    other.revoked = True
            return answer(200, {})

    # ---- how it answers

    def _serve(self, path: str, form: Mapping[str, str], client: ClientCredentials | None) -> HttpAnswer:
        refusal = self._client_refusal(form, client)
        if refusal is not None:
            return refusal
        client_id = client.client_id if client else form.get("client_id", "")
        if path.endswith("/revoke"):
            token = form.get("token", "")
            family = self.families.get(token) or self.access_tokens.get(token)
            if family is not None and family.client_id == client_id:
                family.revoked = True
            return answer(200, b"", {})
        if path.endswith("/introspect"):
            holder = self.access_tokens.get(form.get("token", ""))
            alive = holder is not None and not holder.revoked
            return answer(
                200, {"active": True, "sub": holder.subject} if alive and holder else {"active": False}
            )
        if path.endswith("/device_authorization"):
            return self._begin_device(form, client_id)
        match form.get("grant_type"):
            case "urn:ietf:params:oauth:grant-type:device_code":
                return self._poll(form, client_id)
            case "refresh_token":
                return self._refresh(form, client_id)
            case "authorization_code":
                return self._redeem(form, client_id)
            case "client_credentials":
                return self._issue(None, form.get("scope", "").split())
            case "urn:ietf:params:oauth:grant-type:jwt-bearer":
                return self._bear(form)
            case _:
                return answer(400, {"error": "unsupported_grant_type"})

    def _client_refusal(self, form: Mapping[str, str], client: ClientCredentials | None) -> HttpAnswer | None:
        if client is None and "assertion" in form:
            return None  # RFC 7523 §3.1: a public client's assertion speaks for itself
        client_id = client.client_id if client else form.get("client_id", "")
        secret = client.secret.reveal() if client and client.secret else form.get("client_secret")
        if client is not None and client.auth in (ClientAuth.PRIVATE_KEY_JWT, ClientAuth.CLIENT_SECRET_JWT):
            secret = client.assertions.key.text.reveal() if client.assertions else None
        if client_id not in self.clients or self.clients[client_id] != secret:
            return answer(
                401, {"error": "invalid_client", "error_description": "client authentication failed"}
            )
        return None

    def _bear(self, form: Mapping[str, str]) -> HttpAnswer:
        said = json.loads(form["assertion"])
        if said["iss"] not in self.clients or self.clients[said["iss"]] != said["key"]:
            return answer(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        if said["sub"] != said["iss"] and said["sub"] not in self.subjects:
            return answer(400, {"error": "invalid_grant", "error_description": "no such subject"})
        return self._issue(None, (said["scope"] or form.get("scope", "")).split())

    def _refresh(self, form: Mapping[str, str], client_id: str) -> HttpAnswer:
        presented = form.get("refresh_token", "")
        family = self.families.get(presented)
        if family is None or family.revoked or family.client_id != client_id or self._is_over(family):
            return answer(400, {"error": "invalid_grant", "error_description": "no such grant"})
        wanted = form.get("scope", "").split()
        if not set(wanted) <= set(family.scope):
            return answer(400, {"error": "invalid_scope"})
        if presented != family.current and not self._spent_token_works(family):
            family.revoked = True
            return answer(400, {"error": "invalid_grant", "error_description": "the token was already used"})
        if self.rotation is Rotation.REUSABLE:
            return self._issue(family, wanted or family.scope)
        if presented == family.current:
            family.rotated_at = self.now()
            return self._issue(family, wanted or family.scope, refresh=self._next_refresh(family))
        return self._issue(family, wanted or family.scope, refresh=family.current)

    def _spent_token_works(self, family: Family) -> bool:
        if self.rotation in (Rotation.OLD_STAYS_VALID, Rotation.REUSABLE):
            return True
        fresh = family.rotated_at is not None and self.now() - family.rotated_at < self.grace
        return self.rotation is Rotation.SINGLE_USE_WITH_GRACE and fresh

    def _redeem(self, form: Mapping[str, str], client_id: str) -> HttpAnswer:
        code = self.codes.pop(form.get("code", ""), None)
        fits = code is not None and (code.client_id, code.redirect_uri) == (
            client_id,
            form.get("redirect_uri"),
        )
        if code is None or not fits or self.now() >= code.expires_at:
            return answer(400, {"error": "invalid_grant", "error_description": "no such code"})
        if code.challenge is not None and code.challenge != _s256(form.get("code_verifier", "")):
            return answer(400, {"error": "invalid_grant", "error_description": "wrong code_verifier"})
        family = Family(
            client_id, code.subject, code.scope, code.nonce, refresh_expires_at=self._refresh_end()
        )
        refresh = self._next_refresh(family) if self.issues_refresh_token else None
        return self._issue(family, code.scope, refresh=refresh, signs=True)

    def _begin_device(self, form: Mapping[str, str], client_id: str) -> HttpAnswer:
        number = next(self._serial)
        page, code = "https://as.example/device", f"WDJB-{number:04d}"
        device = Device(
            client_id, tuple(form.get("scope", "").split()), code, self.now() + self.device_lifetime
        )
        self.devices[f"device-{number}"] = device
        body: dict[str, Any] = {
            "device_code": f"device-{number}",
            "user_code": code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={code}",
            "expires_in": int(self.device_lifetime.total_seconds()),
            "interval": int(self.device_interval.total_seconds()),
        }
        return answer(200, {k: v for k, v in (body | self.device_extra).items() if v is not ...})

    def _poll(self, form: Mapping[str, str], client_id: str) -> HttpAnswer:
        device = self.devices.get(form.get("device_code", ""))
        if device is None or device.client_id != client_id:
            return answer(400, {"error": "invalid_grant"})
        last, device.polled_at = device.polled_at, self.now()
        if self.now() >= device.expires_at:
            return answer(400, {"error": "expired_token"})
        if last is not None and self.now() - last < self.device_interval:
            self.device_interval += timedelta(seconds=5)
            return answer(400, {"error": "slow_down"})
        if device.decided is None:
            return answer(400, {"error": "authorization_pending"})
        if not device.decided:
            return answer(400, {"error": "access_denied"})
        del self.devices[form["device_code"]]
        family = Family(client_id, device.subject, device.scope, refresh_expires_at=self._refresh_end())
        refresh = self._next_refresh(family) if self.issues_refresh_token else None
        return self._issue(family, device.scope, refresh=refresh, signs=True)

    def _issue(
        self,
        family: Family | None,
        scope: tuple[str, ...] | list[str],
        *,
        refresh: str | None = None,
        signs: bool = False,
    ) -> HttpAnswer:
        token = f"access-{next(self._serial)}"
        self.access_tokens[token] = family
        body: dict[str, Any] = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(self.lifetime.total_seconds()),
            "scope": " ".join(scope),
        }
        if refresh is not None:
            body["refresh_token"] = refresh
        if signs and family is not None and self.signer is not None:
            body["id_token"] = self.signer.id_token(
                family.subject, family.client_id, family.nonce, self.now()
            )
        body |= self.extra
        return answer(200, {k: v for k, v in body.items() if v is not ...})

    def _next_refresh(self, family: Family) -> str:
        family.generation += 1
        family.current = f"refresh-{next(self._serial)}.{family.generation}"
        self.families[family.current] = family
        return family.current

    def _refresh_end(self) -> datetime | None:
        return None if self.refresh_lifetime is None else self.now() + self.refresh_lifetime

    def _is_over(self, family: Family) -> bool:
        return family.refresh_expires_at is not None and self.now() >= family.refresh_expires_at


def _as_sent(value: str | Secret | Assertion) -> str:
    """In memory nothing is signed: an assertion is what it says, and the key that it would be signed with."""
    if isinstance(value, Assertion):
        terms = value.terms
        said = {"iss": value.issuer, "sub": value.subject, "aud": terms.audience, "scope": value.scope}
        return json.dumps({**said, "key": terms.key.text.reveal()})
    return value.reveal() if isinstance(value, Secret) else value


def trusted(text: str = "https://as.example/token") -> TrustedUrl:
    """A URL as `decide/trust.permit` would give it, for tests that are not about trust."""
    return TrustedUrl(parse_url(text, allow_loopback_http=True))


def _no_answer(fault: Fault) -> NoAnswer:
    match fault:
        case Fault.NOT_SENT:
            return NoAnswer(Loss.NOT_SENT, "connection refused")
        case Fault.LOST_BEFORE | Fault.LOST_AFTER:
            return NoAnswer(Loss.UNCLEAR, "the connection was cut before an answer came")


def _s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
