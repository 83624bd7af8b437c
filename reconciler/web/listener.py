"""Serving with waitress: a bound socket, a thread of its own, and an end that lets what was begun finish.

Rules: requests are bounded in head, body, time and number, so that slow, huge and many clients cost others little; no
access log is written, because a request line may hold a code or a link; a stopped listener has answered what it took.
"""

from __future__ import annotations

import contextlib
import logging
import socket as socket_module
import threading
import time
from typing import TYPE_CHECKING, Any

from waitress.server import create_server
from waitress.wasyncore import close_all, loop

from reconciler.errors import UsageError, clean

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

HEADER_BYTES = 64 * 1024
BODY_BYTES = 32 * 1024
THREADS = 16
_PATIENCE = 30
_TICK = 0.2


def bind(host: str, port: int) -> socket_module.socket:
    """UsageError where it is taken, or not this machine's."""
    bound = None
    try:
        family, _, _, _, address = socket_module.getaddrinfo(host, port, type=socket_module.SOCK_STREAM)[0]
        bound = socket_module.socket(family, socket_module.SOCK_STREAM)
        bound.setsockopt(socket_module.SOL_SOCKET, socket_module.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as problem:
        if bound is not None:
            bound.close()
        raise UsageError(
            f"{clean(host)}:{port} cannot be listened on: {clean(problem.strerror or 'it is no address')}",
            hint="end what listens there, or name another with --listen",
        ) from None
    return bound


class Listener:
    """Serves `app` on `socket` from `start` to `stop`."""

    def __init__(
        self, app: WSGIApplication, *, socket: socket_module.socket, trusted_proxy: str = ""
    ) -> None:
        logging.getLogger("waitress").setLevel(logging.ERROR)
        self._sockets: dict[int, Any] = {}
        behind = (
            {
                "trusted_proxy": trusted_proxy,
                "trusted_proxy_headers": {"x-forwarded-for"},
                "trusted_proxy_count": 1,
            }
            if trusted_proxy
            else {}
        )
        self._server = create_server(
            app,
            map=self._sockets,
            sockets=[socket],
            threads=THREADS,
            ident=None,
            backlog=512,
            connection_limit=512,
            channel_timeout=_PATIENCE,
            cleanup_interval=10,
            max_request_header_size=HEADER_BYTES,
            max_request_body_size=BODY_BYTES,
            clear_untrusted_proxy_headers=True,
            log_socket_errors=False,
            **behind,
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="page-listener", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Take nothing more, answer what was taken, end."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._server.pull_trigger()
            self._thread.join()
        self._server.task_dispatcher.shutdown(timeout=_PATIENCE)
        for channel in list(self._server.active_channels.values()):
            with contextlib.suppress(OSError):
                channel.handle_close()
        close_all(self._sockets, ignore_all=True)

    def _run(self) -> None:
        while not self._stopping.is_set():
            loop(timeout=30.0, use_poll=True, map=self._sockets, count=1)
        self._server.accepting = False
        ends_at = time.monotonic() + _PATIENCE
        while self._is_answering() and time.monotonic() < ends_at:
            loop(timeout=_TICK, use_poll=True, map=self._sockets, count=1)

    def _is_answering(self) -> bool:
        channels = list(self._server.active_channels.values())
        return any(channel.requests or channel.total_outbufs_len for channel in channels)
