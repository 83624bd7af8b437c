"""The listener answers one callback and nothing else; no neighbour on the machine can end it, stall it or read from it."""

from __future__ import annotations

import contextlib
import errno
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from reconciler.adapters import loopback
from reconciler.adapters.loopback import LoopbackListener
from reconciler.decide.authorization import (
    AuthorizationRequest,
    Callback,
    CallbackRefused,
    RedirectMode,
    RedirectUri,
    Refusal,
    judge_callback,
)
from reconciler.errors import ObjectFailed
from reconciler.model.secret import Secret

ANY_PORT = RedirectUri("http://127.0.0.1/callback", RedirectMode.LISTEN, "127.0.0.1", None, "/callback")
STATE = Secret("the-state")


@contextmanager
def waiting(
    redirect: RedirectUri = ANY_PORT, *, seconds: float = 10
) -> Iterator[tuple[LoopbackListener, Future[Callback | CallbackRefused | None]]]:
    with ThreadPoolExecutor(1) as pool, LoopbackListener(redirect) as listener:
        request = AuthorizationRequest(
            "https://as.example/", listener.redirect_uri, STATE, None, None, "https://as.example", False
        )
        stop = threading.Event()
        future = pool.submit(
            listener.wait, lambda url: judge_callback(url, request=request), seconds=seconds, stop=stop
        )
        try:
            yield listener, future
        finally:
            stop.set()
            future.result(5)


def said(port: int, raw: bytes, *, host: str = "127.0.0.1") -> bytes:
    with socket.create_connection((host, port), 5) as sock:
        sock.settimeout(5)
        with contextlib.suppress(ConnectionError):
            sock.sendall(raw)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while chunk := sock.recv(65536):
                answer += chunk
        return answer


def get(listener: LoopbackListener, target: str, *, method: str = "GET", host: str | None = None) -> bytes:
    name = host or f"127.0.0.1:{listener.port}"
    return said(listener.port, f"{method} {target} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())


GOOD = "/callback?code=c0de&state=the-state"


def test_the_right_callback_ends_the_waiting_with_its_code():
    with waiting() as (listener, future):
        page = get(listener, GOOD)
        verdict = future.result(2)
    assert isinstance(verdict, Callback)
    assert verdict.code.reveal() == "c0de"
    assert page.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Consent received" in page
    assert b"c0de" not in page
    assert b"the-state" not in page


def test_the_page_loads_nothing_and_is_kept_nowhere():
    with waiting() as (listener, _):
        head, _, body = get(listener, GOOD).partition(b"\r\n\r\n")
    for header in (
        b"Content-Security-Policy: default-src 'none';",
        b"frame-ancestors 'none'",
        b"Cache-Control: no-store",
        b"Referrer-Policy: no-referrer",
        b"X-Content-Type-Options: nosniff",
    ):
        assert header in head
    assert b"<script" not in body
    assert re.findall(rb'(?:src|href)="([^"]*)"', body) == [b"data:,"]


def test_a_denial_ends_the_waiting_and_is_shown_escaped():
    with waiting() as (listener, future):
        page = get(
            listener,
            "/callback?error=access_denied&error_description=%3Cscript%3Ex%3C/script%3E&state=the-state",
        )
        verdict = future.result(2)
    assert isinstance(verdict, CallbackRefused)
    assert verdict.kind is Refusal.DENIED
    assert b"Access was not given" in page
    assert b"<script" not in page


@pytest.mark.parametrize(
    ("target", "method", "host", "status"),
    [
        ("/favicon.ico", "GET", None, b"404"),
        ("/", "GET", None, b"404"),
        ("/callback/", "GET", None, b"404"),
        ("/callback?code=c&state=wrong", "GET", None, b"400"),
        ("/callback?code=c", "GET", None, b"400"),
        ("/callback?code=c&state=the-state&state=the-state", "GET", None, b"400"),
        (GOOD, "POST", None, b"405"),
        (GOOD, "HEAD", None, b"405"),
        (GOOD, "GET", "evil.example", b"404"),
        (GOOD, "GET", "localhost:1", b"404"),
        ("http://evil.example/callback", "GET", None, b"400"),
    ],
)
def test_anything_else_ends_nothing(target, method, host, status):
    with waiting() as (listener, future):
        assert get(listener, target, method=method, host=host).split(b" ")[1] == status
        assert not future.done()
        get(listener, GOOD)
        assert isinstance(future.result(2), Callback)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET /callback HTTP/2.0\r\nHost: x\r\n\r\n",
        b"GET /callback?code=c0de&state=the-state HTTP/1.1\r\n\r\n",
        b"",
    ],
)
def test_what_is_no_request_ends_nothing(raw):
    with waiting() as (listener, future):
        with socket.create_connection(("127.0.0.1", listener.port), 5) as sock:
            sock.sendall(raw)
            sock.shutdown(socket.SHUT_WR)
            sock.settimeout(2)
            with contextlib.suppress(ConnectionError):
                sock.recv(100)
        assert not future.done()
        get(listener, GOOD)
        assert isinstance(future.result(2), Callback)


