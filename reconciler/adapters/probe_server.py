"""`/healthz`, `/readyz` and `/metrics` of the controller, by the standard library's server: three answers, no input read.

Rules: GET and HEAD only; a request has five seconds and its body is not read; what is answered is ours, short, and holds
no secret; each request is a thread that ends with it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from reconciler.errors import UsageError, clean

Answer = tuple[int, str, bytes]
"""Status, content type, body."""
_TEXT = "text/plain; charset=utf-8"


class ProbeServer:
    """Serves from construction to `close`. UsageError where it cannot listen there."""

    def __init__(self, host: str, port: int, *, answers: dict[str, Callable[[], Answer]]) -> None:
        class Handler(BaseHTTPRequestHandler):
            timeout = 5
            server_version = "reconciler"
            sys_version = ""

            def do_GET(self) -> None:
                self._send(body=True)

            def do_HEAD(self) -> None:
                self._send(body=False)

            def _send(self, *, body: bool) -> None:
                found = answers.get(self.path.partition("?")[0])
                status, kind, said = found() if found else (404, _TEXT, b"not found\n")
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(said)))
                self.send_header("Cache-Control", "no-store")
                self.send_header("Connection", "close")
                self.end_headers()
                if body:
                    self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                """Probes come every few seconds: nothing is said of them."""

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise UsageError(
                f"cannot listen on {clean(host)}:{port}: {error.strerror}",
                hint="choose another with --listen",
            ) from None
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="probes", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


def plain(status: int, text: str) -> Answer:
    return status, _TEXT, f"{text}\n".encode()
