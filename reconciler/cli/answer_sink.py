"""Where the answer of an API goes: to stdout, or into a file that appears whole or not at all.

Rules:
- what the API says is passed on as it is; on a terminal, characters that could move its cursor or change its title are
  replaced, and what is no text is not shown;
- nothing is written before status and headers are known, so that an answer which is asked for once more leaves no trace;
- a file appears under its name once it is whole; what is there and is no regular file (a device, a pipe) is written into;
- a reader that has left ends the request, and is no error.
"""

from __future__ import annotations

import codecs
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import responses
from pathlib import Path
from typing import BinaryIO

from reconciler.errors import ReconcilerError, UsageError, clean

_KEPT = frozenset("\n\t")


class ReaderLeft(Exception):
    """Nobody reads stdout any more."""


class AnswerSink:
    """One answer. `begin` is told status and headers and gives who takes the body; `finish` puts a file in its place."""

    def __init__(self, *, file: Path | None, with_head: bool) -> None:
        self._file = file
        self._with_head = with_head
        self._partial: Path | None = None
        self._target: Path | None = None
        self._out: BinaryIO | None = None
        self._decoder: codecs.IncrementalDecoder | None = None
        self.begun = False

    def begin(self, status: int, headers: Mapping[str, str]) -> Callable[[bytes], None]:
        self.begun = True
        self._out = self._open()
        if self._file is None and sys.stdout.isatty():
            self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        if self._with_head:
            lines = [f"HTTP {status} {responses.get(status, '')}".rstrip()]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            self.take(("\n".join(lines) + "\n\n").encode("latin-1", "replace"))
        return self.take

    def take(self, part: bytes) -> None:
        if self._out is None:
            return
        if self._decoder is not None:
            part = _harmless(self._decoder.decode(part)).encode()
        try:
            self._out.write(part)
        except BrokenPipeError:
            raise ReaderLeft from None
        except OSError as error:
            raise self._unwritable(error) from None

    def finish(self) -> None:
        """All of it has come."""
        if self._out is None:
            return
        try:
            self._out.flush()
            if self._file is not None:
                self._out.close()
            if self._partial is not None and self._target is not None:
                os.replace(self._partial, self._target)
                self._partial = None
        except BrokenPipeError:
            raise ReaderLeft from None
        except OSError as error:
            raise self._unwritable(error) from None

    def discard(self) -> None:
        """It was cut, or is no good: no half of a file is left."""
        if self._out is not None:
            with suppress(OSError):
                self._out.flush() if self._file is None else self._out.close()
        if self._partial is not None:
            with suppress(OSError):
                self._partial.unlink()
            self._partial = None

    def _open(self) -> BinaryIO:
        if self._file is None:
            sys.stdout.flush()
            return sys.stdout.buffer
        try:
            # Where a link leads is what is meant; and a device or a pipe is written to, never put out of its place.
            self._target = self._file.resolve()
            if self._target.exists() and not self._target.is_file():
                return self._target.open("wb")
            number, name = tempfile.mkstemp(prefix=f".{self._target.name}.", dir=self._target.parent)
        except OSError as error:
            raise UsageError(f"{clean(self._file)} cannot be written: {error.strerror}") from None
        self._partial = Path(name)
        return os.fdopen(number, "wb")

    def _unwritable(self, error: OSError) -> ReconcilerError:
        where = "stdout" if self._file is None else clean(self._file)
        return ReconcilerError(
            f"the answer cannot be written to {where}: {error.strerror}",
            hint="the request itself was made",
        )


def _harmless(text: str) -> str:
    return "".join(
        c if c.isprintable() or c in _KEPT else "" if c == "\r" else "\N{REPLACEMENT CHARACTER}" for c in text
    )
