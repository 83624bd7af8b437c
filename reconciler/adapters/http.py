"""The one HTTP client for all traffic to providers. It says what came back, or that nothing did and why; it never raises
for what the other side does.

Rules (DESIGN §8, URLs):
- one attempt: no retry, no redirect, no cookie, no decompression, no proxy from the environment;
- one total deadline and one byte cap for the whole request; addresses judged and pinned (`adapters/http_stream`);
- `NOT_SENT` only where no byte of the request can have left; all else without a whole answer is `UNCLEAR`;
- a connection belongs to one request at a time. The pools of httpx and httpcore are not used: shared by threads, one
  thread takes another's answer in flight for a disconnect and closes the socket under it (httpcore 1.0.9: 12 of 64,000
  requests by 16 threads), which would make doubt out of nothing. Checked out singly, a request also costs less CPU;
- nothing is logged; secrets pass through as bytes of headers and body.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpcore

from reconciler.adapters.http_policy import HttpPolicy, read_proxy, tls_context
from reconciler.adapters.http_stream import (
    AddressRules,
    Backend,
    Budget,
    Refused,
    Resolver,
    system_resolver,
)
from reconciler.model.address import is_loopback_host
from reconciler.model.answer import HttpAnswer, Loss, NoAnswer, Outcome
from reconciler.model.endpoint import Origin, Url
from reconciler.model.secret import SecretBytes

_HEADER_BYTES = 64 * 1024
_OVERHEAD = 4
"""Chunked coding may wrap each byte of a body in this many more, and no honest server comes near it."""
_KEEP_ALIVE_SECONDS = 4.0
"""Below the five seconds after which common servers close an idle connection: no race with their closing."""
_IDLE_LINES = 64
_USER_AGENT = "reconciler"

__all__ = ["HttpClient", "HttpPolicy"]

for _name in ("httpx", "httpcore"):
    # They log whole URLs and headers, and a URL may hold what is nobody's business.
    logging.getLogger(_name).setLevel(logging.CRITICAL)


@dataclass(slots=True)
class _Line:
    """One connection and what carries its bytes."""

    origin: Origin
    backend: Backend
    carrier: httpcore.HTTPConnection | httpcore.HTTPProxy

    def usable(self) -> bool:
        """A proxied line judges for itself: it is a pool of one."""
        carrier = self.carrier
        return isinstance(carrier, httpcore.HTTPProxy) or (carrier.is_idle() and not carrier.has_expired())


Note = Callable[[str, Origin, Outcome], None]
Take = Callable[[bytes], object]
Receive = Callable[[int, Mapping[str, str]], Take | None]
"""Told status and headers of an answer, it says who takes the body, piece by piece; None: it is kept as usual."""


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

        With `receive`, what it takes is not in the answer, and may have been cut where there is none. What it raises ends
        the request and passes through, unless it is an OSError or a ValueError.
        """

        def make() -> httpcore.Request:
            return _request(method, url, headers=headers, body=body)

        outcome = self._ask(make, url, cap=cap, fresh=fresh_connection, receive=receive)
        if self._note is not None:
            self._note(method, url.origin, outcome)
        return outcome

    def _ask(
        self,
        make: Callable[[], httpcore.Request],
        url: Url,
        *,
        cap: int,
        fresh: bool,
        receive: Receive | None,
    ) -> Outcome:
        seconds = self._policy.deadline.total_seconds()
        budget = Budget(time.monotonic() + seconds, cap * _OVERHEAD + _HEADER_BYTES, seconds)
        if self._proxy is not None and not self._rules.admits_literal(url.origin.host):
            return NoAnswer(Loss.NOT_SENT, "the address is not public")
        line = self._line(url.origin, budget, fresh=fresh)
        try:
            answer = _exchange(line, make(), cap=cap, receive=receive)
        except Refused as refused:
            line.carrier.close()
            return NoAnswer(Loss.UNCLEAR if budget.sent else Loss.NOT_SENT, str(refused))
        except httpcore.ProxyError:
            line.carrier.close()
            return NoAnswer(Loss.NOT_SENT, "the proxy refused the connection")
        except (
            httpcore.ProtocolError,
            httpcore.NetworkError,
            httpcore.TimeoutException,
            OSError,
            ValueError,
        ):
            line.carrier.close()
            loss = Loss.UNCLEAR if budget.sent else Loss.NOT_SENT
            return NoAnswer(
                loss, "the answer is not HTTP, or was cut" if budget.sent else "the request could not be sent"
            )
        except BaseException:
            line.carrier.close()
            raise
        self._give_back(line, fresh=fresh)
        return answer

    def _line(self, origin: Origin, budget: Budget, *, fresh: bool) -> _Line:
        while not fresh and (line := self._take_idle(origin)) is not None:
            if line.usable():
                line.backend.budget = budget
                return line
            line.carrier.close()
        return self._open(origin, budget)

    def _take_idle(self, origin: Origin) -> _Line | None:
        with self._lock:
            for index in range(len(self._idle) - 1, -1, -1):
                if self._idle[index].origin == origin:
                    return self._idle.pop(index)
        return None

    def _give_back(self, line: _Line, *, fresh: bool) -> None:
        surplus = line
        if not fresh and line.usable():
            with self._lock:
                self._idle.append(line)
                if len(self._idle) <= _IDLE_LINES:
                    return
                surplus = self._idle.pop(0)
        surplus.carrier.close()

    def _open(self, origin: Origin, budget: Budget) -> _Line:
        proxy = None if is_loopback_host(origin.host) else self._proxy
        backend = Backend(
            self._rules,
            resolver=self._resolver,
            budget=budget,
            encrypted=origin.scheme == "https",
            via_proxy=proxy is not None,
        )
        carrier: httpcore.HTTPConnection | httpcore.HTTPProxy
        if proxy is not None:
            carrier = httpcore.HTTPProxy(
                httpcore.URL(scheme=b"http", host=proxy.host.encode("ascii"), port=proxy.port, target=b"/"),
                proxy_auth=proxy.auth,
                ssl_context=self._tls,
                max_connections=1,
                keepalive_expiry=_KEEP_ALIVE_SECONDS,
                network_backend=backend,
            )
        else:
            carrier = httpcore.HTTPConnection(
                _core_origin(origin),
                ssl_context=self._tls,
                keepalive_expiry=_KEEP_ALIVE_SECONDS,
                network_backend=backend,
            )
        return _Line(origin, backend, carrier)


