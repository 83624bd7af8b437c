"""One login a run: made at the first request, shared by all threads, renewed or repeated when it runs out.

Rules:
- a login is renewed shortly before it ends, and repeated where it cannot be renewed;
- a 403 of a dead token makes one new login, a 403 of a living one is that path's denial; who lives is told by
  Vault's "invalid token", and where a server does not say that, by asking about the token itself;
- a login that was refused is not tried again for a minute, however many threads ask for it;
- a token of the user's cannot be repeated: dead is `LoginRefused` (exit 8). A token file is read again instead.

Tokens are `Secret`, time is monotonic. Messages name the method and its mount, never what was sent.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import assert_never

import hvac

from reconciler.adapters.vault_answer import Answer
from reconciler.adapters.vault_credentials import Credentials, read_credentials
from reconciler.adapters.vault_errors import sealed
from reconciler.adapters.vault_settings import (
    AppRoleLogin,
    JwtLogin,
    KubernetesLogin,
    Login,
    TokenFileLogin,
    TokenLogin,
    VaultSettings,
)
from reconciler.errors import LoginRefused, StoreUnreachable
from reconciler.model.secret import Secret

_TOKEN = re.compile(r"[\x21-\x7e]+")
_RENEW_BEFORE_SECONDS = 15.0
"""Or a quarter of its life, for one that lives shorter."""
_KEPT = 0.75
"""Share of its whole life that a login of our own is kept at, where more is asked for than its role gives."""
_REFUSAL_STANDS_SECONDS = 60.0
_ALIVE_SECONDS = 30.0
_PROVEN_SECONDS = 60.0
"""A login that dies younger than this is not replaced a second time: something kills them."""


@dataclass(frozen=True, slots=True)
class _Held:
    """The token in use. `ends` is monotonic seconds, None: it does not end, or nobody told us. `life` is in seconds."""

    token: Secret
    serial: int
    ends: float | None
    renewable: bool
    life: float = 0.0
    asked: bool = True
    """False: a token that we were given, and of whose life we know nothing yet."""

    def left(self, now: float) -> float:
        """Seconds until it ends."""
        return float("inf") if self.ends is None else self.ends - now

    def ending(self, now: float) -> bool:
        """It is time to renew it."""
        return self.left(now) < min(_RENEW_BEFORE_SECONDS, self.life / 4)


class VaultLogin:
    """`client` must be bound to an adapter whose `token_source` is this object's `token`."""

    def __init__(
        self, settings: VaultSettings, *, client: hvac.Client, monotonic: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._client = client
        self._monotonic = monotonic
        self._lock = threading.RLock()
        self._held: _Held | None = None
        self._forced_at: float | None = None
        self._known_alive_until = float("-inf")
        self._refusal: tuple[float, LoginRefused] | None = None

    # ------------------------------------------------------------------------------------------- what calls use

    def token(self) -> str:
        """The token for the next request; logs in, or renews, where that is due. LoginRefused."""
        held = self._held
        if held is None or held.ending(self._monotonic()):
            with self._lock:
                held = self._held or self._log_in()
                if held.ending(self._monotonic()):
                    held = self._prolong(held, needed=held.life / 2)
        return held.token.reveal()

    def serial(self) -> int:
        """Which login a request that starts now would use: to be given to `recover` when it gets a 403."""
        held = self._held
        return held.serial if held is not None else 0

    def recover(self, serial: int, answer: Answer) -> bool:
        """After a 403: True where a newer login is there to try with, False where the login lives. LoginRefused."""
        with self._lock:
            held = self._held
            if held is None or held.serial != serial:
                return True
            if not answer.says("invalid token") and self._lives():
                return self.serial() != serial
            return self._replace()

    def ensure(self, lasts: timedelta) -> None:
        """The login lives at least `lasts` from now, as far as it can be made to. LoginRefused where it cannot."""
        needed = lasts.total_seconds()
        with self._lock:
            held = self._held or self._log_in()
            if not held.asked:
                held = self._ask_about(held)
            if self._repeatable and held.life:
                needed = min(needed, held.life * _KEPT)
            if held.left(self._monotonic()) >= needed:
                return
            held = self._prolong(held, needed=needed)
            left = held.left(self._monotonic())
            if left < needed and not self._repeatable:
                raise LoginRefused(
                    f"{self._where}: the token ends in {max(left, 0):.0f} s and cannot be renewed for {needed:.0f} s",
                    hint="bring a token that lives longer, or a login that can be repeated (AppRole, JWT, Kubernetes)",
                )

    # ------------------------------------------------------------------------------------------------- its life

    @property
    def _where(self) -> str:
        return f"vault {self._client.adapter.address}"

    @property
    def _repeatable(self) -> bool:
        return not isinstance(self._settings.login, TokenLogin)

    def _prolong(self, held: _Held, *, needed: float) -> _Held:
        """Renewed; where that does not make it last `needed` seconds, a new login; else what there is."""
        if held.renewable:
            held = self._renew(held)
            if held.left(self._monotonic()) >= needed:
                return held
        if not self._repeatable:
            return held
        try:
            return self._log_in()
        except (LoginRefused, StoreUnreachable):
            if held.left(self._monotonic()) > 0:
                return held
            raise

    def _renew(self, held: _Held) -> _Held:
        """The same token with more time, or `held` as it was where Vault does not renew it."""
        self._held = replace(held, ends=None)  # so that the request below does not wait for itself
        try:
            answer: Answer = self._client.auth.token.renew_self()
        except StoreUnreachable:
            answer = Answer(0)
        auth = answer.body.get("auth")
        if answer.status == 200 and isinstance(auth, dict):
            self._held = self._from_auth(auth, held.serial)
        else:
            self._held = replace(held, renewable=False)
        return self._held

    def _ask_about(self, held: _Held) -> _Held:
        """How long a token that we were given lives. A policy may forbid to ask: then nobody knows."""
        answer: Answer = self._client.auth.token.lookup_self()
        if answer.status == 403 and answer.says("invalid token"):
            self._replace()
            return self._held or held
        said = answer.data if answer.status == 200 and answer.data is not None else {}
        seconds, renewable = said.get("ttl"), said.get("renewable")
        self._held = self._living(held.token, held.serial, seconds=seconds, renewable=renewable)
        return self._held

    def _lives(self) -> bool:
        """Asked where a 403 alone does not tell a dead token from a denied path (servers before Vault 1.14)."""
        if self._monotonic() < self._known_alive_until:
            return True
        alive: bool = self._client.auth.token.lookup_self().status == 200
        if not alive:
            mount: Answer = self._client.adapter.get(url=f"/v1/sys/internal/ui/mounts/{self._settings.mount}")
            alive = mount.status == 200
        if alive:
            self._known_alive_until = self._monotonic() + _ALIVE_SECONDS
        return alive

    def _replace(self) -> bool:
        """One new login for a dead one; True when it is there."""
        recently = self._forced_at is not None and self._monotonic() - self._forced_at < _PROVEN_SECONDS
        before = self._held
        if not self._repeatable or recently:
            raise self._refused(
                "the token is not accepted: expired, revoked, or of another server or namespace"
            )
        self._forced_at = self._monotonic()
        made = self._log_in()
        if before is not None and made.token == before.token:
            raise self._refused("the token in the file is not accepted")
        return True

    # ------------------------------------------------------------------------------------------------ logging in

    def _log_in(self) -> _Held:
        if self._refusal is not None and self._monotonic() - self._refusal[0] < _REFUSAL_STANDS_SECONDS:
            earlier = self._refusal[1]
            raise LoginRefused(earlier.message, hint=earlier.hint)
        credentials = read_credentials(self._settings.login, where=self._where)
        serial = self.serial() + 1
        if credentials.is_token:
            token = credentials.secret
            if token is None or _TOKEN.fullmatch(token.reveal()) is None:
                raise self._refused("the token holds characters that no Vault token has")
            self._held = _Held(token, serial, ends=None, renewable=False, asked=False)
            return self._held
        answer = self._send(self._settings.login, credentials)
        if answer.sealed:
            raise sealed(self._where, answer.status)
        if answer.status in (412, 429):
            raise StoreUnreachable(f"{self._where}: limits our logins (status {answer.status})")
        auth = answer.body.get("auth")
        if answer.status != 200 or not isinstance(auth, dict):
            raise self._refused(f"the login is refused (status {answer.status})")
        self._held = self._from_auth(auth, serial)
        self._refusal = None
        return self._held

    def _send(self, login: Login, credentials: Credentials) -> Answer:
        secret = credentials.secret.reveal() if credentials.secret is not None else None
        answer: Answer
        match login:
            case AppRoleLogin():
                answer = self._client.auth.approle.login(
                    role_id=login.role_id, secret_id=secret, use_token=False, mount_point=login.mount
                )
            case JwtLogin():
                answer = self._client.auth.jwt.jwt_login(
                    role=login.role, jwt=secret, use_token=False, path=login.mount
                )
            case KubernetesLogin():
                answer = self._client.auth.kubernetes.login(
                    role=login.role, jwt=secret, use_token=False, mount_point=login.mount
                )
            case TokenLogin() | TokenFileLogin():
                raise AssertionError("a token is not sent to log in")
            case _:
                assert_never(login)
        return answer

    def _from_auth(self, auth: dict[str, object], serial: int) -> _Held:
        token = auth.get("client_token")
        if not isinstance(token, str) or _TOKEN.fullmatch(token) is None:
            raise self._refused("the login gave no token (it may ask for a second factor)")
        seconds, renewable = auth.get("lease_duration"), auth.get("renewable")
        return self._living(Secret(token), serial, seconds=seconds, renewable=renewable)

    def _living(self, token: Secret, serial: int, *, seconds: object, renewable: object) -> _Held:
        """A token with the rest of its life as Vault said it; 0 is without end."""
        life = float(seconds) if isinstance(seconds, int) and seconds > 0 else None
        ends = None if life is None else self._monotonic() + life
        return _Held(token, serial, ends=ends, renewable=renewable is True, life=life or 0.0)

    def _refused(self, why: str) -> LoginRefused:
        method, hint = _describe(self._settings.login)
        refusal = LoginRefused(f"{self._where}: {method}: {why}", hint=hint)
        self._refusal = (self._monotonic(), refusal)
        return refusal


def _describe(login: Login) -> tuple[str, str]:
    """The method in words, and what a person checks."""
    match login:
        case TokenLogin():
            return "token", "set VAULT_TOKEN to a living token of this server and namespace"
        case TokenFileLogin():
            return "token file", "log in again (`vault login`), or set VAULT_TOKEN"
        case AppRoleLogin():
            return (
                f"AppRole at auth/{login.mount}",
                "check the role id, the secret id and the mount of AppRole",
            )
        case JwtLogin():
            return (
                f"JWT at auth/{login.mount}",
                f"check the role '{login.role}': its audience and claims must fit the ID token",
            )
        case KubernetesLogin():
            return (
                f"Kubernetes at auth/{login.mount}",
                f"check the role '{login.role}': it must name this service account and namespace",
            )
        case _:
            assert_never(login)
