"""The sockets below `adapters/http`: resolve once, judge the addresses, connect to a judged one, and keep to a budget.

Rules:
- one `Budget` covers a whole request: resolution, connecting, TLS, sending, waiting, reading; a server that sends one
  byte a second meets the same end as one that sends none;
- every byte that is read counts against the budget, headers and chunk sizes too;
- what has arrived already is read when time is over, and not waited for: a process that was frozen (a paused container, a
  stopped job) wakes up with an answer at hand that may hold the only living refresh token;
- `sent` turns true just before the first byte of a request may leave, and never turns back; talking to a proxy and
  TLS handshakes are not the request;
- addresses are judged after resolution and the socket goes to the judged address: a second lookup never happens.
"""

from __future__ import annotations

import ipaddress
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from reconciler.model.address import IPAddress, is_admissible, is_loopback_host, is_public

_LONGEST_CONNECT = 10.0
_CHUNK = 64 * 1024
_LATE_READS = 16


class Refused(Exception):
    """We stopped before anything was sent, or gave up on an answer. The message is ours and safe to show."""


@dataclass(slots=True)
class Budget:
    """What is left for one request. `ends_at` by the monotonic clock; `bytes_left` of raw input."""

    ends_at: float
    bytes_left: int
    seconds: float
    sent: bool = False
    late_reads: int = 0

    def left(self) -> float:
        """Seconds that remain; Refused where none do."""
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise Refused(self.timed_out)
        return left

    def left_for_reading(self) -> float:
        """As `left`; 0.0 (take what is there) where none remain, for as often as a whole answer needs."""
        if time.monotonic() < self.ends_at or self.late_reads >= _LATE_READS:
            return self.left()
        self.late_reads += 1
        return 0.0

    @property
    def timed_out(self) -> str:
        return f"timed out after {self.seconds:g} s"

    def spend(self, count: int) -> None:
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise Refused("the answer is too large")


@dataclass(frozen=True, slots=True)
class AddressRules:
    """Where hosts may live. `allowed_hosts` in lower case."""

    allowed_hosts: frozenset[str]
    loopback: bool

    def admits(self, host: str, address: IPAddress) -> bool:
        if is_public(address):
            return True
        if host.lower().rstrip(".") in self.allowed_hosts:
            return is_admissible(address)
        return self.loopback and address.is_loopback and is_loopback_host(host)

    def admits_literal(self, host: str) -> bool:
        """False only for an address literal that is not admitted: what a proxy must not be asked for."""
        try:
            return self.admits(host, ipaddress.ip_address(host))
        except ValueError:
            return True


Resolver = Callable[[str, int], list[str]]
"""Host and port to address literals, in the order to be tried; OSError where it does not resolve."""