def _exchange(line: _Line, request: httpcore.Request, *, cap: int, receive: Receive | None) -> HttpAnswer:
    response = line.carrier.handle_request(request)
    try:
        headers: dict[str, str] = {}
        for raw_name, raw_value in response.headers:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        if request.method != b"HEAD":
            _refuse_early(headers, cap)
        parts: list[bytes] = []
        size, take = 0, (receive and receive(response.status, headers)) or parts.append
        for part in response.iter_stream():
            size += len(part)
            if size > cap:
                raise Refused(_too_large(cap))
            take(part)
    finally:
        response.close()
    return HttpAnswer(response.status, headers, SecretBytes(b"".join(parts)))


def _refuse_early(headers: Mapping[str, str], cap: int) -> None:
    if headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
        raise Refused("the answer is compressed, though we asked for none of that")
    length = headers.get("content-length", "")
    if length.isdecimal() and (len(length) > 18 or int(length) > cap):
        raise Refused(_too_large(cap))


def _too_large(cap: int) -> str:
    return f"the answer is larger than {cap // 1024} KiB"


def _request(
    method: str, url: Url, *, headers: Mapping[str, str] | None, body: bytes | None
) -> httpcore.Request:
    origin = url.origin
    parts = urlsplit(url.text)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    own = {"accept-encoding": "identity", "user-agent": _USER_AGENT}
    own |= {name.lower(): value for name, value in (headers or {}).items()}
    fields = [(b"host", str(origin).partition("://")[2].encode("ascii"))]
    fields += [(name.encode("ascii"), value.encode("ascii")) for name, value in own.items()]
    if body is not None:
        fields.append((b"content-length", str(len(body)).encode("ascii")))
    return httpcore.Request(
        method.encode("ascii"),
        httpcore.URL(
            scheme=origin.scheme.encode("ascii"),
            host=_bare(origin.host),
            port=origin.port,
            target=target.encode("ascii"),
        ),
        headers=fields,
        content=body,
    )


def _core_origin(origin: Origin) -> httpcore.Origin:
    return httpcore.Origin(origin.scheme.encode("ascii"), _bare(origin.host), origin.port)


def _bare(host: str) -> bytes:
    """A final dot says that the name is whole; certificates and SNI do not carry it (RFC 6066 §3)."""
    return host.rstrip(".").encode("ascii")
