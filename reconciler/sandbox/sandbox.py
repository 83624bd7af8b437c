"""One sandbox, started and stopped in this process: `with Sandbox() as sandbox: ... sandbox.issuer`.

It puts the parts together and owns none of their rules. What tests do to it behind OAuth's back is in `control`; each of
its verbs is also reachable over HTTP (see `control_http`, and `remote` for a client of that).
"""

from __future__ import annotations

import secrets
from types import TracebackType
from typing import Self

from reconciler.sandbox.app import make_app
from reconciler.sandbox.config import SandboxConfig
from reconciler.sandbox.control import Control
from reconciler.sandbox.control_http import add_control
from reconciler.sandbox.dialect import Understanding
from reconciler.sandbox.faults import FaultScript
from reconciler.sandbox.listener import Abort, Listener, bind_loopback
from reconciler.sandbox.wire import Wire
from reconciler.sandbox.world import World


class Sandbox(Control):
    """An authorization server and resource server on a loopback port.

    The port is taken at construction, so `url` and `issuer` (base URLs without a trailing slash) are known at once;
    requests are answered from `start` to `stop`. `control_token` opens `/_sandbox/`. Once stopped it stays stopped.
    """

    def __init__(self, config: SandboxConfig | None = None) -> None:
        self.config = config if config is not None else SandboxConfig()
        self.control_token = self.config.control_token or secrets.token_urlsafe(32)
        world, script = World(self.config), FaultScript()
        super().__init__(world, script)
        socket = bind_loopback(self.config.host, self.config.port)
        host, self.port = socket.getsockname()[:2]
        self.url = f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
        self.issuer = (self.config.issuer or self.url).rstrip("/")
        app = make_app(self.config, world=world, issuer=self.issuer)
        if self.config.control:
            add_control(app, self, token=self.control_token)
        self._wire = Wire(app, world=world, script=script, abort=Abort)
        outer = Understanding(self._wire, world=world) if self.config.manners.like else self._wire
        self._listener = Listener(outer, socket=socket, threads=self.config.threads)

    def start(self) -> Self:
        """Answer requests, in threads of its own."""
        self._listener.start()
        return self

    def stop(self) -> None:
        """Close every connection and end every thread; slow answers are cut off."""
        self._wire.stopping.set()
        self._listener.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