def system_resolver(host: str, port: int) -> list[str]:
    """What the operating system says."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Backend:
    """Connects for one line. `budget` is set anew for each request; `via_proxy`: what is connected to is the proxy."""

    def __init__(
        self,
        rules: AddressRules,
        *,
        resolver: Resolver,
        budget: Budget,
        encrypted: bool,
        via_proxy: bool,
    ) -> None:
        self._rules = rules
        self._resolver = resolver
        self._via_proxy = via_proxy
        self.encrypted = encrypted
        self.budget = budget

    def connect(self, host: str, port: int) -> Stream:
        """Refused where there is no way, or none that may be gone."""
        return Stream(self, self.socket_to(host, port))

    def socket_to(self, host: str, port: int) -> socket.socket:
        addresses = self._judged(host, self._resolve(host, port))
        for index, address in enumerate(addresses):
            try:
                return self._connect(address, port, tries_left=len(addresses) - index)
            except (OSError, Refused) as error:
                if index == len(addresses) - 1:
                    why = str(error) if isinstance(error, Refused) else _connect_failure(error)
                    raise Refused(why) from None
        raise Refused("the host name does not resolve")

    def _connect(self, address: IPAddress, port: int, *, tries_left: int) -> socket.socket:
        left = self.budget.left()
        sock = socket.create_connection(
            (str(address), port), left if tries_left == 1 else min(left / 2, _LONGEST_CONNECT)
        )
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def _judged(self, host: str, literals: list[str]) -> list[IPAddress]:
        addresses = [ipaddress.ip_address(literal) for literal in dict.fromkeys(literals)]
        if self._via_proxy:
            return addresses  # the proxy is named by the operator, not by a manifest
        kept = [address for address in addresses if self._rules.admits(host, address)]
        if addresses and not kept:
            raise Refused("the host name leads to an address that is not public")
        return kept

    def _resolve(self, host: str, port: int) -> list[str]:
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            pass
        # getaddrinfo knows no timeout: it runs aside, and is left to its own limits where ours has passed.
        found: list[list[str] | None] = []

        def ask() -> None:
            try:
                found.append(self._resolver(host, port))
            except (OSError, UnicodeError):
                found.append(None)

        asking = threading.Thread(target=ask, name="resolve", daemon=True)
        asking.start()
        asking.join(self.budget.left())
        if not found:
            raise Refused(self.budget.timed_out)
        if found[0] is None:
            raise Refused("the host name does not resolve")
        return found[0]


class Stream:
    """One connected socket that keeps to its backend's budget."""

    def __init__(self, backend: Backend, sock: socket.socket) -> None:
        self._backend = backend
        self._sock = sock
        self._unsent = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        budget = self._backend.budget
        self._flush(budget)
        self._sock.settimeout(budget.left_for_reading())
        try:
            chunk = self._sock.recv(min(max_bytes, _CHUNK))
        except (TimeoutError, BlockingIOError, ssl.SSLWantReadError):
            raise Refused(budget.timed_out) from None
        except OSError:
            raise Refused("the connection was cut before the answer was whole") from None
        budget.spend(len(chunk))
        return chunk

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Kept until the answer is waited for: head and body leave in one segment, and in one system call."""
        self._unsent += buffer

    def _flush(self, budget: Budget) -> None:
        if not self._unsent:
            return
        rest, self._unsent = memoryview(self._unsent), b""
        if isinstance(self._sock, ssl.SSLSocket) or not self._backend.encrypted:
            budget.sent = True
        try:
            while rest:
                self._sock.settimeout(budget.left())
                rest = rest[self._sock.send(rest) :]
        except TimeoutError:
            raise Refused(budget.timed_out) from None
        except OSError:
            return  # a server may answer early and close: what it said is still to be read

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> Self:
        budget = self._backend.budget
        try:
            wrapped = ssl_context.wrap_socket(
                self._sock, server_hostname=server_hostname, do_handshake_on_connect=False
            )
        except (OSError, ValueError):
            self.close()
            raise Refused("the TLS handshake failed") from None
        try:
            wrapped.settimeout(budget.left())
            wrapped.do_handshake()
        except BaseException as error:
            wrapped.close()
            if isinstance(error, TimeoutError):
                raise Refused(budget.timed_out) from None
            if isinstance(error, OSError):
                raise Refused(_tls_failure(error)) from None
            raise
        return type(self)(self._backend, wrapped)

    def close(self) -> None:
        self._sock.close()

    def has_input(self) -> bool:
        """An idle connection that has something to say is closing, or out of step: either way no use."""
        return self._sock.fileno() < 0 or _has_input(self._sock)

    @property
    def ssl_object(self) -> ssl.SSLSocket | None:
        return self._sock if isinstance(self._sock, ssl.SSLSocket) else None


def _has_input(sock: socket.socket) -> bool:
    waiting = select.poll()
    waiting.register(sock.fileno(), select.POLLIN)
    return bool(waiting.poll(0)) or (isinstance(sock, ssl.SSLSocket) and sock.pending() > 0)


def _connect_failure(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "connecting timed out"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    return "connecting failed"


def _tls_failure(error: OSError) -> str:
    if not isinstance(error, ssl.SSLCertVerificationError):
        return "the TLS handshake failed"
    match error.verify_code:
        case 9 | 10:
            return "the server's TLS certificate is expired or not yet valid"
        case 62 | 64:
            return "the server's TLS certificate is for another host"
        case _:
            return "the server's TLS certificate is not signed by an authority that we trust"
