"""Bytes to and from one server: kept-alive connections and a total deadline. It knows no Vault.

Rules:
- one exchange ends by its deadline, however slowly bytes drip: every receive waits for what is left and no longer;
- a connection that the server closed while it lay idle is noticed before it is used, not by losing a request;
- nothing is retried and no redirect is followed here; connections never cross a fork.
What a request and an answer are: `http_wire`.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from reconciler.adapters.http_wire import Lost, NotSent, RawAnswer, read_answer, request_bytes
from reconciler.errors import UsageError, clean

_RECEIVE_BYTES = 64 * 1024
_IDLE_SECONDS = 30.0
"""Load balancers close idle connections after a minute or more; ours are dropped before."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Scheme, host, port and path prefix of one server address."""

    scheme: str
    host: str
    port: int
    prefix: str = ""

    @property
    def shown(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.prefix}"

    @property
    def authority(self) -> str:
        """As the Host header says it (RFC 9110 §7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"

    def same_origin(self, other: Endpoint) -> bool:
        return (self.scheme, self.host, self.port) == (other.scheme, other.host, other.port)


def parse_endpoint(address: str) -> Endpoint:
    """UsageError where `address` is no http(s) address, or carries credentials, a query or a fragment."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise UsageError(
            "the address of Vault is no URL", hint="set VAULT_ADDR=https://<host>:8200"
        ) from None
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain or not address.isprintable():
        # What may hold credentials is not repeated.
        shown = f"'{clean(address, cap=80)}'" if plain and "@" not in address else "what is set"
        raise UsageError(
            f"{shown} is no address of a Vault server", hint="set VAULT_ADDR=https://<host>:8200"
        )
    default = 443 if parts.scheme == "https" else 80
    return Endpoint(parts.scheme, parts.hostname.lower(), port or default, parts.path.rstrip("/"))


class Connection:
    """One connection to one endpoint, with TLS where `context` is given. `sock` None: not open."""

    def __init__(
        self, endpoint: Endpoint, *, context: ssl.SSLContext | None, server_name: str | None
    ) -> None:
        self._endpoint = endpoint
        self._context = context
        self._server_name = server_name or endpoint.host
        self.sock: socket.socket | None = None
        self.idle_since = 0.0

    def open(self, *, seconds: float) -> None:
        """OSError, ssl.SSLError, UnicodeError where there is no way."""
        sock = socket.create_connection((self._endpoint.host, self._endpoint.port), timeout=seconds)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_hostname=self._server_name)
        except BaseException:
            sock.close()
            raise
        self.sock = sock

    def close(self) -> None:
        if self.sock is not None:
            self.sock.close()
            self.sock = None

    def usable(self) -> bool:
        """Still open and silent: a closed or talking peer makes the socket readable."""
        if self.sock is None or time.monotonic() - self.idle_since > _IDLE_SECONDS:
            return False
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return not poll.poll(0)

    def exchange(self, request: bytes, *, method: str, deadline: float, cap: int) -> RawAnswer:
        """Send it and read the whole answer by `deadline`. Lost, TimeoutError, OSError."""
        sock = self.sock
        assert sock is not None, "an exchange needs an open connection"  # noqa: S101  the pool opens it first

        def receive() -> bytes:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            sock.settimeout(left)
            return sock.recv(_RECEIVE_BYTES)

        sock.settimeout(max(deadline - time.monotonic(), 0.001))
        sock.sendall(request)
        return read_answer(receive, method=method, cap=cap)


class ConnectionPool:
    """Idle connections of one endpoint, newest first. Threads take one each; a fork starts with none."""

    def __init__(
        self, endpoint: Endpoint, *, context: ssl.SSLContext | None, server_name: str | None, keep: int
    ) -> None:
        self.endpoint = endpoint
        self._context = context
        self._server_name = server_name
        self._keep = keep
        self._idle: deque[Connection] = deque()
        self._pid = os.getpid()

    def exchange(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        deadline: float,
        cap: int,
    ) -> RawAnswer:
        """One request and its whole answer by `deadline` (monotonic seconds), at most `cap` bytes. NotSent or Lost."""
        request = request_bytes(method, target, host=self.endpoint.authority, headers=headers, body=body)
        connection = self._take()
        try:
            answer = self._speak(connection, request, method=method, deadline=deadline, cap=cap)
        except BaseException:
            connection.close()
            raise
        if answer.last:
            connection.close()
        else:
            self._give_back(connection)
        return answer

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> Connection:
        if self._pid != os.getpid():
            self._idle = deque()
            self._pid = os.getpid()
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return Connection(self.endpoint, context=self._context, server_name=self._server_name)
            if connection.usable():
                return connection
            connection.close()

    def _give_back(self, connection: Connection) -> None:
        if len(self._idle) >= self._keep:
            connection.close()
            return
        connection.idle_since = time.monotonic()
        self._idle.append(connection)

    @staticmethod
    def _connect(connection: Connection, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise NotSent("no time left to connect")
        try:
            connection.open(seconds=left)
        except TimeoutError:
            raise NotSent("connecting took too long") from None
        except ssl.SSLCertVerificationError as error:
            raise NotSent(
                f"its certificate is not accepted ({clean(error.verify_message, cap=80)})"
            ) from None
        except ssl.SSLError:
            raise NotSent("TLS could not be agreed on") from None
        except (OSError, UnicodeError) as error:
            raise NotSent(_why_no_connection(error)) from None

    def _speak(
        self, connection: Connection, request: bytes, *, method: str, deadline: float, cap: int
    ) -> RawAnswer:
        if connection.sock is None:
            self._connect(connection, deadline)
        try:
            return connection.exchange(request, method=method, deadline=deadline, cap=cap)
        except TimeoutError:
            raise Lost("no whole answer in time") from None
        except OSError:
            raise Lost("the connection broke") from None


def _why_no_connection(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "its name does not resolve"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    return "no connection could be made"
