"""Two WSGI layers around the application, which speaks RFC 6749: one understands a provider's requests, one speaks its answers.

Between them stand the scripted faults, so that a fault sees an ordinary request and is sent as it was written.

Rules: what a dialect says differently is translated and nothing is decided; a request that cannot be translated goes on as
it is, and the application refuses it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from reconciler.sandbox.faults import Sighting
from reconciler.sandbox.manners import Manners, Shape
from reconciler.sandbox.wire import Captured
from reconciler.sandbox.world import World

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_FORM = "application/x-www-form-urlencoded"
_MAX_BODY = 1 << 20
_TOKEN_PATHS = ("/token", "/refresh", "/exchange")
EXCHANGE = "sandbox.exchange"
"""In the environment of a request that exchanges a code's token: it is young, and may be."""


class Understanding:
    """The outer layer: a provider's request becomes an ordinary one."""

    def __init__(self, app: WSGIApplication, *, world: World) -> None:
        self._app = app
        self._world = world

    @property
    def _manners(self) -> Manners:
        return self._world.config.manners

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path in _TOKEN_PATHS:
            environ = self._token_request(environ, path)
        elif path == "/revoke":
            environ = {**environ, **self._authorization(environ, {}, Shape())}
        elif path.startswith("/api/"):
            environ = {**environ, **self._presented(environ)}
        elif path == "/authorize":
            environ = {**environ, "QUERY_STRING": self._page_query(environ.get("QUERY_STRING", ""))}
        return self._app(environ, start_response)

    def _token_request(self, environ: WSGIEnvironment, path: str) -> WSGIEnvironment:
        manners = self._manners
        sent = _fields_of(environ)
        if sent is None:
            return {**environ, "PATH_INFO": "/token"}
        shape = _shape_of(sent, path, manners)
        ours = {theirs: name for name, theirs in shape.names.items()}
        form = {ours.get(name, name): value for name, value in sent.items()}
        if form.get("grant_type") == shape.grant_type or "grant_type" not in form:
            kind = (
                "refresh_token" if "refresh_token" in form else "authorization_code" if "code" in form else ""
            )
            form |= {"grant_type": kind} if kind else {}
        if "scope" in form:
            form["scope"] = " ".join(form["scope"].replace(manners.scope_separator, " ").split())
        if "redirect_uri" in form:
            form["redirect_uri"] = self._redirect(
                form["redirect_uri"], environ=environ, client_id=form.get("client_id")
            )
        headers = self._authorization(environ, form, shape)
        body = urlencode(form).encode()
        return {
            **environ,
            **headers,
            "PATH_INFO": "/token",
            EXCHANGE: path == "/exchange",
            "REQUEST_METHOD": "POST",
            "QUERY_STRING": "",
            "CONTENT_TYPE": _FORM,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }

    def _authorization(self, environ: WSGIEnvironment, form: dict[str, str], shape: Shape) -> dict[str, str]:
        """A secret that stands where only this provider looks for it, and a refresh that names no client."""
        kind, _, word = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        secret = None
        if self._manners.authentication == "bearer" and kind == "Bearer":
            secret = word
        elif self._manners.authentication == "secret_as_user" and kind == "Basic":
            secret = base64.b64decode(word + "==").decode("utf-8", "replace").partition(":")[0]
        if secret is not None:
            known = next((one for one in self._world.clients.values() if one.secret == secret), None)
            return {} if known is None else {"HTTP_AUTHORIZATION": _basic(known.client_id, secret)}
        if "client_id" in shape.omit:
            token = self._world.find_refresh_token(form.get("refresh_token", ""))
            client = None if token is None else self._world.clients.get(token.grant.client_id)
            if client is not None and client.auth_method == "client_secret_post":
                form |= {
                    "client_id": client.client_id,
                    "client_secret": form.get("client_secret", client.secret or ""),
                }
            elif client is not None:
                return {"HTTP_AUTHORIZATION": _basic(client.client_id, client.secret or "")}
        return {}

    def _presented(self, environ: WSGIEnvironment) -> dict[str, str]:
        """An access token in this provider's own header, or with its own word before it."""
        manners = self._manners
        name = "HTTP_" + manners.token_header.upper().replace("-", "_")
        word, _, token = environ.get(name, "").partition(" ")
        return {"HTTP_AUTHORIZATION": f"Bearer {token}"} if word == manners.token_scheme else {}

    def _redirect(self, asked: str, *, environ: WSGIEnvironment, client_id: str | None) -> str:
        """Some providers have names for redirect URIs: the client's own first one is meant."""
        if "://" in asked:
            return asked
        sighting = Sighting.of({"client_id": client_id or ""}, environ.get("HTTP_AUTHORIZATION", ""))
        client = self._world.clients.get(sighting.client_id or "")
        registered = client.metadata.get("redirect_uris") if client is not None else None
        return str(registered[0]) if registered else asked

    def _page_query(self, query: str) -> str:
        manners = self._manners
        ours = {theirs: name for name, theirs in manners.request.names.items()}
        pairs = [(ours.get(name, name), value) for name, value in parse_qsl(query, keep_blank_values=True)]
        if "response_type" in manners.request.omit and not any(name == "response_type" for name, _ in pairs):
            pairs.append(("response_type", "code"))
        asked = dict(pairs)
        separator = manners.scope_separator
        if "scope" in asked:
            asked["scope"] = asked["scope"].replace(separator, " ")
        if "redirect_uri" in asked:
            client_id = asked.get("client_id")
            asked["redirect_uri"] = self._redirect(asked["redirect_uri"], environ={}, client_id=client_id)
        return urlencode(asked)


