"""What `reconciler.client` adds to a request while its token is cached: the auth flow alone, without any sending."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import requests

from reconciler.adapters.sqlite import SqliteStore
from reconciler.client import AccountToken
from reconciler.model.duration import format_instant
from reconciler.model.secret import Document
from reconciler.model.store_path import own_path
from tests.bench.cases.case import Bench, Case
from tests.bench.finding import Finding, Reading, Readings, at_most
from tests.bench.measure import BenchFailed, Spread

API = "https://api.example"
URL = f"{API}/files"
GOAL_MICROSECONDS = 30


def measure(bench: Bench) -> list[Finding]:
    token = _account(bench.folder)
    rounds, each = max(bench.size.rounds, 3), bench.size.accounts
    ways: dict[str, Callable[[int], None]] = {
        "httpx, a request": lambda count: _httpx(token, count),
        "httpx, a request of an asynchronous client": lambda count: asyncio.run(_httpx_async(token, count)),
        "requests, a request": lambda count: _requests(token, count),
        "get_token()": lambda count: _plain(token, count),
    }
    readings = tuple(
        Reading(
            what=what,
            unit="µs",
            spread=Spread.of([_microseconds(way, each) for _ in range(rounds)]),
            runs=rounds * each,
            digits=2,
        )
        for what, way in ways.items()
    )
    slowest = max(reading.spread.middle for reading in readings)
    return [
        Readings(
            title="A cached token in reconciler.client",
            readings=readings,
            goals=(at_most(GOAL_MICROSECONDS, slowest, unit="µs", digits=1, of="a request"),),
            notes=(f"the auth flow alone, {each:,} requests a round; no byte is sent",),
        )
    ]


def _account(folder: Path) -> AccountToken:
    """An account whose token lives for a day, in an embedded store."""
    file = folder / "store" / "store.db"
    store = SqliteStore(file)
    document = {
        "access_token": "a" * 1200,
        "token_type": "Bearer",
        "expires_at": format_instant(datetime.now(UTC) + timedelta(days=1)),
        "scope": "files.read",
    }
    store.write(own_path("reconciler/tokens/sales/crm"), Document(document), cas=0)
    store.close()
    return AccountToken("sales/crm", settings={"RECONCILER_STORE": f"sqlite://{file}"}, origins=[API])


def _microseconds(way: Callable[[int], None], count: int) -> float:
    way(1)
    began = time.perf_counter()
    way(count)
    return (time.perf_counter() - began) / count * 1e6


def _httpx(token: AccountToken, count: int) -> None:
    auth, request, response = token.httpx_auth(), httpx.Request("GET", URL), httpx.Response(200)
    for _ in range(count):
        flow = auth.sync_auth_flow(request)
        next(flow)
        try:
            flow.send(response)
        except StopIteration:
            continue
        raise BenchFailed("the request was made twice")


async def _httpx_async(token: AccountToken, count: int) -> None:
    auth, request, response = token.httpx_auth(), httpx.Request("GET", URL), httpx.Response(200)
    for _ in range(count):
        flow = auth.async_auth_flow(request)
        await anext(flow)
        try:
            await flow.asend(response)
        except StopAsyncIteration:
            continue
        raise BenchFailed("the request was made twice")


def _requests(token: AccountToken, count: int) -> None:
    auth, request = token.requests_auth(), requests.Request("GET", URL).prepare()
    for _ in range(count):
        auth(request)
        request.hooks["response"].clear()


def _plain(token: AccountToken, count: int) -> None:
    for _ in range(count):
        token.get_token()


CASE = Case(name="client", measure=measure)
