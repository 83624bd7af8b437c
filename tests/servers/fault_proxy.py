"""A TCP proxy on loopback that does to an HTTP connection what networks do, by script.

A script is a list of faults; each request takes the first one that fits it and has uses left, and passes untouched
where none does. A request is known by its first line, so that a script can say "the second write of this key".
Everything that came through is counted, which is how request budgets are asserted on the wire.
Requests are taken one at a time from each connection (no pipelining), as every client here sends them.
"""

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from urllib.parse import urlsplit

_FIRST_LINE = re.compile(rb"([A-Z]{3,7}) (\S+) HTTP/1\.[01]\r\n")
_RST = struct.pack("ii", 1, 0)
_QUIET = 0.1  # s without a byte: the answer is whole


class Act(Enum):
    """What happens to the request, or to its answer."""

    PASS = auto()
    REFUSE = auto()  # the connection is reset before a byte is forwarded: the server never saw it
    STALL = auto()  # nothing is forwarded and nothing answered until somebody gives up
    DROP_ANSWER = auto()  # the server works, the connection ends instead of an answer
    ANSWER_TWICE = auto()  # the same answer again, right after itself
    REPLY = auto()  # `reply` is answered in the server's place


@dataclass(kw_only=True)
class Fault:
    """`when`: part of the first line, `POST /token`. `skip` requests pass first, then `times` meet the fault.

    `delay` (s) holds the answer back; `drip` (bytes a second) lets it trickle; `cut_after` (bytes of the answer) ends
    the connection there, with RST where `reset` says so.
    """

    when: str = ""
    act: Act = Act.PASS
    times: int = 1
    skip: int = 0
    delay: float = 0.0
    drip: float = 0.0
    cut_after: int | None = None
    reset: bool = False
    reply: bytes = b""


class _Over(Exception):
    """This connection ends here, as the script wants it."""


@dataclass(eq=False)
class _Line:
    """One client connection, its upstream one, and the fault that the request under way has met."""

    client: socket.socket
    upstream: socket.socket
    fault: Fault | None = None
    sent: int = 0
    again: bytes = b""
    resets: bool = False
    pumps: list[threading.Thread] = field(default_factory=list)

    def wait_ended(self) -> None:
        """The kernel ends a connection when the last thread that reads from it has let go."""
        for pump in self.pumps:
            pump.join(timeout=5)

    def end(self, *, reset: bool = False) -> None:
        """Ends both sides; `reset` sends the client RST instead of FIN (a thread that reads is woken first)."""
        self.resets = self.resets or reset  # whichever thread comes second must not send FIN before the RST
        with contextlib.suppress(OSError):
            if self.resets:
                self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
            self.client.shutdown(socket.SHUT_RD if self.resets else socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self.upstream.shutdown(socket.SHUT_RDWR)
        self.client.close()
        self.upstream.close()


@dataclass(kw_only=True)
class FaultProxy:
    """`with FaultProxy.to("http://127.0.0.1:8200") as proxy:` … `proxy.url`; `proxy.script(Fault(…), …)`."""

    target: tuple[str, int]
    requests: list[str] = field(default_factory=list)
    connections: int = 0
    _faults: list[Fault] = field(default_factory=list)
    _lines: list[_Line] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _closing: threading.Event = field(default_factory=threading.Event)
    _listener: socket.socket | None = None
    _port: int = 0

    @classmethod
    @contextlib.contextmanager
    def to(cls, url: str) -> Iterator["FaultProxy"]:
        there = urlsplit(url)
        assert there.hostname is not None
        assert there.port is not None
        proxy = cls(target=(there.hostname, there.port))
        proxy.up()
        try:
            yield proxy
        finally:
            proxy.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def script(self, *faults: Fault) -> None:
        """These faults instead of the ones before."""
        with self._lock:
            self._faults = list(faults)

    def forget(self) -> None:
        """Counts from here."""
        with self._lock:
            self.requests.clear()
            self.connections = 0

    def up(self) -> None:
        """Listens, on the same port as before."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        listener.listen(128)
        self._port = listener.getsockname()[1]
        self._listener = listener
        self._spawn(self._accept, listener)

    def down(self) -> None:
        """Nobody listens any more, and every open connection ends: the server behind is out of reach."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self.cut_idle()

    def cut_idle(self, *, reset: bool = False) -> None:
        """Ends every open connection, as a server does with those that its clients keep in a pool."""
        with self._lock:
            lines, self._lines = self._lines, []
        for line in lines:
            line.end(reset=reset)
        for line in lines:
            line.wait_ended()

    def close(self) -> None:
        self._closing.set()
        self.down()
        for thread in self._threads:
            thread.join(timeout=5)

    # --------------------------------------------------------------------------------------------------- threads

    def _spawn(self, work: object, *given: object) -> threading.Thread:
        assert callable(work)
        thread = threading.Thread(target=work, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                upstream = socket.create_connection(self.target, timeout=10)
            except OSError:
                client.close()
                continue
            upstream.settimeout(None)
            line = _Line(client, upstream)
            with self._lock:
                self.connections += 1
                self._lines.append(line)
                line.pumps = [self._spawn(self._requests, line), self._spawn(self._answers, line)]

    def _requests(self, line: _Line) -> None:
        try:
            while data := line.client.recv(65536):
                if first := _FIRST_LINE.match(data):
                    line.fault = self._meet(b" ".join(first.groups()).decode("latin-1"))
                    line.sent = 0
                    self._before(line)
                if line.fault is None or line.fault.act not in (Act.STALL, Act.REPLY):
                    line.upstream.sendall(data)
        except (OSError, _Over):
            line.end(reset=line.fault is not None and line.fault.act is Act.REFUSE)
            return
        line.end()

    def _meet(self, first_line: str) -> Fault | None:
        with self._lock:
            self.requests.append(first_line)
            for fault in self._faults:
                if fault.when in first_line and fault.times > 0:
                    if fault.skip > 0:
                        fault.skip -= 1
                        return None
                    fault.times -= 1
                    return fault
        return None

    @staticmethod
    def _before(line: _Line) -> None:
        if line.fault is not None and line.fault.act is Act.REFUSE:
            raise _Over
        if line.fault is not None and line.fault.act is Act.REPLY:
            line.client.sendall(line.fault.reply)

    def _answers(self, line: _Line) -> None:
        try:
            while data := self._answered(line):
                self._forward(line, data=data)
        except (OSError, _Over):
            line.end(reset=line.fault is not None and line.fault.reset)
            return
        line.end()

    @staticmethod
    def _answered(line: _Line) -> bytes:
        """The next bytes from the server; where an answer is to come twice, its copy goes out once it is whole."""
        while True:
            line.upstream.settimeout(_QUIET if line.again else None)
            try:
                return line.upstream.recv(65536)
            except TimeoutError:
                copy, line.again = line.again, b""
                line.client.sendall(copy)

    def _forward(self, line: _Line, *, data: bytes) -> None:
        fault = line.fault
        if fault is None:
            line.client.sendall(data)
            return
        if fault.act is Act.DROP_ANSWER:
            raise _Over
        if fault.delay and line.sent == 0:
            self._closing.wait(fault.delay)
        if fault.cut_after is not None and line.sent + len(data) >= fault.cut_after:
            line.client.sendall(data[: max(0, fault.cut_after - line.sent)])
            raise _Over
        line.sent += len(data)
        if fault.drip:
            for byte in data:
                line.client.sendall(bytes((byte,)))
                if self._closing.wait(1 / fault.drip):
                    raise _Over
        else:
            line.client.sendall(data)
        if fault.act is Act.ANSWER_TWICE:
            line.again += data