class Speaking:
    """The inner layer: the application's answers, as the provider writes them."""

    def __init__(
        self, app: WSGIApplication, *, world: World, issuer: str, client_of: Callable[[str], str]
    ) -> None:
        """`client_of`: whose code it is."""
        self._app = app
        self._world = world
        self._issuer = issuer
        self._client_of = client_of

    @property
    def _manners(self) -> Manners:
        return self._world.config.manners

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path not in ("/token", "/authorize") and not path.startswith("/api/"):
            return self._app(environ, start_response)
        said = Captured.run(self._app, environ)
        status, headers, body = said.status, said.headers, said.body
        if path.startswith("/api/"):
            dead = self._manners.refusals.get("invalid_token") if status.startswith("401") else None
            if dead is not None:
                status, body = f"{dead['status']} Refused", json.dumps(dead["body"]).encode()
        elif path == "/token":
            status, body = self._token_answer(status, body)
        else:
            headers = [
                (name, self._callback(value) if name == "Location" else value) for name, value in headers
            ]
        headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        return [body]

    def _token_answer(self, status: str, body: bytes) -> tuple[str, bytes]:
        try:
            document = json.loads(body)
        except ValueError:
            return status, body
        if status.startswith("200"):
            return status, json.dumps(self._granted(document)).encode()
        refusal = self._manners.refusals.get(str(document.get("error")))
        if refusal is None:
            return status, body
        return f"{refusal['status']} Refused", json.dumps(refusal["body"]).encode()

    def _granted(self, document: dict[str, Any]) -> dict[str, Any]:
        manners, said = self._manners, dict(document)
        if manners.renewal != "refresh-token" and "refresh_token" in said:
            said["access_token"] = said.pop("refresh_token")
        if not manners.scopes_echoed:
            said.pop("scope", None)
        elif "scope" in said:
            said["scope"] = said["scope"].replace(" ", manners.scope_separator)
        if "expires_in" in said and manners.expiry == "instant":
            ends = self._world.clock.now() + said["expires_in"]
            said["expires_in"] = datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        elif "expires_in" in said and manners.expiry == "milliseconds":
            said["expires_in"] *= 1000
        placed: dict[str, Any] = {}
        for name, value in said.items():
            path = manners.fields.get(name, name)
            if path:
                put(placed, path, value)
        for path in manners.keep:
            put(placed, path, f"sandbox-{path.rpartition('.')[2]}")
        return placed

    def _callback(self, location: str) -> str:
        manners = self._manners
        parts = urlsplit(location)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        if not any(name == "code" for name, _ in pairs):
            return location
        renamed = [(manners.callback_code if name == "code" else name, value) for name, value in pairs]
        renamed += [(name, f"sandbox-{name}") for name in manners.callback_keep]
        if manners.callback_server:
            renamed.append((manners.callback_server, self._issuer))
        if manners.callback_signature:
            code = next(value for name, value in pairs if name == "code")
            renamed.append((manners.callback_signature, self._signature(renamed, code)))
        return urlunsplit(parts._replace(query=urlencode(renamed)))

    def _signature(self, pairs: list[tuple[str, str]], code: str) -> str:
        client = self._world.clients.get(self._client_of(code))
        secret = "" if client is None else client.secret or ""
        text = "&".join(f"{name}={value}" for name, value in sorted(pairs))
        return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def put(document: dict[str, Any], path: str, value: Any) -> None:
    """Write `value` at a dotted path; a number in it makes a list."""
    *above, last = path.split(".")
    here: Any = document
    for part, following in pairwise([*above, last]):
        empty: Any = [] if following.isdigit() else {}
        if isinstance(here, list):
            here.append(empty)
            here = here[-1]
        else:
            here = here.setdefault(part, empty)
    if isinstance(here, list):
        here.append(value)
    else:
        here[last] = value


def _shape_of(sent: Mapping[str, str], path: str, manners: Manners) -> Shape:
    if path == "/exchange":
        return manners.exchange_request or manners.request
    return (manners.refresh_request if _is_refresh(sent, path, manners) else None) or manners.request


def _is_refresh(sent: Mapping[str, str], path: str, manners: Manners) -> bool:
    shape = manners.refresh_request or manners.request
    named = shape.names.get("refresh_token", "refresh_token")
    theirs = shape.grant_type
    return (
        path == "/refresh"
        or sent.get("grant_type") == (theirs or "refresh_token")
        or ("grant_type" in shape.omit and named in sent)
    )


def _fields_of(environ: WSGIEnvironment) -> dict[str, str] | None:
    if environ["REQUEST_METHOD"] == "GET":
        return dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    raw = environ["wsgi.input"].read(min(int(environ.get("CONTENT_LENGTH") or 0), _MAX_BODY))
    environ["wsgi.input"] = io.BytesIO(raw)
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0]
    try:
        if kind == "application/json":
            said = json.loads(raw)
            return {str(k): str(v) for k, v in said.items()} if isinstance(said, dict) else None
        return dict(parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=100))
    except ValueError:
        return None


def _basic(client_id: str, secret: str) -> str:
    from urllib.parse import quote_plus

    return "Basic " + base64.b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()
