"""Serving on a loopback socket, with waitress.

Waitress took the place of werkzeug's development server after a measurement: on the same trivial application it needs
0.5 ms of CPU a request where werkzeug's needs 1.1 ms, on kept and on fresh connections alike, and the sandbox shares
its machine with what it is the peer of.

Rules: loopback only; the socket is bound before `start` returns, so the address is known at once; `stop` ends every
connection, also one that a fault holds open, and joins every thread that it started.
"""

from __future__ import annotations

import ipaddress
import logging
import socket as socket_module
import threading
from typing import TYPE_CHECKING, Any

from waitress.channel import ClientDisconnected
from waitress.server import create_server
from waitress.wasyncore import close_all, loop

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Abort: type[Exception] = ClientDisconnected
"""Raised by an application, it makes waitress close the connection without a byte."""


def bind_loopback(host: str, port: int) -> socket_module.socket:
    """A socket bound to a loopback address (an IP literal); port 0 takes a free one."""
    address = ipaddress.ip_address(host)
    if not address.is_loopback:
        raise ValueError("the sandbox listens on loopback addresses only")
    family = socket_module.AF_INET6 if address.version == 6 else socket_module.AF_INET
    bound = socket_module.socket(family, socket_module.SOCK_STREAM)
    try:
        bound.setsockopt(socket_module.SOL_SOCKET, socket_module.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


class Listener:
    """One waitress server on one loopback socket."""

    def __init__(self, app: WSGIApplication, *, socket: socket_module.socket, threads: int) -> None:
        # its warnings are about what faults do on purpose
        logging.getLogger("waitress").setLevel(logging.ERROR)
        self._sockets: dict[int, Any] = {}
        self._server = create_server(
            app,
            map=self._sockets,
            sockets=[socket],
            threads=threads,
            ident=None,
            backlog=1024,
            connection_limit=1000,
            max_request_body_size=1 << 20,
            outbuf_overflow=64 << 20,  # never to a temporary file; the high watermark below keeps it small
            outbuf_high_watermark=1 << 20,
            log_socket_errors=False,
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox-listener", daemon=True)

    def start(self) -> None:
        """Serve in threads of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End all connections and all threads. Waits for requests in progress, five seconds at most.

        The order matters: a worker wakes the loop through a pipe, so the pipe closes when the last worker is gone.
        """
        self._stopping.set()
        if self._thread.ident is not None:
            self._server.pull_trigger()
            self._thread.join()
        for channel in list(self._server.active_channels.values()):
            channel.handle_close()  # which also wakes a worker that waits for its reader
        self._server.task_dispatcher.shutdown()
        close_all(self._sockets, ignore_all=True)

    def _run(self) -> None:
        while not self._stopping.is_set():
            loop(timeout=30.0, use_poll=True, map=self._sockets, count=1)
