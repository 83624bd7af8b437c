"""The desk without child processes: the same commands, in this process, with an environment and streams of their own.

A table of a hundred command lines takes seconds this way. What only a process has (signals, a terminal, a broken pipe,
arguments that others see) is told with `tests.e2e.desk.Desk`.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from reconciler.cli.main import run as run_command_line
from tests.e2e.desk import Desk, Said

_LINK = re.compile(r"\n(https?://\S+)\n")
_KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "COVERAGE_PROCESS_START", "COVERAGE_FILE")


class _Stream(io.TextIOWrapper):
    """A text stream over bytes that may call itself a terminal."""

    def __init__(self, raw: IO[bytes], *, terminal: bool) -> None:
        super().__init__(raw, encoding="utf-8", newline="", write_through=True)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


class _Typing(io.TextIOBase):
    """A person's keyboard: each line is asked for when the command wants it."""

    def __init__(self, type_line: Callable[[], str]) -> None:
        self._type_line = type_line

    def isatty(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def readline(self, size: int | None = -1) -> str:  # type: ignore[override]  # a text stream's line, whole
        return self._type_line() + "\n"


class Keyboard(Desk):
    """Commands typed at this desk run in this process."""

    def run(self, *arguments: str, stdin: str | bytes = "", expect: int | None = None, **more: str) -> Said:
        raw = stdin.encode() if isinstance(stdin, str) else stdin
        said = self._type(arguments, source=_Stream(io.BytesIO(raw), terminal=False), more=more)
        if expect is not None:
            assert said.code == expect, f"{arguments}: exit {said.code}\n{said.out}\n{said.err}"
        return said

    def at_terminal(
        self, *arguments: str, answers: Callable[[str], str], expect: int | None = None, **more: str
    ) -> Said:
        """As if at a terminal: `answers` is given what stands on it whenever the command asks, and types one line."""
        err = io.BytesIO()
        source = _Typing(lambda: answers(err.getvalue().decode("utf-8", "replace")))
        said = self._type(arguments, source=source, more=more, err=err, terminal=True)
        if expect is not None:
            assert said.code == expect, f"{arguments}: exit {said.code}\n{said.out}\n{said.err}"
        return said

    def paste(
        self, account: str, browse: Callable[[str], str], *flags: str, expect: int | None = 0, **more: str
    ) -> Said:
        """`consent --paste`: `browse` is given the printed link, and gives the address that the browser ended at."""

        def answers(seen: str) -> str:
            link = _LINK.search(seen)
            assert link is not None, seen
            return browse(link[1])

        arguments = ("consent", "--paste", "--no-browser", *flags, account)
        return self.at_terminal(*arguments, answers=answers, expect=expect, **more)

    def _type(
        self,
        arguments: tuple[str, ...],
        *,
        source: object,
        more: Mapping[str, str],
        err: io.BytesIO | None = None,
        terminal: bool = False,
    ) -> Said:
        out, err = io.BytesIO(), err or io.BytesIO()
        environment = {k: v for k, v in self.variables(*arguments, **more).items() if k != "PYTHONPATH"}
        streams = (source, _Stream(out, terminal=False), _Stream(err, terminal=terminal))
        with _standing_at(self.folder, environment), _speaking_through(streams):
            code = run_command_line(list(arguments))
            sys.stdout.flush()
            sys.stderr.flush()
        return Said(code, out.getvalue().decode(), err.getvalue().decode())


@contextmanager
def _standing_at(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    before, where = dict(os.environ), Path.cwd()
    kept = {name: before[name] for name in _KEPT if name in before}
    os.environ.clear()
    os.environ.update({**kept, **environment})
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(where)
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _speaking_through(streams: tuple[object, object, object]) -> Iterator[None]:
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin, sys.stdout, sys.stderr = streams
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = before
