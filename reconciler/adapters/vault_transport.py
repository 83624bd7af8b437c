"""hvac's adapter seam over our own connections: what is sent to Vault, where it may go, and what is tried again.

Rules (facts/vault-kv.md):
- the token goes to the configured address; a redirect is followed once, to a configured address of the same scheme;
- reads, logins and `sys/` calls are repeated on 5xx, resets and timeouts while time and attempts last;
- a write whose fate is unknown (5xx, reset, timeout, a proxy's page) is never sent again: `Unsettled`;
- 412, 429 and "Upgrading from non-versioned" mean that nothing happened: everything is repeated, writes too;
- every call, with all its repetitions, ends within `settings.timeout` (at least 30 s while a new mount is upgraded).

hvac builds the paths and bodies; what it gets back, for every status, is an `Answer`. Nothing of hvac is raised.
"""

from __future__ import annotations

import json
import random
import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, TypeAlias
from urllib.parse import urlencode, urlsplit

from hvac.adapters import Adapter

from reconciler.adapters.http_wire import Lost, NotSent, RawAnswer
from reconciler.adapters.vault_answer import Answer, parse_answer
from reconciler.adapters.vault_connection import ConnectionPool, Endpoint, parse_endpoint
from reconciler.adapters.vault_settings import VaultSettings
from reconciler.errors import StoreUnreachable, StoreUnsuitable, UsageError
from reconciler.model.limits import ANSWER_LIMITS

_READS = frozenset({"GET", "LIST", "SCAN", "HEAD"})
_REPEATABLE_PATHS = ("/v1/auth/", "/v1/sys/")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_UPGRADE_SECONDS = 30.0
_LONGEST_PAUSE = 5.0
_LAST_TRY_SECONDS = 1.0
"""What a try has at least, when waiting for an upgrade has used up the call's time."""

_HEADER_TEXT = re.compile(r"[\x21-\x7e]+")

_Tried: TypeAlias = Answer | NotSent | Lost


