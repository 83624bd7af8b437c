"""Manifests as files: bytes -> documents, problems with file:line:column, and never another exception (DESIGN §4).

Rules:
- a file is cut into documents at its `---` lines before any of it is parsed, so that one bad document spoils no other;
- UTF-8 only; one byte-order mark at the start of a file is let pass, as Windows' editors write it;
- all problems of a run are found at once; what could not be read at all makes the run `unreadable`.
What the documents mean is judged by `decide/desired`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.adapters.manifest_events import Reading, read_events
from reconciler.adapters.manifest_files import FoundFile, find_files, read_bytes
from reconciler.errors import clean
from reconciler.model.document import Loaded, SourceDocument
from reconciler.model.limits import MANIFEST_LIMITS, ManifestLimits
from reconciler.model.location import Location, Problem

_START = re.compile(r"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_CONTENT = re.compile(r"^(?![ \t]*(#.*)?\r?$)(?!\.\.\.[ \t]*\r?$)", re.MULTILINE)
_BAD = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]|\r(?!\n)"
)


@dataclass(slots=True)
class _Run:
    limits: ManifestLimits
    documents: list[SourceDocument] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unreadable: bool = False
    bytes_left: int = 0


def load(root: Path, limits: ManifestLimits = MANIFEST_LIMITS) -> Loaded:
    """Read every manifest below `root` (a folder or one file). UsageError where `root` is not there."""
    found = find_files(root, limits=limits)
    run = _Run(
        limits, problems=list(found.problems), unreadable=bool(found.problems), bytes_left=limits.run_bytes
    )
    for file in found.files:
        _read_file(file, run)
    return Loaded(tuple(run.documents), tuple(run.problems), run.unreadable, len(found.files))


def load_text(raw: bytes, *, file: str, limits: ManifestLimits = MANIFEST_LIMITS) -> Loaded:
    """The same for bytes that are at hand. `file` is what locations will say."""
    run = _Run(limits)
    _read_text(raw, file=file, namespace=None, run=run)
    return Loaded(tuple(run.documents), tuple(run.problems), run.unreadable, 1)


def _read_file(file: FoundFile, run: _Run) -> None:
    try:
        raw = read_bytes(file, at_most=run.bytes_left)
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        hint = "let the user that runs this read it" if isinstance(problem, PermissionError) else ""
        run.problems.append(
            Problem(Location(clean(file.shown, cap=400)), f"cannot be read: {clean(why)}", hint)
        )
        run.unreadable = True
        return
    run.bytes_left -= len(raw)
    _read_text(raw, file=clean(file.shown, cap=400), namespace=file.namespace, run=run)


def _read_text(raw: bytes, *, file: str, namespace: str | None, run: _Run) -> None:
    # Bytes that are no UTF-8 become lone surrogates, which `_BAD` finds at their place.
    text = raw.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    for first_line, chunk in _documents(text):
        _read_document(chunk, first_line=first_line, file=file, namespace=namespace, run=run)


def _documents(text: str) -> Iterator[tuple[int, str]]:
    """(lines before it, text) of each part that holds more than comments. `---` at a line's start is always a boundary."""
    bounds = [0, *(match.start() for match in _START.finditer(text)), len(text)]
    line = 0
    for begin, end in itertools.pairwise(bounds):
        if begin == end:
            continue
        chunk = text[begin:end]
        body = chunk[3:] if _START.match(chunk) else chunk
        if _CONTENT.search(body):
            yield line, chunk
        line += chunk.count("\n")


def _read_document(chunk: str, *, first_line: int, file: str, namespace: str | None, run: _Run) -> None:
    limit = run.limits.document_bytes
    if len(chunk) * 4 > limit and len(chunk.encode("utf-8", "surrogateescape")) > limit:
        size = f"a document of more than {limit // 1024} KiB"
        _refuse(run, Location(file, first_line + 1), (size, "split it: one '---' between two documents"))
        return
    bad = _BAD.search(chunk)
    if bad is not None:
        line, column = chunk.count("\n", 0, bad.start()), bad.start() - chunk.rfind("\n", 0, bad.start())
        _refuse(run, Location(file, first_line + line + 1, column), _bad_words(bad.group()))
        return
    reading = read_events(chunk, limits=run.limits)
    for flaw in reading.flaws:
        run.problems.append(
            Problem(Location(file, first_line + flaw.line + 1, flaw.column + 1), flaw.message, flaw.hint)
        )
    if reading.data is not None or reading.flaws:
        run.documents.append(_document(reading, first_line=first_line, file=file, namespace=namespace))


def _document(reading: Reading, *, first_line: int, file: str, namespace: str | None) -> SourceDocument:
    line, column = (reading.positions[0], reading.positions[1]) if reading.positions else (0, 0)
    return SourceDocument(
        file=file,
        line=first_line + line + 1,
        column=column + 1,
        data=reading.data,
        positions=reading.positions,
        first_line=first_line,
        namespace=namespace,
        complete=reading.complete,
        flawed=bool(reading.flaws),
    )


def _refuse(run: _Run, location: Location, words: tuple[str, str]) -> None:
    """`words`: message and hint."""
    run.problems.append(Problem(location, *words))
    run.unreadable = True


def _bad_words(character: str) -> tuple[str, str]:
    if "\ud800" <= character <= "\udfff":
        return "not UTF-8", "save it as UTF-8; PowerShell's '>' writes UTF-16"
    if character == "\r":
        return "a carriage return without a line feed", "end lines with a line feed"
    return (
        f"a character that cannot be seen as it is (U+{ord(character):04X})",
        "write it in ASCII, or leave it out",
    )
