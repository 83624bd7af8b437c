"""An attacker's server on loopback: it answers like an authorization server and keeps every byte that it is sent."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass
class Attacker:
    """`heard` is everything that reached it; `idp` the origin of the server that it would like to be."""

    idp: str
    heard: list[bytes] = field(default_factory=list)

    def __enter__(self) -> Self:
        attacker = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 5

            def _answer(self) -> None:
                body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 1 << 20))
                attacker.heard.append(bytes(self.requestline, "latin-1") + b"\n" + bytes(self.headers) + body)
                document = json.dumps(attacker.document(self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(document)))
                self.end_headers()
                self.wfile.write(document)

            def log_message(self, *args: Any) -> None:
                """Says nothing."""

        for method in ("GET", "POST", "PUT", "DELETE"):
            setattr(Handler, f"do_{method}", Handler._answer)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def document(self, path: str) -> dict[str, Any]:
        """What would do most harm at this path: metadata that mixes both servers, or tokens that look good."""
        if ".well-known" in path:
            mine = {
                name: f"{self.url}/{name}"
                for name in (
                    "authorization_endpoint",
                    "token_endpoint",
                    "revocation_endpoint",
                    "userinfo_endpoint",
                )
            }
            issuer = self.url
            if "lies" in path:
                issuer = self.idp
            elif "mix" in path:
                issuer = f"{self.url}/mix"
                mine |= {"token_endpoint": f"{self.idp}/token"}
            return {"issuer": issuer, "response_types_supported": ["code"], **mine}
        return {
            "access_token": "theirs",
            "refresh_token": "theirs-too",
            "token_type": "Bearer",
            "expires_in": 60,
        }