def test_a_megabyte_of_headers_is_cut():
    with waiting() as (listener, future):
        said(listener.port, b"GET /callback HTTP/1.1\r\nX: " + b"y" * 1_000_000)
        assert not future.done()
        get(listener, GOOD)
        assert isinstance(future.result(2), Callback)


def test_slow_and_silent_clients_keep_nobody_waiting():
    with waiting() as (listener, future):
        silent = [socket.create_connection(("127.0.0.1", listener.port)) for _ in range(40)]
        slow = socket.create_connection(("127.0.0.1", listener.port))
        slow.sendall(b"GET /call")
        begun = time.monotonic()
        get(listener, GOOD)
        assert isinstance(future.result(2), Callback)
        assert time.monotonic() - begun < 2
        for sock in [*silent, slow]:
            sock.close()


def test_localhost_is_listened_on_in_both_families():
    redirect = RedirectUri("http://localhost/cb", RedirectMode.LISTEN, "localhost", None, "/cb")
    with waiting(redirect) as (listener, future):
        assert listener.redirect_uri == f"http://localhost:{listener.port}/cb"
        name = f"localhost:{listener.port}"
        assert b"404" in get(listener, "/", host=name)
        raw = f"GET /cb?code=c&state=the-state HTTP/1.1\r\nHost: {name}\r\n\r\n".encode()
        said(listener.port, raw, host="::1" if socket.has_ipv6 else "127.0.0.1")
        assert isinstance(future.result(2), Callback)


def test_a_port_that_is_taken_is_said_and_not_changed():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        redirect = RedirectUri(f"http://127.0.0.1:{port}/cb", RedirectMode.LISTEN, "127.0.0.1", port, "/cb")
        with pytest.raises(ObjectFailed, match=str(port)) as caught:
            LoopbackListener(redirect)
    assert "--paste" in (caught.value.hint or "")


def test_a_fixed_port_can_be_used_twice_in_a_row():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    redirect = RedirectUri(
        f"http://127.0.0.1:{port}/callback", RedirectMode.LISTEN, "127.0.0.1", port, "/callback"
    )
    for _ in range(2):
        with waiting(redirect) as (listener, future):
            get(listener, GOOD)
            assert isinstance(future.result(2), Callback)


def refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return True
    return False


@pytest.mark.parametrize("end", [lambda listener: get(listener, GOOD), lambda listener: None])
def test_afterwards_nothing_listens_and_no_thread_is_left(end: Callable[[LoopbackListener], object]):
    threads = threading.active_count()
    with waiting(seconds=1) as (listener, _):
        end(listener)
    assert refused(listener.port)
    assert threading.active_count() == threads


def test_waiting_ends_by_itself():
    with LoopbackListener(ANY_PORT) as listener:
        begun = time.monotonic()
        assert listener.wait(lambda url: Callback(STATE), seconds=0.3) is None
        assert time.monotonic() - begun < 1


def test_waiting_ends_when_the_run_is_asked_to_stop():
    stop = threading.Event()
    stop.set()
    with LoopbackListener(ANY_PORT) as listener:
        assert listener.wait(lambda url: Callback(STATE), seconds=30, stop=stop) is None


def test_an_ipv6_loopback_address_is_listened_on():
    redirect = RedirectUri("http://[::1]/callback", RedirectMode.LISTEN, "::1", None, "/callback")
    with waiting(redirect) as (listener, future):
        assert listener.redirect_uri == f"http://[::1]:{listener.port}/callback"
        raw = f"GET {GOOD} HTTP/1.1\r\nHost: [::1]:{listener.port}\r\n\r\n".encode()
        assert said(listener.port, raw, host="::1").startswith(b"HTTP/1.1 200")
        assert isinstance(future.result(2), Callback)


