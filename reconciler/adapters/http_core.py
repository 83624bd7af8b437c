"""One connection of httpcore over the sockets of `adapters/http_stream`: through the operator's proxy, or for an answer that
is handed on piece by piece. Everything else goes by `adapters/http_direct`, at a sixth of the CPU.

Rules: a proxy sees host names and no request of ours, and what it refuses was never sent; a connection serves one request
at a time. Imported where it is needed and nowhere else: httpcore and h11 take 40 ms to import.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterable, Mapping
from typing import Any

import httpcore

from reconciler.adapters.http_direct import Receive, authority
from reconciler.adapters.http_policy import Proxy
from reconciler.adapters.http_stream import Backend, Refused, Stream
from reconciler.adapters.http_wire import Lost, NotSent, RawAnswer
from reconciler.model.endpoint import Origin
from reconciler.model.secret import SecretBytes

_KEEP_ALIVE_SECONDS = 4.0

for _name in ("httpx", "httpcore"):
    # They log whole URLs and headers, and a URL may hold what is nobody's business.
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class CoreStream(Stream, httpcore.NetworkStream):
    """Our sockets, by the name that httpcore knows them by."""

    def get_extra_info(self, info: str) -> object:
        return (
            self.has_input() if info == "is_readable" else self.ssl_object if info == "ssl_object" else None
        )


class CoreBackend(Backend, httpcore.NetworkBackend):
    """The same for whoever connects. What httpcore says of time and options is not looked at: the budget counts."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> CoreStream:
        return CoreStream(self, self.socket_to(host, port))


class CoreConnection:
    """`proxy` None: straight to the origin. Raises what `http_direct` raises; `Refused` too where the proxy said no."""

    def __init__(
        self, origin: Origin, backend: CoreBackend, *, proxy: Proxy | None, tls: ssl.SSLContext
    ) -> None:
        self._origin = origin
        self._backend = backend
        self._carrier: httpcore.HTTPConnection | httpcore.HTTPProxy
        if proxy is None:
            self._carrier = httpcore.HTTPConnection(
                httpcore.Origin(origin.scheme.encode("ascii"), _bare(origin), origin.port),
                ssl_context=tls,
                keepalive_expiry=_KEEP_ALIVE_SECONDS,
                network_backend=backend,
            )
        else:
            self._carrier = httpcore.HTTPProxy(
                httpcore.URL(scheme=b"http", host=proxy.host.encode("ascii"), port=proxy.port, target=b"/"),
                proxy_auth=proxy.auth,
                ssl_context=tls,
                max_connections=1,
                keepalive_expiry=_KEEP_ALIVE_SECONDS,
                network_backend=backend,
            )

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
        """One request and its whole answer, with a body of at most `cap` bytes."""
        try:
            return self._exchange(
                self._request(method, target, headers=headers, body=body), cap=cap, receive=receive
            )
        except httpcore.ProxyError:
            raise Refused("the proxy refused the connection") from None
        except (
            httpcore.ProtocolError,
            httpcore.NetworkError,
            httpcore.TimeoutException,
            OSError,
            ValueError,
        ):
            if self._backend.budget.sent:
                raise Lost("the answer is not HTTP, or was cut") from None
            raise NotSent("the request could not be sent") from None

    def usable(self) -> bool:
        """A proxied one judges for itself: it is a pool of one."""
        carrier = self._carrier
        return isinstance(carrier, httpcore.HTTPProxy) or (carrier.is_idle() and not carrier.has_expired())

    def close(self) -> None:
        self._carrier.close()

    def _exchange(self, request: httpcore.Request, *, cap: int, receive: Receive | None) -> RawAnswer:
        response = self._carrier.handle_request(request)
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
        return RawAnswer(response.status, headers, SecretBytes(b"".join(parts)))

    def _request(
        self, method: str, target: str, *, headers: Mapping[str, str], body: bytes | None
    ) -> httpcore.Request:
        origin = self._origin
        own = {"accept-encoding": "identity"} | {name.lower(): value for name, value in headers.items()}
        fields = [(b"host", authority(origin).encode("ascii"))]
        fields += [(name.encode("ascii"), value.encode("ascii")) for name, value in own.items()]
        if body is not None:
            fields.append((b"content-length", str(len(body)).encode("ascii")))
        url = httpcore.URL(
            scheme=origin.scheme.encode("ascii"),
            host=_bare(origin),
            port=origin.port,
            target=target.encode("ascii"),
        )
        return httpcore.Request(method.encode("ascii"), url, headers=fields, content=body)


def _refuse_early(headers: Mapping[str, str], cap: int) -> None:
    if headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
        raise Refused("the answer is compressed, though we asked for none of that")
    length = headers.get("content-length", "")
    if length.isdecimal() and (len(length) > 18 or int(length) > cap):
        raise Refused(_too_large(cap))


def _too_large(cap: int) -> str:
    return f"the answer is larger than {cap // 1024} KiB"


def _bare(origin: Origin) -> bytes:
    """A final dot says that the name is whole; certificates and SNI do not carry it (RFC 6066 §3)."""
    return origin.host.rstrip(".").encode("ascii")