class Unsettled(Exception):
    """A write was sent and its fate is unknown. `why` is ours and short."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Pacing:
    """Time and chance of the repetitions; tests bring their own."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    fraction: Callable[[], float] = random.SystemRandom().random

    def pause(self, attempt: int, *, asked: float | None = None) -> float:
        """Seconds before the next try: what the server asked for, or a growing pause; jittered, never over 5 s."""
        seconds = 0.1 * 2.0**attempt if asked is None else asked
        return min(_LONGEST_PAUSE, seconds * (0.75 + 0.5 * self.fraction()))


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of hvac: what is sent at each try, and how long it may take."""

    verb: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)
    repeatable: bool
    deadline: float


class LeanAdapter(Adapter):  # type: ignore[misc]  # hvac ships no types
    """What hvac's Client is given. `token_source` gives the token of each request; None: the request carries none."""

    def __init__(
        self,
        settings: VaultSettings,
        *,
        token_source: Callable[[], str | None] = lambda: None,
        pacing: Pacing | None = None,
    ) -> None:
        self._settings = settings
        if settings.namespace is not None and _HEADER_TEXT.fullmatch(settings.namespace) is None:
            raise UsageError("VAULT_NAMESPACE holds characters that no namespace has")
        self._home = parse_endpoint(settings.address)
        self._others = tuple(parse_endpoint(address) for address in settings.other_addresses)
        super().__init__(
            base_uri=self._home.shown,
            session=SimpleNamespace(verify=None, cert=None, proxies=None, close=self._close),
            namespace=settings.namespace,
            allow_redirects=False,
        )
        self._context = _tls(settings) if self._home.scheme == "https" else None
        self._pools = {
            endpoint: ConnectionPool(
                endpoint,
                context=self._context,
                server_name=settings.server_name,
                keep=settings.connections,
            )
            for endpoint in (self._home, *self._others)
        }
        self.token_source = token_source
        self._allowed = settings.timeout.total_seconds()
        self._pacing = pacing or Pacing()

    @property
    def address(self) -> str:
        return self._home.shown

    def get_login_token(self, response: Answer) -> str:
        """Asked by hvac alone; our logins take the whole answer."""
        auth = response.body.get("auth")
        token = auth.get("client_token") if isinstance(auth, dict) else None
        return token if isinstance(token, str) else ""

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        raise_exception: bool = True,
        **kwargs: Any,
    ) -> Answer:
        """One call of hvac: an `Answer` for every status. StoreUnreachable; Unsettled for a write.

        `content` are the bytes of a body that is JSON already.
        """
        verb = method.upper()
        params = kwargs.get("params")
        body: bytes | None = kwargs.get("content")
        if (payload := kwargs.get("json")) is not None:
            body = json.dumps(payload, ensure_ascii=False).encode()
        call = _Call(
            verb=verb,
            target=self._home.prefix + url + (f"?{urlencode(params)}" if params else ""),
            headers=self._headers(url, headers, with_body=body is not None),
            body=body,
            repeatable=verb in _READS or url.startswith(_REPEATABLE_PATHS),
            deadline=time.monotonic() + self._allowed,
        )
        return self._repeat(call)

    def _headers(self, url: str, given: Mapping[str, str] | None, *, with_body: bool) -> dict[str, str]:
        headers = {"X-Vault-Request": "true", **(given or {})}
        if with_body:
            headers["Content-Type"] = "application/json"
        if url.startswith("/v1/sys/health"):
            return headers  # takes neither namespace nor token
        if self.namespace:
            headers["X-Vault-Namespace"] = self.namespace
        login = url.startswith("/v1/auth/") and url.endswith("/login")
        token = None if login else self.token_source()
        if token is not None:
            headers["X-Vault-Token"] = token
        return headers

    # ------------------------------------------------------------------------------------- what is tried again

    def _repeat(self, call: _Call) -> Answer:
        began = self._pacing.monotonic()
        attempt = 0
        while True:
            tried = self._try(call)
            if isinstance(tried, Answer) and tried.done:
                return tried
            upgrading = isinstance(tried, Answer) and tried.upgrading
            allowed = self._allowed
            pause = self._pause_after(tried, call, attempt=attempt)
            left = (max(allowed, _UPGRADE_SECONDS) if upgrading else allowed) - (
                self._pacing.monotonic() - began
            )
            if pause is None or pause >= left:
                return self._settle(tried, call)
            self._pacing.sleep(pause)
            attempt += 1

    def _pause_after(self, tried: _Tried, call: _Call, *, attempt: int) -> float | None:
        """Seconds until the next try, or None where this was the last."""
        if isinstance(tried, Answer) and tried.upgrading:
            return self._pacing.pause(min(attempt, 3))
        if attempt + 1 >= self._settings.attempts:
            return None
        match tried:
            case Answer(status=412 | 429):
                return self._pacing.pause(attempt, asked=tried.retry_after)
            case Answer():
                again = call.repeatable and tried.status >= 500 and not tried.sealed
                return self._pacing.pause(attempt) if again else None
            case NotSent():
                return self._pacing.pause(attempt)
            case Lost():
                return self._pacing.pause(attempt) if call.repeatable else None

    def _settle(self, tried: _Tried, call: _Call) -> Answer:
        """The last try's outcome, as hvac's caller sees it."""
        where = f"vault {self.address}"
        if isinstance(tried, NotSent):
            raise StoreUnreachable(f"{where}: {tried.why}", hint="is VAULT_ADDR right, and is the server up?")
        if isinstance(tried, Lost):
            why = tried.why
        elif tried.genuine and (tried.status < 500 or tried.sealed):
            return tried
        else:
            why = f"answered {tried.status}" + ("" if tried.genuine else " with what is not Vault's JSON")
        if not call.repeatable:
            raise Unsettled(why)
        raise StoreUnreachable(f"{where}: {why}", hint="is VAULT_ADDR right, and is no proxy in between?")

    # ---------------------------------------------------------------------------------------------- one attempt

    def _try(self, call: _Call) -> _Tried:
        """One request, and one more where it was redirected to a configured address."""
        try:
            raw = self._exchange(self._home, call)
            if raw.status in _REDIRECTS:
                raw = self._exchange(self._redirected(raw), call)
                if raw.status in _REDIRECTS:
                    raise StoreUnsuitable(f"vault {self.address}: redirects more than once")
        except (NotSent, Lost) as failure:
            return failure
        return parse_answer(raw)

    def _exchange(self, endpoint: Endpoint, call: _Call) -> RawAnswer:
        now = time.monotonic()
        return self._pools[endpoint].exchange(
            call.verb,
            call.target,
            headers=call.headers,
            body=call.body,
            deadline=call.deadline if call.deadline > now else now + _LAST_TRY_SECONDS,
            cap=ANSWER_LIMITS.store_answer_bytes,
        )

    def _redirected(self, raw: RawAnswer) -> Endpoint:
        """Where it leads, if that is one of our own addresses. What is asked there is our own path, never theirs."""
        try:
            led = parse_endpoint(
                urlsplit(raw.headers.get("location", ""))._replace(query="", fragment="").geturl()
            )
        except (UsageError, ValueError):
            led = None
        for known in (self._home, *self._others):
            if led is not None and known.same_origin(led) and known.scheme == self._home.scheme:
                return known
        raise StoreUnsuitable(
            f"vault {self.address}: redirects to an address that is not configured; the token was not sent there",
            hint="set VAULT_ADDR to the active node, or list that address in RECONCILER_VAULT_ADDRESSES",
        )

    def _close(self) -> None:
        for pool in self._pools.values():
            pool.close()


def _tls(settings: VaultSettings) -> ssl.SSLContext:
    """UsageError names the file that cannot be used."""
    try:
        context = ssl.create_default_context(
            cafile=str(settings.ca_file) if settings.ca_file else None,
            capath=str(settings.ca_folder) if settings.ca_folder else None,
        )
    except (OSError, ssl.SSLError):
        raise UsageError("VAULT_CACERT or VAULT_CAPATH cannot be read as certificates") from None
    if settings.skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.client_cert is not None:
        try:
            context.load_cert_chain(settings.client_cert, settings.client_key)
        except (OSError, ssl.SSLError):
            raise UsageError(
                "VAULT_CLIENT_CERT and VAULT_CLIENT_KEY cannot be read as a certificate and its key"
            ) from None
    return context
