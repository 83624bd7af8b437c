"""The WSGI layer in front of the application: it counts requests and performs scripted faults.

It also refuses a `Host` that is no loopback name, so that a web page elsewhere cannot reach the sandbox through a name
of its own that resolves to 127.0.0.1. It decides nothing about OAuth.
"""

from __future__ import annotations

import io
import ipaddress
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from reconciler.sandbox.faults import NULL, Fault, FaultScript, Kind, Sighting
from reconciler.sandbox.world import World

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_EXACT = {
    "/authorize": "authorize",
    "/token": "token",
    "/par": "par",
    "/revoke": "revoke",
    "/introspect": "introspect",
    "/userinfo": "userinfo",
    "/jwks": "jwks",
    "/.well-known/oauth-authorization-server": "metadata",
    "/.well-known/openid-configuration": "metadata",
    "/register": "register",
    "/device_authorization": "device_authorization",
    "/device": "device",
}
_PREFIXES = {"/register/": "client", "/api/": "api"}
_CHUNK = b" " * 65536
_MAX_BODY = 1 << 20


class Wire:
    """A WSGI application around another. `abort` is what ends a connection without an answer, as the listener has it."""

    def __init__(
        self, app: WSGIApplication, *, world: World, script: FaultScript, abort: type[Exception]
    ) -> None:
        self._app = app
        self._world = world
        self._script = script
        self._abort = abort
        self.stopping = threading.Event()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not _is_loopback_host(environ.get("HTTP_HOST", "")):
            return _plain(start_response, 421, "The sandbox answers to loopback names only.")
        endpoint = _endpoint_of(environ["PATH_INFO"])
        if endpoint is None:
            return self._app(environ, start_response)
        with self._world.lock:
            self._world.counters.requests[endpoint] += 1
        fault = self._take_fault(endpoint, environ) if self._script.concerns(endpoint) else None
        if fault is None:
            return self._app(environ, start_response)
        with self._world.lock:
            self._world.counters.faults[fault.kind.value] += 1
        return self._spoil(fault, environ, start_response)

    def _take_fault(self, endpoint: str, environ: WSGIEnvironment) -> Fault | None:
        form: dict[str, str] = {}
        if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
            body = environ["wsgi.input"].read(_MAX_BODY)
            environ["wsgi.input"] = io.BytesIO(body)
            fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=100)
            form = {name: values[0] for name, values in fields.items()}
        return self._script.take(endpoint, Sighting.of(form, environ.get("HTTP_AUTHORIZATION", "")))

    def _spoil(
        self, fault: Fault, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        real = Captured.run(self._app, environ) if fault.process else None
        if fault.delay_seconds and self.stopping.wait(fault.delay_seconds):
            raise self._abort
        if real is None and fault.kind is Kind.PASS:
            return self._app(environ, start_response)
        if real is not None and fault.kind is not Kind.ANSWER:
            status, headers, body = real.status, real.headers, real.body
        else:
            status = f"{fault.status} {_phrase(fault.status)}"
            headers, body = list(fault.headers.items()), fault.body.encode()
        headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
        match fault.kind:
            case Kind.EDIT:
                body = _edited(body, fault.fields, paths=self._world.config.manners.fields)
                start_response(status, [*headers, ("Content-Length", str(len(body)))])
                return [body]
            case Kind.ANSWER | Kind.PASS:
                start_response(status, [*headers, ("Content-Length", str(len(body)))])
                return [body]
            case Kind.CLOSE:
                raise self._abort
            case Kind.TRUNCATE:
                start_response(status, [*headers, ("Content-Length", str(len(body) + 1))])
                return [body[: (len(body) + 1) // 2]]
            case Kind.DRIP:
                start_response(status, [*headers, ("Content-Length", str(len(body)))])
                return self._drip(body, interval=fault.interval_seconds)
            case Kind.ENDLESS:
                start_response(status, [*headers, ("Content-Length", str(fault.size))])
                return self._pour(fault.size)

    def _drip(self, body: bytes, *, interval: float) -> Iterator[bytes]:
        for place in range(len(body)):
            if self.stopping.wait(interval):
                return
            yield body[place : place + 1]

    def _pour(self, size: int) -> Iterator[bytes]:
        while size > 0 and not self.stopping.is_set():
            yield _CHUNK[:size]
            size -= len(_CHUNK)


class Captured:
    """An answer of the application, held back."""

    def __init__(self) -> None:
        self.status = "200 OK"
        self.headers: list[tuple[str, str]] = []
        self.body = b""

    @staticmethod
    def run(app: WSGIApplication, environ: WSGIEnvironment) -> Captured:
        captured = Captured()
        chunks: list[bytes] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], _error: Any = None
        ) -> Callable[[bytes], Any]:
            captured.status, captured.headers = status, headers
            return chunks.append

        answer = app(environ, start_response)
        try:
            chunks.extend(answer)
        finally:
            close = getattr(answer, "close", None)
            if close is not None:
                close()
        captured.body = b"".join(chunks)
        return captured


def _edited(body: bytes, fields: Mapping[str, Any], *, paths: Mapping[str, str]) -> bytes:
    """`paths`: where the provider that is played has the RFC's fields, dotted."""
    try:
        document = json.loads(body)
    except ValueError:
        return body
    for name, value in fields.items():
        *above, last = paths.get(name, name).split(".")
        here = document
        for part in above:
            here = here.get(part, {}) if isinstance(here, dict) else {}
        if isinstance(here, dict):
            here.pop(last, None)
            if value is not None:
                here[last] = None if value == NULL else value
    return json.dumps(document).encode()


def _endpoint_of(path: str) -> str | None:
    exact = _EXACT.get(path)
    if exact is not None:
        return exact
    return next((name for prefix, name in _PREFIXES.items() if path.startswith(prefix)), None)


def _is_loopback_host(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if name in ("127.0.0.1", "localhost"):
        return True
    try:
        return ipaddress.ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


def _plain(start_response: StartResponse, status: int, text: str) -> Iterable[bytes]:
    body = text.encode()
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    start_response(f"{status} {_phrase(status)}", headers)
    return [body]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
