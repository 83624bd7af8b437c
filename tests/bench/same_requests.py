"""The ceiling: just the requests that a command makes, by a client that does nothing else.

Bytes go over plain sockets and of an answer only what the next request needs is looked at: no checks, no models, no
decisions, no report, no manifest. What this takes is what the servers take; no client in the same language, with the same
requests and as many threads, is faster by much. Imports nothing of reconciler.

- `same-reads MOUNT THREADS KEYS`: one metadata read a key listed in a file;
- `same-refresh MOUNT FOLDER THREADS TOKEN_URL CLIENT_ID SECRET NAMES ROTATION`: the metadata that tells who is due, the grant,
  the token call, and one write (`reusable`) or three (`single-use`, whose token call has a connection of its own), with cas.
"""

import base64
import json
import os
import socket
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

_INTENT = {"op": "0" * 32, "phase": "sent", "holder": "h" * 96, "deadline": "900", "fingerprint": "f" * 64}
"""About as long as the intent that a guarded write adds to a record."""


class Line:
    """One kept connection."""

    def __init__(self, address: str, head: str) -> None:
        parts = urlsplit(address)
        self.sock = socket.create_connection((parts.hostname or "", parts.port or 80))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.head = f"Host: {parts.netloc}\r\n{head}"

    def ask(self, method: str, path: str, body: bytes = b"") -> Any:
        """The JSON of an answer of status 200; anything else is an error."""
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        self.sock.sendall(f"{method} {path} HTTP/1.1\r\n{self.head}{length}\r\n".encode() + body)
        held = b""
        while (end := held.find(b"\r\n\r\n")) < 0:
            held += self._more()
        head = held[:end].lower()
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(f"{method} {path}: {head[:20]!r}")
        begun = end + 4
        if b"transfer-encoding: chunked" in head:
            return json.loads(self._chunks(held[begun:]))
        size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        while len(held) < begun + size:
            held += self._more()
        return json.loads(held[begun:])

    def _chunks(self, held: bytes) -> bytes:
        """A body in chunks (RFC 9112 §7.1): what Vault sends of longer answers."""
        whole = b""
        while True:
            while (line := held.find(b"\r\n")) < 0:
                held += self._more()
            size = int(held[:line].partition(b";")[0], 16)
            while len(held) < line + 2 + size + 2:
                held += self._more()
            if size == 0:
                return whole
            whole += held[line + 2 : line + 2 + size]
            held = held[line + 2 + size + 2 :]

    def _more(self) -> bytes:
        arrived = self.sock.recv(65536)
        if not arrived:
            raise RuntimeError("the connection was closed")
        return arrived


def _vault() -> Line:
    return Line(os.environ["VAULT_ADDR"], f"X-Vault-Token: {os.environ['VAULT_TOKEN']}\r\n")


def _shared(work: Callable[[list[str]], int], items: Iterable[str], threads: int) -> int:
    """Each thread has an equal share, so that no time is spent on handing them over."""
    listed = list(items)
    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(work, [listed[first::threads] for first in range(threads)]))


def read_metadata(mount: str, threads: str, keys: str) -> int:
    def share(paths: list[str]) -> int:
        vault = _vault()
        return sum(1 for path in paths if vault.ask("GET", f"/v1/{mount}/metadata/{path}"))

    return _shared(share, Path(keys).read_text().split(), int(threads))


def refresh(
    mount: str,
    folder: str,
    threads: str,
    token_url: str,
    client_id: str,
    secret: str,
    names: str,
    rotation: str,
) -> int:
    guarded = rotation == "single-use"
    basic = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    form = f"Authorization: Basic {basic}\r\nContent-Type: application/x-www-form-urlencoded\r\n"

    def share(mine: list[str]) -> int:
        vault, server = _vault(), Line(token_url, form)

        def write(path: str, document: dict[str, Any], *, cas: int) -> int:
            body = json.dumps({"options": {"cas": cas}, "data": document}).encode()
            return int(vault.ask("POST", f"/v1/{mount}/data/{path}", body)["data"]["version"])

        for name in mine:
            grant, token = f"{folder}/grants/{name}", f"{folder}/tokens/{name}"
            published = vault.ask("GET", f"/v1/{mount}/metadata/{token}")["data"]["current_version"]
            read = vault.ask("GET", f"/v1/{mount}/data/{grant}")["data"]
            held, version = read["data"], read["metadata"]["version"]
            if guarded:
                version = write(grant, {**held, "intent": _INTENT}, cas=version)
                server = Line(token_url, form + "Connection: close\r\n")
            asked = urlencode({"grant_type": "refresh_token", "refresh_token": held["refresh_token"]})
            answer = server.ask("POST", urlsplit(token_url).path, asked.encode())
            if guarded:
                held = {**held, "refresh_token": answer["refresh_token"]}
                write(grant, {**held, "tokens": answer}, cas=version)
            write(token, {"access_token": answer["access_token"], "token_type": "Bearer"}, cas=published)
        return len(mine)

    return _shared(share, Path(names).read_text().split(), int(threads))


FLOORS: dict[str, Callable[..., int]] = {"same-reads": read_metadata, "same-refresh": refresh}


def main(arguments: list[str]) -> int:
    name, *rest = arguments
    print(FLOORS[name](*rest))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
