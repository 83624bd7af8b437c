"""Serving a sandbox in the foreground, until a signal: what `python -m reconciler.sandbox` and the command line do.

When it listens it says so with one JSON line: `{"url", "issuer", "authorization_endpoint", "token_endpoint", ...,
"control", "control_token", "pid", "client_id"?, "client_secret"?}`. Nothing else goes to that stream.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Any, TextIO

from reconciler.sandbox.config import SandboxConfig
from reconciler.sandbox.faults import Fault
from reconciler.sandbox.protocol.metadata import server_metadata
from reconciler.sandbox.sandbox import Sandbox


def serve(
    config: SandboxConfig,
    *,
    client: dict[str, Any] | None = None,
    faults: Sequence[Fault] = (),
    out: TextIO | None = None,
    lifeline: TextIO | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; the JSON line goes to `out` (standard output, if None).

    `client` are the arguments of `Control.add_client` for one client to begin with. The end of `lifeline`, a pipe that
    a parent holds open, ends the sandbox too, so that a parent that is killed leaves nothing behind. Call it from the
    main thread: signals go there.
    """
    stop = threading.Event()
    if lifeline is not None:
        threading.Thread(target=_watch, args=(lifeline, stop), name="sandbox-lifeline", daemon=True).start()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with Sandbox(config) as sandbox:
            for fault in faults:
                sandbox.add_fault(fault)
            seeded = sandbox.add_client(**client) if client is not None else {}
            print(json.dumps(describe(sandbox) | seeded), file=out or sys.stdout, flush=True)  # the line
            stop.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _watch(lifeline: TextIO, stop: threading.Event) -> None:
    while lifeline.read(4096):
        pass
    stop.set()


def describe(sandbox: Sandbox) -> dict[str, Any]:
    """The addresses of a sandbox, and what opens its control calls."""
    metadata = server_metadata(sandbox.config, issuer=sandbox.issuer)
    addresses = {
        name: value for name, value in metadata.items() if name == "issuer" or name.endswith("_endpoint")
    }
    control = (
        {"control": f"{sandbox.url}/_sandbox", "control_token": sandbox.control_token}
        if sandbox.config.control
        else {}
    )
    return {"url": sandbox.url, **addresses, "api": f"{sandbox.url}/api", **control, "pid": os.getpid()}
