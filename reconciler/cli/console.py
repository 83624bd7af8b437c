"""Terminal manners: where things are written, whether in colour, log lines, and a progress bar.

Rules: stdout holds the document and nothing else; colour and progress only on a terminal (NO_COLOR, FORCE_COLOR, CI
and TERM=dumb are honoured); a log line holds addresses, counts and codes, and a Secret is refused by its type; what cannot
be written to stderr ends nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import Self, TextIO

import click
from typing_extensions import Buffer

from reconciler.errors import clean
from reconciler.model.duration import format_instant

Field = str | int | float | bool | None
_ALLOWED = (str, int, float, bool, type(None))


@dataclass(frozen=True, slots=True)
class Console:
    """How this run speaks. `interactive`: a person is there to answer. `page`: where people can do something, for reports."""

    color: bool
    interactive: bool
    verbose: bool
    log_format: str
    width: int
    page: str = ""


def make_console(
    *, verbose: bool, no_color: bool, no_input: bool, log_format: str, page: str = ""
) -> Console:
    environment = os.environ
    dumb = environment.get("TERM") == "dumb"
    forced = environment.get("FORCE_COLOR", "") not in ("", "0")
    refused = no_color or environment.get("NO_COLOR", "") != ""
    color = not refused and (forced or (sys.stdout.isatty() and not dumb))
    in_ci = environment.get("CI", "") not in ("", "0", "false")
    interactive = not no_input and not in_ci and sys.stdin.isatty() and sys.stderr.isatty()
    return Console(color, interactive, verbose, log_format, shutil.get_terminal_size((110, 24)).columns, page)


def told(text: str, *, level: str, event: str, as_json: bool, **fields: Field) -> str:
    """One line for stderr: `text` as it is, or an object with it as `message` where log lines are JSON."""
    if not as_json:
        return text
    said = {"time": format_instant(datetime.now(UTC)), "level": level, "event": event, "message": text}
    return json.dumps(said | {name: value for name, value in fields.items() if value is not None})


def warn(text: str, *, hint: str, as_json: bool) -> None:
    """A remark on stderr that changes nothing about how it ended."""
    line = text if as_json else f"warning: {text}\n  hint: {hint}"
    click.echo(told(line, level="warning", event="remark", as_json=as_json, hint=hint), err=True)


def hold_streams() -> None:
    """A stream that whoever started us has closed becomes one to nowhere.

    Its number must not go to the next file that is opened: what is printed would then be written into the store.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))
        elif mode == "w" and isinstance(stream := getattr(sys, name), TextIOWrapper):
            # A terminal that has no such character shows '?' in its place: no reason to fail.
            stream.reconfigure(errors="replace")
    _HELD.append(sys.stderr)
    lossy = BufferedWriter(_Lossy(sys.stderr.fileno(), "w", closefd=False))
    sys.stderr = TextIOWrapper(lossy, encoding=sys.stderr.encoding, errors="replace", line_buffering=True)


_HELD: list[TextIO] = []
"""What stood there before: were it let go, its number would be closed, and go to the next file after all."""


class _Lossy(FileIO):
    """Takes whatever is written, whether its reader has left, its disk is full or its journal restarts: a line for people
    that nobody gets ends nothing. One that raised between a provider's answer and its commit would cost a grant."""

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(memoryview(data))


STILL_DONE = "what was done is done: 'reconciler status' shows it"


def leave_stdout() -> None:
    """Nobody reads it any more; Python must not try to flush what is left."""
    leave(sys.stdout)


def leave(stream: TextIO) -> None:
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class LogLines:
    """Events as lines on stderr (port `Events`). Text: `event key=value`; JSON: one object a line."""

    def __init__(self, console: Console, stream: TextIO | None = None) -> None:
        self._console = console
        self._stream = stream
        self._lock = threading.Lock()
        self._progress: Progress | None = None

    def info(self, event: str, /, **fields: Field) -> None:
        if self._console.verbose:
            self._write("info", event, fields)

    def warning(self, event: str, /, **fields: Field) -> None:
        self._write("warning", event, fields)

    def progress(self, stage: str, /, *, done: int, total: int) -> None:
        """Shown as a bar on a terminal; never logged."""
        if self._progress is not None:
            self._progress.show(stage, done=done, total=total)

    @contextmanager
    def showing_progress(self) -> Iterator[None]:
        """A progress bar on stderr while the body runs, where stderr is a terminal."""
        if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb" or self._console.log_format == "json":
            yield
            return
        with Progress() as progress:
            self._progress = progress
            try:
                yield
            finally:
                self._progress = None

    def _write(self, level: str, event: str, fields: dict[str, Field]) -> None:
        for name, value in fields.items():
            if not isinstance(value, _ALLOWED):
                raise TypeError(f"log field {name} must be a plain value")
        if self._console.log_format == "json":
            line = json.dumps(
                {"time": format_instant(datetime.now(UTC)), "level": level, "event": event}
                | {k: clean(v) if isinstance(v, str) else v for k, v in fields.items()}
            )
        else:
            shown = " ".join(f"{k}={clean(v)}" for k, v in fields.items() if v is not None)
            line = f"{level}: {event}{' ' if shown else ''}{shown}"
        self._emit(level, line)

    def _emit(self, level: str, line: str) -> None:
        """`line` as it is to be read; `level` is in it already."""
        # Whoever writes no line must not lose an answer for it (see `_Lossy`); a program that uses us has its own stderr.
        with self._lock, suppress(OSError, ValueError):
            click.echo(line, file=self._stream, err=self._stream is None)


class Progress:
    """One bar at a time, by rich, which is imported only where there is a terminal to show it."""

    def __init__(self) -> None:
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=RichConsole(stderr=True),
            transient=True,
        )
        self._tasks: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, stage: str, *, done: int, total: int) -> None:
        from rich.progress import TaskID

        task = self._tasks.get(stage)
        if task is None:
            task = self._tasks[stage] = self._bar.add_task(stage, total=total)
        self._bar.update(TaskID(task), completed=done, total=total)
