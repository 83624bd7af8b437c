"""A process that was frozen wakes up after its deadline: what has arrived is read, and nothing is waited for."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from reconciler.adapters.http_stream import AddressRules, Backend, Budget, Refused, Stream, system_resolver


@contextmanager
def frozen_past_its_deadline() -> Iterator[tuple[Stream, socket.socket]]:
    """A stream whose time is over, and the server's end of it."""
    ours, theirs = socket.socketpair()
    backend = Backend(
        AddressRules(frozenset(), loopback=True),
        resolver=system_resolver,
        budget=Budget(time.monotonic() - 60, 10_000, 30.0, sent=True),
        encrypted=False,
        via_proxy=False,
    )
    with ours, theirs:
        yield Stream(backend, ours), theirs


def test_what_has_arrived_is_read():
    with frozen_past_its_deadline() as (stream, server):
        server.sendall(b"head")
        assert stream.read(100) == b"head"
        server.sendall(b"body")
        assert stream.read(100) == b"body"


def test_what_has_not_is_not_waited_for():
    with frozen_past_its_deadline() as (stream, _):
        begun = time.monotonic()
        with pytest.raises(Refused, match="timed out after 30 s"):
            stream.read(100)
        assert time.monotonic() - begun < 1


def test_a_server_that_always_has_one_more_byte_ends_too():
    with frozen_past_its_deadline() as (stream, server), pytest.raises(Refused, match="timed out after 30 s"):
        for _ in range(100):
            server.sendall(b"x")
            stream.read(100)


def test_nothing_is_sent_after_the_deadline():
    """Whoever was frozen for so long may have lost its intent to another run."""
    with frozen_past_its_deadline() as (stream, server):
        stream.write(b"refresh_token=secret")
        with pytest.raises(Refused, match="timed out after 30 s"):
            stream.read(100)
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.recv(100)
