"""A peer on loopback that answers what a test scripts, to play what no real Vault does on demand.

    with ScriptedVault() as vault:
        vault.reply("GET /v1/secret/metadata/", Reply(json={"data": …}))      # from now on, longest prefix wins
        vault.once("POST /v1/secret/data/", Reply(status=503, json=SEALED))   # first, one use, before the others
        vault.address; vault.seen (method, path, headers, body); vault.count("POST ")

What nothing is scripted for gets Vault's own 404 of a key that is not there.
"""

import contextlib
import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Self

SEALED = {"errors": ["Vault is sealed"]}
DENIED = {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}
DEAD = {"errors": ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}
ABSENT: dict[str, Any] = {"errors": []}
MOUNT_V2 = {"data": {"type": "kv", "options": {"version": "2"}}}


@dataclass(frozen=True)
class Reply:
    """`raw` in the place of `json`. `claims`: a Content-Length that is not true. `drip`: seconds between bytes."""

    status: int = 200
    json: Any = None
    raw: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    claims: int | None = None
    drip: float = 0.0
    hang: bool = False
    cut: bool = False

    @property
    def body(self) -> bytes:
        if self.raw is not None:
            return self.raw
        return b"" if self.json is None else json.dumps(self.json).encode()


@dataclass(frozen=True)
class Seen:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Answers = Reply | Callable[[Seen], Reply]


class ScriptedVault:
    """`tls`: a context with a certificate; without one it speaks plain HTTP."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.seen: list[Seen] = []
        self._replies: dict[str, Answers] = {"GET /v1/sys/internal/ui/mounts/": Reply(json=MOUNT_V2)}
        self._once: list[tuple[str, Answers]] = []
        self._lock = threading.Lock()
        self.over = threading.Event()

    def reply(self, line: str, answer: Answers) -> None:
        self._replies[line] = answer

    def once(self, line: str, *answers: Answers) -> None:
        self._once += [(line, answer) for answer in answers]

    def count(self, line: str = "") -> int:
        return sum(1 for seen in self.seen if seen.line.startswith(line))

    def answer(self, seen: Seen) -> Reply:
        with self._lock:
            self.seen.append(seen)
            for index, (line, once) in enumerate(self._once):
                if seen.line.startswith(line):
                    del self._once[index]
                    return once if isinstance(once, Reply) else once(seen)
            fitting = [line for line in self._replies if seen.line.startswith(line)]
        if not fitting:
            return Reply(status=404, json=ABSENT)
        found = self._replies[max(fitting, key=len)]
        return found if isinstance(found, Reply) else found(seen)

    @property
    def address(self) -> str:
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"vault": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._server.tls = self._tls
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Server(ThreadingHTTPServer):
    tls: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        """The handshake belongs to the connection's own thread."""
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        with contextlib.suppress(OSError), self.tls.wrap_socket(request, server_side=True) as secure:
            super().finish_request(secure, client_address)


class _Handler(BaseHTTPRequestHandler):
    vault: ClassVar[ScriptedVault]
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        """The test says what it wants to see."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.vault.answer(Seen(self.command, self.path, headers, body))
        if reply.hang:
            self.vault.over.wait(20)
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body) if reply.claims is None else reply.claims))
        try:
            self.end_headers()
            self._send(reply)
        except OSError:
            self.close_connection = True

    def _send(self, reply: Reply) -> None:
        if not reply.drip:
            self.wfile.write(reply.body)
        for number in range(len(reply.body)) if reply.drip else ():
            if self.vault.over.is_set():
                break
            self.wfile.write(reply.body[number : number + 1])
            time.sleep(reply.drip)
        if reply.cut or reply.claims is not None:
            self.close_connection = True

    def __getattr__(self, name: str) -> Any:
        """Every method is served alike: the standard library looks for `do_<METHOD>`."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)
