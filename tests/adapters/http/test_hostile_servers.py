"""Whatever a server does, a request ends in time and within its bytes, and we know whether it may have been acted on."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from reconciler.adapters.http import HttpClient, HttpPolicy
from reconciler.model.answer import HttpAnswer, Loss, NoAnswer, Outcome
from reconciler.model.endpoint import parse_url
from tests.adapters.http.raw_server import Play, RawServer, http, raw_server, says

CAP = 128 * 1024
DEADLINE = 0.6


@contextmanager
def asked(play: Play, *, fresh: bool = False) -> Iterator[tuple[Outcome, RawServer, float]]:
    """Plays the server, sends it one POST, and tells how long that took."""
    policy = HttpPolicy(loopback=True, deadline=timedelta(seconds=DEADLINE))
    with raw_server(play) as server, HttpClient(policy) as client:
        url = parse_url(server.url(), allow_loopback_http=True)
        begun = time.monotonic()
        said = client.request("POST", url, cap=CAP, body=b"grant_type=x", fresh_connection=fresh)
        yield said, server, time.monotonic() - begun


def stream_forever(prefix: bytes, chunk: bytes, sent: list[int]) -> Play:
    def play(conn: socket.socket, request: bytes) -> None:
        conn.sendall(prefix)
        while True:
            conn.sendall(chunk)
            sent.append(len(chunk))

    return play


def drip(answer: bytes, every: float = 0.1) -> Play:
    def play(conn: socket.socket, request: bytes) -> None:
        for byte in answer:
            conn.sendall(bytes([byte]))
            time.sleep(every)

    return play


def test_one_byte_at_a_time_in_the_body_ends_at_the_deadline():
    head, _, body = http(b"x" * 1000).partition(b"\r\n\r\n")

    def play(conn: socket.socket, request: bytes) -> None:
        conn.sendall(head + b"\r\n\r\n")
        drip(body)(conn, request)

    with asked(play) as (said, _, took):
        assert said == NoAnswer(Loss.UNCLEAR, "timed out after 0.6 s")
        assert took < DEADLINE + 0.5


def test_one_byte_at_a_time_in_the_headers_ends_at_the_deadline():
    with asked(drip(http(b"{}"))) as (said, _, took):
        assert said == NoAnswer(Loss.UNCLEAR, "timed out after 0.6 s")
        assert took < DEADLINE + 0.5


def test_silence_ends_at_the_deadline():
    with asked(lambda conn, request: time.sleep(2)) as (said, _, took):
        assert said == NoAnswer(Loss.UNCLEAR, "timed out after 0.6 s")
        assert took < DEADLINE + 0.5


def test_endless_interim_answers_end_at_the_deadline_or_the_cap():
    forever = stream_forever(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", [])
    with asked(forever) as (said, _, took):
        assert isinstance(said, NoAnswer)
        assert said.loss is Loss.UNCLEAR
        assert took < DEADLINE + 0.5


def test_ten_gigabytes_announced_are_refused_unread():
    sent: list[int] = []
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n"
    with asked(stream_forever(head, b"x" * 65536, sent)) as (said, _, took):
        assert said == NoAnswer(Loss.UNCLEAR, "the answer is larger than 128 KiB")
        assert took < DEADLINE


def test_ten_gigabytes_unannounced_are_cut_at_the_cap():
    sent: list[int] = []
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    with asked(stream_forever(head, chunk, sent)) as (said, _, _took):
        assert said == NoAnswer(Loss.UNCLEAR, "the answer is larger than 128 KiB")


def test_a_body_until_the_connection_ends_is_cut_at_the_cap():
    with asked(stream_forever(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536, [])) as (said, _, _took):
        assert said == NoAnswer(Loss.UNCLEAR, "the answer is larger than 128 KiB")


def test_chunk_headers_without_end_are_cut():
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with asked(stream_forever(head, b"1;" + b"e" * 60000 + b"\r\nx\r\n", [])) as (said, _, took):
        assert isinstance(said, NoAnswer)
        assert said.loss is Loss.UNCLEAR
        assert took < DEADLINE + 0.5


def test_headers_without_end_are_cut():
    sent: list[int] = []
    with asked(stream_forever(b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"y" * 60000 + b"\r\n", sent)) as (
        said,
        _,
        took,
    ):
        assert isinstance(said, NoAnswer)
        assert said.loss is Loss.UNCLEAR
        assert took < DEADLINE + 0.5


def test_a_compressed_answer_is_not_unpacked():
    bomb = gzip.compress(b"\0" * 50_000_000)
    with asked(says(http(bomb, headers="Content-Encoding: gzip"))) as (said, server, _):
        assert said == NoAnswer(Loss.UNCLEAR, "the answer is compressed, though we asked for none of that")
        assert b"\r\naccept-encoding: identity\r\n" in server.requests[0].lower()


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 99999 Odd\r\n\r\n",
        b"\x16\x03\x01\x00\x00",
        b"",
    ],
)
def test_what_is_no_whole_answer_is_unclear(answer):
    def play(conn: socket.socket, request: bytes) -> None:
        conn.sendall(answer)

    with asked(play) as (said, _, took):
        assert isinstance(said, NoAnswer)
        assert said.loss is Loss.UNCLEAR
        assert took < DEADLINE + 0.5


def test_a_redirect_is_an_answer_and_is_not_followed():
    with raw_server(says(http(b"{}"))) as attacker:
        headers = f"Location: {attacker.url()}"
        with asked(says(http(b"", status="302 Found", headers=headers))) as (said, _, _took):
            assert isinstance(said, HttpAnswer)
            assert said.status == 302
        assert attacker.connections == 0


def test_cookies_are_neither_kept_nor_sent():
    answer = http(b"{}", headers="Set-Cookie: a=b")
    with raw_server(says(answer)) as server, HttpClient(HttpPolicy(loopback=True)) as client:
        for _ in range(2):
            client.request("GET", parse_url(server.url(), allow_loopback_http=True), cap=CAP)
    assert not any(b"cookie" in request.lower() for request in server.requests)


def test_a_connection_that_nobody_accepts_was_never_sent():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with HttpClient(HttpPolicy(loopback=True)) as client:
        url = parse_url(f"http://127.0.0.1:{port}/", allow_loopback_http=True)
        said = client.request("POST", url, cap=CAP, body=b"x")
    assert said == NoAnswer(Loss.NOT_SENT, "the connection was refused")


def test_an_early_answer_to_an_unread_body_is_still_heard():
    def play(conn: socket.socket, request: bytes) -> None:
        conn.sendall(http(b"{}", status="413 Too Large"))

    with asked(play) as (said, _, _took):
        assert isinstance(said, HttpAnswer)
        assert said.status == 413


def test_repeated_headers_are_joined_and_names_are_lower_case():
    with asked(says(http(b"{}", headers="X-One: a\r\nX-ONE: b"))) as (said, _, _took):
        assert isinstance(said, HttpAnswer)
        assert said.headers["x-one"] == "a, b"
