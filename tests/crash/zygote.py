"""A warm parent: it has imported everything, opens nothing, and forks a child for each job that it reads from stdin.

One JSON object a line in, one out: `{"job": "refresh", "count": 8, …}` -> `{"children": [{"status": …, "said": …}]}`.
`status` is what waitpid says (negative: the signal that ended it). With `count` above one all children are let go at
the same moment. It is single-threaded, so a fork copies no half-held lock.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parent.parent.parent


def main() -> None:
    from tests.crash.jobs import JOBS

    print(json.dumps({"ready": os.getpid()}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps({"children": _run(JOBS[order["job"]], order)}), flush=True)


def _run(job: Callable[[dict[str, Any]], object], order: dict[str, Any]) -> list[dict[str, Any]]:
    gate_read, gate_write = os.pipe()
    children = [_fork(job, order, gate=(gate_read, gate_write)) for _ in range(order.get("count", 1))]
    os.close(gate_read)
    os.close(gate_write)
    if "kill_after" in order:
        time.sleep(order["kill_after"])
        for pid, _ in children:
            os.kill(pid, signal.SIGKILL)
    return [_collect(pid, said) for pid, said in children]


def _fork(
    job: Callable[[dict[str, Any]], object], order: dict[str, Any], *, gate: tuple[int, int]
) -> tuple[int, int]:
    said_read, said_write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(said_write)
        return pid, said_read
    code = 1
    try:
        os.close(said_read)
        os.close(gate[1])
        os.read(gate[0], 1)
        said = json.dumps(job(order))
        os.write(said_write, said.encode())
        code = 0
    except BaseException as error:
        os.write(said_write, json.dumps({"raised": f"{type(error).__name__}: {error}"[:2000]}).encode())
    finally:
        os._exit(code)


def _collect(pid: int, said: int) -> dict[str, Any]:
    chunks = []
    while chunk := os.read(said, 65536):
        chunks.append(chunk)
    os.close(said)
    _, status = os.waitpid(pid, 0)
    text = b"".join(chunks)
    return {"status": os.waitstatus_to_exitcode(status), "said": json.loads(text) if text else None}


@dataclass
class Zygote:
    """The test's side: `with Zygote.start() as zygote: zygote.run("refresh", place=…)`."""

    process: subprocess.Popen[str]

    @classmethod
    def start(cls) -> Self:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.zygote"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={
                name: value for name, value in os.environ.items() if not name.startswith(("VAULT_", "BAO_"))
            },
        )
        zygote = cls(process)
        assert "ready" in zygote._answer()
        return zygote

    def run(self, job: str, **order: Any) -> list[dict[str, Any]]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"job": job, **order}) + "\n")
        self.process.stdin.flush()
        children: list[dict[str, Any]] = self._answer()["children"]
        return children

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the zygote died"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(timeout=20)
        self.process.stdout.close()


if __name__ == "__main__":
    main()
