"""A server that speaks bytes, not HTTP: it reads one whole request and does to the connection what the test says."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Play = Callable[[socket.socket, bytes], bool | None]
"""Given the connection and a request: act, and return True to be given the next request of this connection."""


@dataclass(eq=False)
class RawServer:
    """`requests` are whole, in the order they came; `connections` counts accepted ones."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    server_names: list[str] = field(default_factory=list)

    def url(self, path: str = "/token", *, scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


def http(
    body: bytes | str, *, status: str = "200 OK", headers: str = "Content-Type: application/json"
) -> bytes:
    raw = body.encode() if isinstance(body, str) else body
    return f"HTTP/1.1 {status}\r\n{headers}\r\nContent-Length: {len(raw)}\r\n\r\n".encode() + raw


def says(answer: bytes) -> Play:
    """Answers the same to everybody, and keeps the connection."""

    def play(conn: socket.socket, request: bytes) -> bool:
        conn.sendall(answer)
        return True

    return play


@contextmanager
def raw_server(
    play: Play, *, tls: ssl.SSLContext | None = None, handshake: bool = True
) -> Iterator[RawServer]:
    """Listens on a free loopback port until the block ends; every connection has a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    server = RawServer(listener.getsockname()[1])
    open_conns: list[socket.socket] = []
    threads: list[threading.Thread] = []
    if tls is not None:
        tls.sni_callback = lambda sock, name, context: server.server_names.append(name or "")

    def serve(conn: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError), conn:
            if tls is not None and handshake:
                conn = tls.wrap_socket(conn, server_side=True)
                open_conns.append(conn)
            while (request := read_request(conn)) is not None:
                server.requests.append(request)
                if not play(conn, request):
                    break
            conn.close()

    def accept() -> None:
        while True:
            try:
                conn, _ = listener.accept()
            except OSError:
                return
            server.connections += 1
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            open_conns.append(conn)
            thread = threading.Thread(target=serve, args=(conn,), daemon=True)
            threads.append(thread)
            thread.start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield server
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for conn in open_conns:
            with contextlib.suppress(OSError):
                conn.shutdown(socket.SHUT_RDWR)
            conn.close()
        for thread in [accepting, *threads]:
            thread.join(5)


def read_request(conn: socket.socket) -> bytes | None:
    """One request with its body (Content-Length only), or None where the connection ended."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        chunk = conn.recv(65536)
        if not chunk:
            return None
        raw += chunk
    head, _, body = raw.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    while length and len(body) < int(length[1]):
        chunk = conn.recv(65536)
        if not chunk:
            return None
        body += chunk
    return head + b"\r\n\r\n" + body
