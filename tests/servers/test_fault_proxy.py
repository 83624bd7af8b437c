"""The fault proxy does to a connection what its script says, and counts what came through."""

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from tests.servers.fault_proxy import Act, Fault, FaultProxy

BODY = b"x" * 2000


class _Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: list[str]

    def do_GET(self) -> None:
        self.seen.append(f"{self.command} {self.path}")
        self.send_response(200)
        self.send_header("content-length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.do_GET()

    def log_message(self, *said: object) -> None:
        del said


@pytest.fixture
def seen() -> list[str]:
    """The requests that reached the server behind the proxy."""
    return []


@pytest.fixture
def proxy(seen: list[str]) -> Iterator[FaultProxy]:
    handler = type("Echo", (_Echo,), {"seen": seen})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    with FaultProxy.to(f"http://127.0.0.1:{server.server_port}") as between:
        yield between
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=5) as client:
        yield client


def test_without_a_script_everything_passes_and_is_counted(proxy: FaultProxy, http):
    assert http.get(f"{proxy.url}/a").content == BODY
    assert http.post(f"{proxy.url}/b", content=b"y").content == BODY
    assert proxy.requests == ["GET /a", "POST /b"]
    assert proxy.connections == 1


def test_a_fault_meets_the_request_that_it_names_as_often_as_it_says(proxy: FaultProxy, http, seen):
    proxy.script(Fault(when="GET /b", act=Act.REFUSE, skip=1, times=1))
    assert http.get(f"{proxy.url}/a").status_code == 200
    assert http.get(f"{proxy.url}/b").status_code == 200
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        http.get(f"{proxy.url}/b")
    assert http.get(f"{proxy.url}/b").status_code == 200
    assert seen == ["GET /a", "GET /b", "GET /b"]


def test_a_dropped_answer_leaves_the_request_done(proxy: FaultProxy, http, seen):
    proxy.script(Fault(act=Act.DROP_ANSWER))
    with pytest.raises(httpx.RemoteProtocolError):
        http.post(f"{proxy.url}/a", content=b"y")
    assert seen == ["POST /a"]


def test_a_cut_answer_ends_in_the_middle(proxy: FaultProxy, http):
    proxy.script(Fault(cut_after=500))
    with pytest.raises(httpx.RemoteProtocolError):
        http.get(f"{proxy.url}/a")


def test_a_reset_is_a_reset(proxy: FaultProxy, http):
    proxy.script(Fault(cut_after=0, reset=True))
    with pytest.raises(httpx.ReadError):
        http.get(f"{proxy.url}/a")


def test_a_delayed_answer_comes_late(proxy: FaultProxy, http):
    proxy.script(Fault(delay=0.3))
    began = time.monotonic()
    assert http.get(f"{proxy.url}/a").content == BODY
    assert time.monotonic() - began >= 0.3


def test_a_dripping_answer_never_makes_a_read_time_out_by_itself(proxy: FaultProxy):
    proxy.script(Fault(drip=200))
    came = 0
    with httpx.Client(trust_env=False, timeout=1) as http, http.stream("GET", f"{proxy.url}/a") as answer:
        for chunk in answer.iter_bytes():
            came += len(chunk)
            if came >= 3:
                break
    assert came >= 3


def test_a_stalled_request_is_neither_forwarded_nor_answered(proxy: FaultProxy, seen):
    proxy.script(Fault(act=Act.STALL))
    with httpx.Client(trust_env=False, timeout=0.3) as http, pytest.raises(httpx.ReadTimeout):
        http.get(f"{proxy.url}/a")
    assert seen == []


def test_an_answer_can_come_from_the_script(proxy: FaultProxy, http, seen):
    proxy.script(Fault(act=Act.REPLY, reply=b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n"))
    assert http.get(f"{proxy.url}/a").status_code == 503
    assert http.get(f"{proxy.url}/a").status_code == 200
    assert seen == ["GET /a"]


def test_an_answer_can_come_twice(proxy: FaultProxy):
    proxy.script(Fault(act=Act.ANSWER_TWICE))
    port = int(proxy.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        plain.sendall(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n")
        came = b""
        while came.count(BODY) < 2:
            came += plain.recv(65536)
    assert came.count(b"HTTP/1.1 200") == 2
    assert came[: len(came) // 2] == came[len(came) // 2 :]


def test_a_server_that_is_down_comes_back_on_the_same_port(proxy: FaultProxy, http):
    assert http.get(f"{proxy.url}/a").status_code == 200
    proxy.down()
    with pytest.raises(httpx.TransportError):
        http.get(f"{proxy.url}/a")
    proxy.up()
    assert http.get(f"{proxy.url}/a").status_code == 200


def test_a_connection_that_a_client_kept_can_be_ended_under_it(proxy: FaultProxy, http):
    assert http.get(f"{proxy.url}/a").status_code == 200
    proxy.cut_idle()
    proxy.forget()
    time.sleep(0.05)
    assert http.get(f"{proxy.url}/a").status_code == 200
    assert proxy.connections == 1
