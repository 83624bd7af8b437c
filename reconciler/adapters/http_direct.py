"""One connection to one origin, and what is said on it: `adapters/http_wire` over the sockets of `adapters/http_stream`.

Rules: it is opened by its first request; it serves one request at a time and never two at once; it is used again only
where the last answer ended just where it said, nobody asked to close, and the server has been silent since.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping

from reconciler.adapters.http_stream import Backend, Refused, Stream
from reconciler.adapters.http_wire import RawAnswer, read_answer, request_bytes
from reconciler.model.endpoint import Origin

_KEEP_ALIVE_SECONDS = 4.0
"""Below the five seconds after which common servers close an idle connection: no race with their closing."""
_CHUNK = 64 * 1024

Take = Callable[[bytes], object]
Receive = Callable[[int, Mapping[str, str]], Take | None]
"""Told status and headers of an answer, it says who takes the body, piece by piece; None: it is kept as usual."""


class Direct:
    """Raises what `http_stream` and `http_wire` raise: Refused, NotSent, Lost. It is closed by whoever sees one of them."""

    def __init__(self, origin: Origin, backend: Backend, *, tls: ssl.SSLContext) -> None:
        self._origin = origin
        self._backend = backend
        self._tls = tls
        self._stream: Stream | None = None
        self._idle_since = 0.0
        self._over = False

    def exchange(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        cap: int,
        receive: Receive | None,
    ) -> RawAnswer:
        """One request and its whole answer, with a body of at most `cap` bytes, which nobody takes piece by piece."""
        assert receive is None, "that is for http_core"  # noqa: S101  the client chooses by it
        request = request_bytes(method, target, host=authority(self._origin), headers=headers, body=body)
        if self._stream is None:
            self._stream = self._open()
        stream = self._stream
        stream.write(request)
        answer = read_answer(lambda: stream.read(_CHUNK), method=method, cap=cap)
        self._over, self._idle_since = answer.last, time.monotonic()
        if answer.headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
            raise Refused("the answer is compressed, though we asked for none of that")
        return answer

    def usable(self) -> bool:
        """Open, whole, young and silent."""
        if self._stream is None or self._over or time.monotonic() - self._idle_since > _KEEP_ALIVE_SECONDS:
            return False
        return not self._stream.has_input()

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._over = True

    def _open(self) -> Stream:
        # A final dot says that the name is whole; certificates and SNI do not carry it (RFC 6066 §3).
        host = self._origin.host.rstrip(".")
        stream = self._backend.connect(host, self._origin.port)
        return stream.start_tls(self._tls, host) if self._origin.scheme == "https" else stream


def authority(origin: Origin) -> str:
    """What the Host header says: the port only where it is not the usual one."""
    return str(origin).partition("://")[2]