@pytest.mark.parametrize(
    ("missing", "left"),
    [(socket.AF_INET, "::1"), (socket.AF_INET6, "127.0.0.1")],
    ids=["IPv6 only", "IPv4 only"],
)
def test_localhost_is_listened_on_in_the_one_family_that_there_is(
    monkeypatch: pytest.MonkeyPatch, missing: int, left: str
):
    listens = loopback._listen

    def as_on_another_machine(family: int, host: str, port: int) -> socket.socket:
        if family == missing:
            raise OSError(errno.EADDRNOTAVAIL, "not there")
        return listens(family, host, port)

    monkeypatch.setattr(loopback, "_listen", as_on_another_machine)
    redirect = RedirectUri("http://localhost/cb", RedirectMode.LISTEN, "localhost", None, "/cb")
    with waiting(redirect) as (listener, future):
        raw = f"GET /cb?code=c&state=the-state HTTP/1.1\r\nHost: localhost:{listener.port}\r\n\r\n".encode()
        said(listener.port, raw, host=left)
        assert isinstance(future.result(2), Callback)


def test_a_machine_without_a_loopback_address_says_so(monkeypatch: pytest.MonkeyPatch):
    def nowhere(family: int, host: str, port: int) -> socket.socket:
        raise OSError(errno.EADDRNOTAVAIL, "not there")

    monkeypatch.setattr(loopback, "_listen", nowhere)
    redirect = RedirectUri("http://localhost/cb", RedirectMode.LISTEN, "localhost", None, "/cb")
    with pytest.raises(ObjectFailed, match="cannot be listened on"):
        LoopbackListener(redirect)


@pytest.mark.parametrize(
    "target",
    [
        GOOD,
        f"{GOOD}&next=https://evil.example&redirect_uri=//evil.example",
        "/callback?next=https://evil.example",
        "//evil.example/callback?code=c0de&state=the-state",
        "/",
    ],
)
def test_nobody_is_ever_sent_anywhere(target):
    with waiting() as (listener, _):
        head = get(listener, target).partition(b"\r\n\r\n")[0].lower()
    assert b"\r\nlocation:" not in head
    assert b"\r\nrefresh:" not in head
    assert head.split(b" ")[1][:1] != b"3"


@pytest.mark.parametrize(
    "hosts",
    [
        "Host: 127.0.0.1:{port}\r\nHost: evil.example\r\n",
        "Host: 127.0.0.1:{port}.evil.example\r\n",
        "Host: 127.0.0.1:{port}@evil.example\r\n",
        "Host: 127.0.0.1\r\n",
        "",
    ],
)
def test_a_host_that_is_not_ours_alone_is_another_site(hosts):
    with waiting() as (listener, future):
        raw = f"GET {GOOD} HTTP/1.1\r\n{hosts.format(port=listener.port)}\r\n".encode()
        assert said(listener.port, raw).split(b" ")[1] == b"404"
        assert not future.done()
        get(listener, GOOD)
        assert isinstance(future.result(2), Callback)


def test_a_second_request_behind_the_first_is_not_read():
    with waiting() as (listener, future):
        host = f"Host: 127.0.0.1:{listener.port}\r\n\r\n"
        raw = f"GET / HTTP/1.1\r\n{host}GET {GOOD} HTTP/1.1\r\n{host}".encode()
        assert said(listener.port, raw).count(b"HTTP/1.1 ") == 1
        assert not future.done()


def test_a_replayed_callback_finds_nobody():
    with waiting() as (listener, future):
        get(listener, GOOD)
        assert isinstance(future.result(2), Callback)
    with pytest.raises(OSError, match="refused"):
        get(listener, GOOD)


def test_a_refusal_with_a_code_beside_it_ends_the_waiting_as_refused():
    with waiting() as (listener, future):
        page = get(listener, "/callback?error=access_denied&code=c0de&state=the-state")
        verdict = future.result(2)
    assert isinstance(verdict, CallbackRefused)
    assert verdict.kind is Refusal.ERROR_AND_CODE
    assert b"c0de" not in page


def test_a_mix_up_ends_the_waiting_as_refused():
    with waiting() as (listener, future):
        get(listener, f"{GOOD}&iss=https%3A%2F%2Fevil.example")
        verdict = future.result(2)
    assert isinstance(verdict, CallbackRefused)
    assert verdict.kind is Refusal.ISSUER_WRONG
