"""Waits on this machine for the one request that brings a person's browser back from the provider (RFC 8252 §7.3).

Rules:
- loopback addresses only; `localhost` means both families on one port; a port that is taken is said, never changed;
- only a GET to our path, with our Host, is judged; all else gets 404 or 405 and ends nothing, and neither does a callback
  that is not the answer to our request: no page that a person visits can end or spoil a consent;
- connections that say nothing (browsers open them in advance) or too much are cut, and never keep the right one waiting;
- one thread, the caller's; when it returns, every socket is closed. Nothing is logged: the request line holds the code.
"""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from reconciler.adapters.loopback_page import HEADERS, render_not_found, render_verdict
from reconciler.decide.authorization import Callback, CallbackRefused, RedirectUri
from reconciler.errors import ObjectFailed

Judge = Callable[[str], Callback | CallbackRefused]
"""Given the whole URL that was requested."""

_LONGEST_HEAD = 16 * 1024
_SLOWEST_CLIENT = 5.0
_MOST_CLIENTS = 32
_LONGEST_DRAIN = 0.5
_TICK = 0.2
_PORT_TRIES = 20
_LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
_REQUEST_LINE = re.compile(rb"([A-Z]{1,16}) (/[\x21-\x7e]*) HTTP/1\.[01]\r\n")
_HOST = re.compile(rb"(?i)\r\nhost:[ \t]*([^\r\n]*?)[ \t]*(?=\r\n)")


@dataclass(eq=False, slots=True)
class _Client:
    sock: socket.socket
    cut_at: float
    head: bytes = field(default=b"", repr=False)


class LoopbackListener:
    """Listens from construction until `close`. `redirect_uri` is what the authorization request must carry."""

    def __init__(self, redirect: RedirectUri) -> None:
        """ObjectFailed where the port is taken or the address is not there."""
        self._redirect = redirect
        self._sockets = _bind(redirect)
        self.port: int = self._sockets[0].getsockname()[1]
        self.redirect_uri = redirect.at(self.port)
        self._host = self.redirect_uri.partition("://")[2].partition("/")[0].encode("ascii").lower()
        self._clients: dict[int, _Client] = {}
        self._selector = selectors.DefaultSelector()
        for sock in self._sockets:
            self._selector.register(sock, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends everything; may be called twice."""
        for client in list(self._clients.values()):
            self._drop(client)
        self._selector.close()
        for sock in self._sockets:
            sock.close()

    def wait(
        self, judge: Judge, *, seconds: float, stop: threading.Event | None = None
    ) -> Callback | CallbackRefused | None:
        """The first final verdict; None where `seconds` passed or `stop` was set."""
        ends_at = time.monotonic() + seconds
        while (now := time.monotonic()) < ends_at and not (stop is not None and stop.is_set()):
            for key, _ in self._selector.select(min(_TICK, ends_at - now)):
                if key.data is None:
                    self._accept(key.fileobj)
                    continue
                verdict = self._hear(key.data, judge)
                if verdict is not None:
                    return verdict
            for client in [c for c in self._clients.values() if c.cut_at < time.monotonic()]:
                self._drop(client)
        return None

    def _accept(self, listening: object) -> None:
        if not isinstance(listening, socket.socket):
            return
        try:
            sock, _ = listening.accept()
        except OSError:
            return
        sock.setblocking(False)
        if len(self._clients) >= _MOST_CLIENTS:
            self._drop(min(self._clients.values(), key=lambda client: client.cut_at))
        client = _Client(sock, time.monotonic() + _SLOWEST_CLIENT)
        self._clients[sock.fileno()] = client
        self._selector.register(sock, selectors.EVENT_READ, client)

    def _hear(self, client: _Client, judge: Judge) -> Callback | CallbackRefused | None:
        try:
            chunk = client.sock.recv(4096)
        except BlockingIOError:
            return None
        except OSError:
            chunk = b""
        client.head += chunk
        if not chunk or len(client.head) > _LONGEST_HEAD:
            if chunk:
                self._reply(client, "431 Request Header Fields Too Large", render_not_found())
            self._drop(client)
            return None
        if b"\r\n\r\n" not in client.head:
            return None
        verdict = self._answer(client, judge)
        self._drop(client)
        return verdict

    def _answer(self, client: _Client, judge: Judge) -> Callback | CallbackRefused | None:
        line = _REQUEST_LINE.match(client.head)
        hosts = _HOST.findall(client.head)
        if line is None:
            self._reply(client, "400 Bad Request", render_not_found())
            return None
        method, target = line[1], line[2].decode("ascii")
        if target.partition("?")[0] != self._redirect.path or [host.lower() for host in hosts] != [
            self._host
        ]:
            # Another Host is another site's name that was pointed at this machine (DNS rebinding).
            self._reply(client, "404 Not Found", render_not_found())
            return None
        if method != b"GET":
            self._reply(client, "405 Method Not Allowed", render_not_found())
            return None
        verdict = judge(f"http://{self._host.decode('ascii')}{target}")
        status, page = render_verdict(verdict)
        self._reply(client, status, page)
        return verdict if isinstance(verdict, Callback) or verdict.final else None

    def _reply(self, client: _Client, status: str, page: str) -> None:
        body = page.encode()
        headers = {**HEADERS, "Content-Length": str(len(body)), "Connection": "close"}
        if status.startswith("405"):
            headers["Allow"] = "GET"
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        with contextlib.suppress(OSError):
            client.sock.settimeout(1)
            client.sock.sendall(f"HTTP/1.1 {status}\r\n{head}\r\n".encode("ascii") + body)
            client.sock.shutdown(socket.SHUT_WR)
            # Closing over unread input would reset the connection before the page is read.
            client.sock.settimeout(_TICK)
            ends_at = time.monotonic() + _LONGEST_DRAIN
            while client.sock.recv(4096) and time.monotonic() < ends_at:
                pass

    def _drop(self, client: _Client) -> None:
        number = client.sock.fileno()
        if self._clients.pop(number, None) is not None:
            self._selector.unregister(client.sock)
        client.sock.close()


def _bind(redirect: RedirectUri) -> list[socket.socket]:
    name = redirect.host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return _bind_both(redirect)
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    try:
        return [_listen(family, name, redirect.port or 0)]
    except OSError:
        raise _taken(redirect) from None


def _bind_both(redirect: RedirectUri) -> list[socket.socket]:
    """One port on both families: a browser may take either for `localhost`. A machine with one of them has that one."""
    families = [(family, host) for family, host in _LOOPBACK if _is_there(family, host)]
    for _ in range(_PORT_TRIES if families else 0):
        bound: list[socket.socket] = []
        try:
            for family, host in families:
                port = bound[0].getsockname()[1] if bound else redirect.port or 0
                bound.append(_listen(family, host, port))
            return bound
        except OSError:
            for sock in bound:
                sock.close()
            if redirect.port is not None:
                break
    raise _taken(redirect)


def _is_there(family: int, host: str) -> bool:
    try:
        _listen(family, host, 0).close()
    except OSError:
        return False
    return True


def _listen(family: int, host: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if port:
            # A consent that just ended leaves its port in TIME_WAIT; somebody who listens there still keeps it.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(16)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _taken(redirect: RedirectUri) -> ObjectFailed:
    port = f"port {redirect.port}" if redirect.port else "a port"
    return ObjectFailed(
        f"{port} of {redirect.host} cannot be listened on: it is taken, or not there",
        hint="end what listens there, or run the same command with --paste",
    )
