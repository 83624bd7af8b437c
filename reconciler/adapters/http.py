"""The one HTTP client for all traffic to providers. It says what came back, or that nothing did and why; it never raises
for what the other side does.

Rules (DESIGN §8, URLs):
- one attempt: no retry, no redirect, no cookie, no decompression, no proxy from the environment;
- one total deadline and one byte cap for the whole request; addresses judged and pinned (`adapters/http_stream`);
- `NOT_SENT` only where no byte of the request can have left; all else without a whole answer is `UNCLEAR`;
- a connection belongs to one request at a time. The pools of httpx and httpcore are not used: shared by threads, one
  thread takes another's answer in flight for a disconnect and closes the socket under it (httpcore 1.0.9: 12 of 64,000
  requests by 16 threads), which would make doubt out of nothing;
- nothing is logged; secrets pass through as bytes of headers and body.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import urlsplit

from reconciler.adapters.http_direct import Direct, Receive
from reconciler.adapters.http_policy import HttpPolicy, read_proxy, tls_context
from reconciler.adapters.http_stream import (
    AddressRules,
    Backend,
    Budget,
    Refused,
    Resolver,
    system_resolver,
)
from reconciler.adapters.http_wire import Lost, NotSent, RawAnswer
from reconciler.model.address import is_loopback_host
from reconciler.model.answer import HttpAnswer, Loss, NoAnswer, Outcome
from reconciler.model.endpoint import Origin, Url

_HEADER_BYTES = 64 * 1024
_OVERHEAD = 4
"""Chunked coding may wrap each byte of a body in this many more, and no honest server comes near it."""
_IDLE_LINES = 64
_USER_AGENT = "reconciler"

__all__ = ["HttpClient", "HttpPolicy"]


class _Carrier(Protocol):
    """What a request is said on: `http_direct`, or `http_core`."""

    def exchange(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        cap: int,
        receive: Receive | None,
    ) -> RawAnswer: ...

    def usable(self) -> bool: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class _Line:
    """One connection and what carries its bytes."""

    origin: Origin
    backend: Backend
    carrier: _Carrier


Note = Callable[[str, Origin, Outcome], None]


class HttpClient:
    """Safe to share between threads. Close it when the run ends.

    `note` hears of every request: its method, its origin (a path may hold what is nobody's business) and how it ended.
    """

    def __init__(
        self, policy: HttpPolicy, *, resolver: Resolver = system_resolver, note: Note | None = None
    ) -> None:
        self._policy = policy
        self._note = note
        self._rules = AddressRules(
            frozenset(host.lower().rstrip(".") for host in policy.allowed_hosts), policy.loopback
        )
        self._resolver = resolver
        self._proxy = None if policy.proxy is None else read_proxy(policy.proxy)
        self._tls = tls_context(policy.ca_file)
        self._lock = threading.Lock()
        self._idle: list[_Line] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends idle connections; requests under way end by themselves."""
        with self._lock:
            lines, self._idle = self._idle, []
        for line in lines:
            line.carrier.close()

    def request(
        self,
        method: str,
        url: Url,
        *,
        cap: int,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        fresh_connection: bool = False,
        receive: Receive | None = None,
    ) -> Outcome:
        """One attempt. `cap` bounds the body in bytes. Header values are ASCII and hold no line break.

        With `receive`, the connection is its own; what it takes is not in the answer, and may have been cut where there is
        none. What it raises ends the request and passes through, unless it is an OSError or a ValueError.
        """
        outcome = self._ask(
            method, url, headers=headers, body=body, cap=cap, fresh=fresh_connection, receive=receive
        )
        if self._note is not None:
            # What is said of an answer never costs the answer: it may hold the only living refresh token.
            with suppress(Exception):
                self._note(method, url.origin, outcome)
        return outcome

    def _ask(
        self,
        method: str,
        url: Url,
        *,
        headers: Mapping[str, str] | None,
        body: bytes | None,
        cap: int,
        fresh: bool,
        receive: Receive | None,
    ) -> Outcome:
        seconds = self._policy.deadline.total_seconds()
        budget = Budget(time.monotonic() + seconds, cap * _OVERHEAD + _HEADER_BYTES, seconds)
        if self._proxy is not None and not self._rules.admits_literal(url.origin.host):
            return NoAnswer(Loss.NOT_SENT, "the address is not public")
        whole = receive is None
        line = self._line(url.origin, budget, fresh=fresh or not whole, whole=whole)
        try:
            answer = line.carrier.exchange(
                method,
                _target(url),
                headers={"user-agent": _USER_AGENT, **(headers or {})},
                body=body,
                cap=cap,
                receive=receive,
            )
        except (Refused, Lost, NotSent) as ended:
            line.carrier.close()
            return NoAnswer(Loss.UNCLEAR if budget.sent else Loss.NOT_SENT, _words(ended))
        except BaseException:
            line.carrier.close()
            raise
        self._give_back(line, fresh=fresh or not whole)
        return HttpAnswer(answer.status, answer.headers, answer.body)

    def _line(self, origin: Origin, budget: Budget, *, fresh: bool, whole: bool) -> _Line:
        while not fresh and (line := self._take_idle(origin)) is not None:
            if line.carrier.usable():
                line.backend.budget = budget
                return line
            line.carrier.close()
        return self._open(origin, budget, whole=whole)

    def _take_idle(self, origin: Origin) -> _Line | None:
        with self._lock:
            for index in range(len(self._idle) - 1, -1, -1):
                if self._idle[index].origin == origin:
                    return self._idle.pop(index)
        return None

    def _give_back(self, line: _Line, *, fresh: bool) -> None:
        surplus = line
        if not fresh and line.carrier.usable():
            with self._lock:
                self._idle.append(line)
                if len(self._idle) <= _IDLE_LINES:
                    return
                surplus = self._idle.pop(0)
        surplus.carrier.close()

    def _open(self, origin: Origin, budget: Budget, *, whole: bool) -> _Line:
        proxy = None if is_loopback_host(origin.host) else self._proxy
        encrypted = origin.scheme == "https"
        if proxy is None and whole:
            backend = Backend(
                self._rules, resolver=self._resolver, budget=budget, encrypted=encrypted, via_proxy=False
            )
            return _Line(origin, backend, Direct(origin, backend, tls=self._tls))
        from reconciler.adapters.http_core import CoreBackend, CoreConnection

        core = CoreBackend(
            self._rules,
            resolver=self._resolver,
            budget=budget,
            encrypted=encrypted,
            via_proxy=proxy is not None,
        )
        return _Line(origin, core, CoreConnection(origin, core, proxy=proxy, tls=self._tls))


def _words(ended: Refused | Lost | NotSent) -> str:
    """Why there is no answer, in words of ours."""
    match ended:
        case Refused():
            return str(ended)
        case Lost(why=why):
            return why
        case NotSent():
            return "the request could not be sent"


def _target(url: Url) -> str:
    parts = urlsplit(url.text)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
