"""An account's access token for Python programs: for httpx, for requests, or as it is. It keeps itself fresh.

    from reconciler.client import from_environment

    drive = from_environment("marketing/drive", origins=["https://www.googleapis.com"])
    httpx.get("https://www.googleapis.com/drive/v3/files", auth=drive.httpx_auth())

Rules:
- the token is read from the store that `RECONCILER_STORE` names, cached until it is due, and read again then; where the
  manifests are here and the login may do it, a token in its last minutes is refreshed by the protocol;
- a request to an origin that is not among `origins` is refused before it is sent: TrustRefused, and no token on it;
- on a 401 the store is read once more, and the request is made again only if another token stands there by now;
- safe to share between threads, tasks and forks. A token is never shown, logged or pickled.

The names in `__all__` and their methods are what programs may rely on.
"""

from __future__ import annotations

import asyncio
import os
import time
import weakref
from collections.abc import AsyncGenerator, Generator, Iterable, Mapping
from datetime import timedelta
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx

from reconciler.engine.token_cache import Held, TokenCache
from reconciler.errors import TrustRefused, UsageError, clean
from reconciler.model.endpoint import Origin, parse_origin

__all__ = ["AccountToken", "from_environment"]

_UNAUTHORIZED = 401
_HEADER = "Authorization"
_CACHES: weakref.WeakSet[TokenCache] = weakref.WeakSet()


def _after_fork() -> None:
    for cache in list(_CACHES):
        cache.after_fork()


os.register_at_fork(after_in_child=_after_fork)


class AccountToken:
    """The token of one account.

    `account` is `<namespace>/<name>`. `settings` are those of the environment by the same names (`RECONCILER_STORE`,
    `VAULT_ADDR`, …), and nothing else is read. `origins`: where the token may be sent, like `https://api.example.com`.
    `manifests`: the folder of the manifests, where they are here: then the account's base and trust say where the token may
    go, `origins` may only narrow that, and the token can be refreshed from here. `min_valid`: never give out a token with
    less than this left.

    UsageError for what is no account, origin or setting. Nothing is asked before the first token is.
    """

    def __init__(
        self,
        account: str,
        *,
        settings: Mapping[str, str],
        origins: Iterable[str] = (),
        manifests: str | None = None,
        min_valid: timedelta | None = None,
    ) -> None:
        from reconciler.cli.client_wiring import place_of

        named = frozenset(_origin(text) for text in origins)
        place = place_of(account, settings, manifests=manifests, origins=named or None, min_valid=min_valid)
        self._account = place.account
        self._bound = bool(named) or manifests is not None
        self._cache = TokenCache(place.account, place.fetch, monotonic=time.monotonic, min_valid=min_valid)
        _CACHES.add(self._cache)

    def get_token(self) -> str:
        """The token itself, for whoever sends it by other means. May wait for the store.

        NeedsPerson where only a consent helps; otherwise a `reconciler.errors.ReconcilerError` that says what does.
        """
        return self._cache.current().token

    def httpx_auth(self) -> httpx.Auth:
        """For `httpx.Client(auth=…)` and `httpx.AsyncClient(auth=…)`. UsageError where no origins are known."""
        self._check_bound()
        return _HttpxAuth(self._cache, str(self._account))

    def requests_auth(self) -> _RequestsAuth:
        """For `requests.get(…, auth=…)` and `Session.auth`. UsageError where no origins are known."""
        self._check_bound()
        return _RequestsAuth(self._cache, str(self._account))

    def _check_bound(self) -> None:
        if not self._bound:
            raise UsageError(
                f"{self._account}: where may its token be sent? No origins are given, and no manifests",
                hint='name them: origins=["https://api.example.com"]',
            )

    def __repr__(self) -> str:
        return f"AccountToken({str(self._account)!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an AccountToken is never pickled")


def from_environment(
    account: str,
    *,
    origins: Iterable[str] = (),
    manifests: str | None = None,
    min_valid: timedelta | None = None,
) -> AccountToken:
    """An AccountToken by this process's environment."""
    from reconciler.cli.client_wiring import this_environment

    return AccountToken(
        account,
        settings=this_environment(),
        origins=origins,
        manifests=manifests,
        min_valid=min_valid,
    )


def _origin(text: str) -> Origin:
    try:
        return parse_origin(text, allow_loopback_http=True)
    except ValueError as problem:
        raise UsageError(f"an origin that is none: {problem}") from None


class _Bound:
    """A token that goes to its origins only."""

    def __init__(self, cache: TokenCache, account: str) -> None:
        self._cache = cache
        self._account = account

    def _refuse(self, where: str) -> NoReturn:
        raise TrustRefused(
            f"{self._account}: its token may not go to {clean(where)}",
            hint="the origins that it may go to are given where the auth is made",
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._account!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an auth with a token is never pickled")


class _HttpxAuth(_Bound, httpx.Auth):
    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        held = self._cache.current()
        self._put_on(request, held)
        response = yield request
        if self._is_refused(request, response):
            newer = self._cache.refused(held.token)
            if newer is not None and _is_whole(request):
                self._put_on(request, newer)
                yield request

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        held = self._cache.fresh()
        if held is None:
            held = await asyncio.to_thread(self._cache.current)
        self._put_on(request, held)
        response = yield request
        if self._is_refused(request, response):
            newer = await asyncio.to_thread(self._cache.refused, held.token)
            if newer is not None and _is_whole(request):
                self._put_on(request, newer)
                yield request

    def _put_on(self, request: httpx.Request, held: Held) -> None:
        url = request.url
        if held.places is None or (url.scheme, url.host, url.port) not in held.places:
            self._refuse(f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}")
        request.headers[_HEADER] = held.header

    @staticmethod
    def _is_refused(request: httpx.Request, response: httpx.Response) -> bool:
        """Where a redirect led elsewhere, a 401 from there is not about our token."""
        return response.status_code == _UNAUTHORIZED and response.request.url.netloc == request.url.netloc


def _is_whole(request: httpx.Request) -> bool:
    """Whether the body can be sent once more: one that is read as it goes is gone."""
    return isinstance(request.stream, httpx.ByteStream)


class _RequestsAuth(_Bound):
    """requests takes anything that can be called; it is not imported for it."""

    def __call__(self, request: Any) -> Any:
        held = self._cache.current()
        self._put_on(request, held)
        request.register_hook("response", self._look_again)
        return request

    def _look_again(self, response: Any, **sending: Any) -> Any:
        sent = response.request.headers.get(_HEADER, "")
        if response.status_code != _UNAUTHORIZED or not sent.startswith("Bearer "):
            return response
        newer = self._cache.refused(sent.removeprefix("Bearer "))
        if newer is None or not isinstance(response.request.body, str | bytes | None):
            return response
        again = response.request.copy()
        self._put_on(again, newer)
        again.deregister_hook("response", self._look_again)
        _ = response.content  # so that its connection can be used again
        response.close()
        answer = response.connection.send(again, **sending)
        answer.history.append(response)
        answer.request = again
        return answer

    def _put_on(self, request: Any, held: Held) -> None:
        parts = urlsplit(request.url)
        usual = {"https": 443, "http": 80}.get(parts.scheme)
        port = None if parts.port == usual else parts.port
        odd = "@" in parts.netloc or "\\" in request.url
        if odd or held.places is None or (parts.scheme, parts.hostname or "", port) not in held.places:
            self._refuse(f"{parts.scheme}://{parts.hostname}")
        request.headers[_HEADER] = held.header
