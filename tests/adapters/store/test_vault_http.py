"""HTTP/1.1 as the Vault adapter reads and writes it: any bytes are one whole answer, or none."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.http_wire import Lost, NotSent, RawAnswer, read_answer, request_bytes

CAP = 1000
OK = b"HTTP/1.1 200 OK\r\n"


def read(*arrivals: bytes, method: str = "GET", cap: int = CAP) -> RawAnswer:
    """The answer of bytes that arrive in these pieces before the peer closes."""
    pieces = iter([piece for piece in arrivals if piece])
    return read_answer(lambda: next(pieces, b""), method=method, cap=cap)


def one_by_one(raw: bytes) -> Iterable[bytes]:
    return (raw[at : at + 1] for at in range(len(raw)))


WHOLE = {
    "with a length": (OK + b"Content-Length: 3\r\n\r\nabc", 200, b"abc", False),
    "without a reason": (b"HTTP/1.1 200 \r\ncontent-length:3\r\n\r\nabc", 200, b"abc", False),
    "with nothing after the status": (b"HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", 404, b"", False),
    "in chunks": (
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n",
        200,
        b"abc",
        False,
    ),
    "in chunks with trailers": (
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n",
        200,
        b"abc",
        False,
    ),
    "until the end": (OK + b"\r\nabc", 200, b"abc", True),
    "without content": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", False),
    "after a hint": (
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\na",
        200,
        b"a",
        False,
    ),
    "and closes": (OK + b"Connection: close\r\nContent-Length: 3\r\n\r\nabc", 200, b"abc", True),
    "of the old version": (b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, b"abc", True),
    "with a length twice": (OK + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 200, b"abc", False),
    "with more than it said": (OK + b"Content-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n", 200, b"abc", True),
    "with a length and chunks": (
        OK + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        200,
        b"abc",
        True,
    ),
}


@pytest.mark.parametrize(("raw", "status", "body", "last"), WHOLE.values(), ids=WHOLE)
def test_an_answer_is_read_whole(raw: bytes, status: int, body: bytes, last: bool):
    answer = read(raw)
    assert (answer.status, answer.body.reveal(), answer.last) == (status, body, last)


@pytest.mark.parametrize(("raw", "status", "body", "last"), WHOLE.values(), ids=WHOLE)
def test_how_the_bytes_arrive_changes_nothing_but_what_is_seen_behind_it(
    raw: bytes, status: int, body: bytes, last: bool
):
    answer = read(*one_by_one(raw))
    assert (answer.status, answer.body.reveal()) == (status, body)


def test_header_names_are_told_in_lower_case_and_repeated_ones_joined():
    answer = read(OK + b"X-One: a\r\nx-one:  b \r\nContent-Length: 0\r\n\r\n")
    assert answer.headers["x-one"] == "a, b"


def test_an_answer_to_head_has_no_body():
    assert not read(OK + b"Content-Length: 3\r\n\r\n", method="HEAD").last


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        OK + b"no colon\r\n\r\n",
        OK + b"Name : x\r\n\r\n",
        OK + b" folded: x\r\n\r\n",
        OK + b"Content-Length: -3\r\n\r\nabc",
        OK + b"Content-Length: 3, 4\r\n\r\nabc",
        OK + "Content-Length: ٣\r\n\r\nabc".encode(),
        OK + b"Transfer-Encoding: gzip\r\n\r\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\nx\r\nabc\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 5000,
        OK + b"X: " + b"x" * 100_000,
        OK + b"X: y\r\n" * 101 + b"\r\n",
    ],
)
def test_what_is_no_http_is_given_up(raw: bytes):
    with pytest.raises(Lost, match="no HTTP"):
        read(raw)


@pytest.mark.parametrize(
    "raw",
    [
        OK[:9],
        OK + b"Content-Length: 3\r\n\r\nab",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nab",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ],
)
def test_an_answer_that_ends_early_is_not_whole(raw: bytes):
    with pytest.raises(Lost, match="cut short"):
        read(raw)


def test_no_answer_at_all_is_told_as_such():
    with pytest.raises(Lost, match="without an answer"):
        read()


@pytest.mark.parametrize(
    "raw",
    [
        OK + b"Content-Length: 4\r\n\r\n",
        OK + b"\r\nabcd",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
    ],
)
def test_an_answer_beyond_the_cap_is_given_up(raw: bytes):
    with pytest.raises(Lost, match="larger than 3 bytes"):
        read(raw, cap=3)


@given(st.binary(max_size=300), st.sampled_from([b"", OK, OK + b"Transfer-Encoding: chunked\r\n\r\n"]))
def test_any_bytes_are_an_answer_or_lost(raw: bytes, before: bytes):
    try:
        size = len(read(before + raw).body.reveal())
    except Lost:
        size = 0
    assert size <= CAP


def test_a_request_is_one_piece():
    raw = request_bytes("PUT", "/v1/a", host="h:1", headers={"X-Vault-Token": "t"}, body=b"{}")
    assert raw == (
        b"PUT /v1/a HTTP/1.1\r\nHost: h:1\r\nAccept-Encoding: identity\r\nX-Vault-Token: t\r\n"
        b"Content-Length: 2\r\n\r\n{}"
    )


def test_a_post_without_a_body_says_so_and_a_get_says_nothing():
    assert b"Content-Length: 0\r\n" in request_bytes("POST", "/", host="h", headers={}, body=None)
    assert b"Content-Length" not in request_bytes("GET", "/", host="h", headers={}, body=None)


@pytest.mark.parametrize(
    ("target", "value"),
    [("/a b", "x"), ("/a\r\nX: y", "x"), ("/é", "x"), ("/a", "x\r\nY: z"), ("/a", "\x00")],
)
def test_what_would_end_a_request_early_is_not_sent(target: str, value: str):
    with pytest.raises(NotSent):
        request_bytes("GET", target, host="h", headers={"X": value}, body=None)
