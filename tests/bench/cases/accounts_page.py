"""The Accounts page with many accounts: when the first byte of a page comes while twenty people look at it at once."""

import http.client
import itertools
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlencode

from tests.bench.cases.case import Bench, Case
from tests.bench.finding import Finding, Reading, Readings, at_most
from tests.bench.measure import BenchFailed, Spread
from tests.bench.worlds import World, sqlite_store
from tests.servers.process import free_port

CLIENTS = 20
GOAL_MILLISECONDS = 300
EACH = 15
"""Pages of one client in one round."""


def measure(bench: Bench) -> list[Finding]:
    world = World(
        folder=bench.folder,
        accounts=bench.size.accounts,
        server="https://sso.example",
        store=sqlite_store(bench.folder),
    )
    world.write_manifests()
    world.seed(init=["--trust", "tofu"])
    quiet: list[list[float]] = []
    busy: list[list[float]] = []
    with _served(world) as port:
        _round(port, world)
        for _ in range(max(bench.size.rounds, 3)):
            quiet.append(_round(port, world))
            _look_again(port)
            busy.append(_round(port, world))
    percentiles = [_p95(times) for times in quiet]
    while_looking = [_p95(times) for times in busy]
    taken = CLIENTS * EACH * len(quiet)
    return [
        Readings(
            title=f"The Accounts page, {bench.size.accounts:,} accounts, {CLIENTS} clients",
            readings=(
                Reading(what="first byte, median", unit="ms", spread=_spread(quiet), runs=taken),
                Reading(
                    what="first byte, 95th percentile", unit="ms", spread=Spread.of(percentiles), runs=taken
                ),
                Reading(
                    what="… while the store is looked at anew",
                    unit="ms",
                    spread=Spread.of(while_looking),
                    runs=taken,
                ),
            ),
            goals=(
                at_most(GOAL_MILLISECONDS, Spread.of(percentiles).middle, unit="ms", of="first byte at p95"),
            ),
            notes=(
                "`reconciler serve` on an embedded store; each client has a kept connection and makes no pause between pages",
                "the whole list, searches, filters and later pages in turn",
                "median and percentile of each round, then least, median and most of the rounds",
            ),
        )
    ]


@contextmanager
def _served(world: World) -> Iterator[int]:
    port = free_port()
    child = subprocess.Popen(
        [
            *(sys.executable, "-m", "reconciler", "serve", "-f", str(world.manifests)),
            *("--listen", f"127.0.0.1:{port}", "--trusted-proxy", "127.0.0.1"),
        ],
        cwd=world.folder,
        env=world.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert child.stdout is not None
        line = child.stdout.readline()
        if f"({world.accounts} accounts)" not in line:
            raise BenchFailed(f"the page does not show {world.accounts} accounts: {line!r}")
        yield port
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(60)
        assert child.stdout is not None
        child.stdout.close()


def _pages(world: World, client: int) -> Iterator[str]:
    """What one person looks at, in turn: no two ask for the same at the same time."""
    team, name = world.names[client * 37 % len(world.names)]
    asked: list[dict[str, object]] = [
        {},
        {"q": name},
        {"namespace": team, "page": 2},
        {"owner": "ana", "page": 1 + client},
        {"state": "ready", "within": 30},
        {"q": "program night", "page": 3},
    ]
    for place in itertools.count(client):
        query = asked[place % len(asked)]
        yield f"/?{urlencode(query)}" if query else "/"


def _round(port: int, world: World) -> list[float]:
    """Milliseconds to the first byte, of every page of every client."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        found = pool.map(lambda client: _client(port, _pages(world, client), client), range(CLIENTS))
        return [milliseconds for times in found for milliseconds in times]


def _client(port: int, pages: Iterator[str], number: int) -> list[float]:
    # Twenty people have twenty addresses, as a proxy tells: the page slows down a single one that asks like this.
    headers = {"X-Forwarded-For": f"192.0.2.{number + 1}"}
    line, times = http.client.HTTPConnection("127.0.0.1", port, timeout=60), []
    for page in itertools.islice(pages, EACH):
        began = time.perf_counter()
        line.request("GET", page, headers=headers)
        answer = line.getresponse()
        times.append((time.perf_counter() - began) * 1000)
        body = answer.read()
        if answer.status != 200 or b"</html>" not in body:
            raise BenchFailed(f"the page answered {answer.status}")
    line.close()
    return times


def _look_again(port: int) -> None:
    """Press the page's own button, so that it looks at the store while the next round runs."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    line.request("GET", "/")
    answer = line.getresponse()
    cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
    token = re.search(rb'name="form_token" value="([0-9a-f]+)"', answer.read())
    if token is None:
        raise BenchFailed("the page has no button")
    line.request(
        "POST",
        "/look",
        body=urlencode({"form_token": token[1].decode()}),
        headers={"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"},
    )
    if line.getresponse().status != 303:
        raise BenchFailed("the page did not look again")
    line.close()


def _p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]


def _spread(rounds: list[list[float]]) -> Spread:
    return Spread.of([sorted(times)[len(times) // 2] for times in rounds])


CASE = Case(name="accounts-page", measure=measure)
