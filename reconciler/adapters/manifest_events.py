"""One YAML document -> plain data, from libyaml's events. Strict: a document is data only (DESIGN §4).

Rules:
- no anchors, aliases, tags, merge keys or directives; no duplicate or non-text keys; no empty or null values;
- a scalar is its text as written; whether it is a boolean or a number is for the field to say, not for YAML;
- limits on nodes, depth and scalars are kept while reading, before anything grows;
- what is refused leaves FLAW in its place, and reading goes on; only what cannot be stepped over ends it.
Never another exception than those that a broken interpreter raises: any text gives a `Reading`.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from reconciler.errors import clean
from reconciler.model.document import FLAW
from reconciler.model.limits import ManifestLimits
from reconciler.model.spec import Quoted
from reconciler.model.suggestion import quoted

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
"""Characters that a reviewer cannot see as they are: controls, odd line breaks, bidirectional overrides."""
_WORDS = {
    "mapping values are not allowed in this context": ("a ':' where no key can be", "put the text in quotes"),
    "found character that cannot start any token": (
        "a character that cannot start a value",
        "indent with spaces; quote texts that begin with @, ` or %",
    ),
    "did not find expected key": ("not a key where one is due", "check the indentation"),
    "did not find expected '-' indicator": ("not a list item where one is due", "check the indentation"),
    "could not find expected ':'": ("a key without ':'", ""),
    "found unexpected end of stream": ("a quoted text without its end", ""),
    "did not find expected <document start>": (
        "more after the document's end",
        "start each document with a line of ---",
    ),
    "did not find expected node content": ("a value is missing", "check brackets and braces"),
    "found undefined tag handle": ("tags (!) are not allowed in a manifest", ""),
    "did not find expected ',' or '}'": ("a '{' without its '}'", ""),
    "did not find expected ',' or ']'": ("a '[' without its ']'", ""),
}


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something refused. Line and column from 0, within the text that was read."""

    line: int
    column: int
    message: str
    hint: str = ""


@dataclass(slots=True)
class Reading:
    """What came of one document. `data` None: it is empty, or nothing of it could be read."""

    data: Any = None
    positions: array[int] = field(default_factory=lambda: array("I"))
    flaws: list[Flaw] = field(default_factory=list)
    complete: bool = True


def read_events(text: str, *, limits: ManifestLimits) -> Reading:
    """Read the one document that `text` holds; `text` has no characters that YAML forbids."""
    return _Tree(text, limits).read()


class _End(Exception):
    """Reading cannot go on."""


@dataclass(slots=True)
class _Frame:
    container: Any
    is_mapping: bool
    key: str | None = None
    drop_from: int | None = None
    """Where the positions of an entry that is not kept begin."""


class _Tree:
    def __init__(self, text: str, limits: ManifestLimits) -> None:
        self.text = text
        self.limits = limits
        self.reading = Reading()
        self.positions = self.reading.positions
        self.stack: list[_Frame] = []
        self.most_positions = 2 * limits.document_nodes
        self.documents = 0
        self.handlers = {
            ScalarEvent: self.on_scalar,
            MappingStartEvent: self.on_mapping,
            SequenceStartEvent: self.on_sequence,
            MappingEndEvent: self.on_container_end,
            SequenceEndEvent: self.on_container_end,
            AliasEvent: self.on_alias,
            DocumentStartEvent: self.on_document,
        }

    def read(self) -> Reading:
        try:
            parser = CParser(self.text)
            handlers = self.handlers
            while True:
                event = parser.get_event()
                kind = type(event)
                if kind is StreamEndEvent:
                    break
                handler = handlers.get(kind)
                if handler is not None:
                    handler(event)
        except _End:
            self.reading.complete = False
        except yaml.YAMLError as problem:
            self.reading.complete = False
            self.reading.flaws.append(_syntax_flaw(problem, self.text))
        return self.reading

    # -- events

    def on_document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self.flaw(event, "more after the document's end", hint="start each document with a line of ---")
            raise _End
        if event.version is not None or event.tags:
            self.flaw(event, "directives (%) are not allowed in a manifest")

    def on_scalar(self, event: Any) -> None:
        # Nine of ten events come here: what is usual is done without calling further.
        frame = self.stack[-1] if self.stack else None
        if frame is not None and frame.is_mapping and frame.key is None:
            self.take_key(frame, event)
            return
        self.place(event)
        text, plain = event.value, event.implicit[0]
        if (
            event.anchor is not None
            or event.tag is not None
            or not text
            or (plain and text in _NULLS)
            or len(text) * 4 > self.limits.scalar_bytes
            or (event.style == '"' and UNSEEN.search(text))
        ):
            value = self.unusual_scalar(event)
        else:
            value = text if plain else Quoted(text)
        if frame is None:
            self.reading.data = value
        elif frame.is_mapping:
            if frame.drop_from is None:
                frame.container[frame.key] = value
                frame.key = None
            else:
                self.after_value(frame)
        else:
            frame.container.append(value)

    def unusual_scalar(self, event: Any) -> Any:
        """FLAW with a word on why, or the text where it is merely long."""
        text = event.value
        if event.anchor is not None or event.tag is not None:
            self.refuse_marks(event)
        elif not text or (event.implicit[0] and text in _NULLS):
            self.flaw(event, "an empty value", hint="give a value, or leave the key out")
        elif len(text.encode()) > self.limits.scalar_bytes:
            self.flaw(event, f"a text of more than {self.limits.scalar_bytes // 1024} KiB")
        elif event.style == '"' and UNSEEN.search(text):
            self.flaw(event, "a character that cannot be seen as it is, written by an escape")
        else:
            return text if event.implicit[0] else Quoted(text)
        return FLAW

    def on_mapping(self, event: Any) -> None:
        self.open(event, {}, is_mapping=True)

    def on_sequence(self, event: Any) -> None:
        self.open(event, [], is_mapping=False)

    def on_container_end(self, event: Any) -> None:
        self.stack.pop()
        if self.stack:
            self.after_value(self.stack[-1])

    def on_alias(self, event: Any) -> None:
        self.flaw(event, "aliases (*) are not allowed in a manifest", hint="write the value out")
        frame = self.stack[-1] if self.stack else None
        if frame is not None and frame.is_mapping and frame.key is None:
            raise _End
        self.place(event)
        self.put(FLAW)

    # -- building

    def place(self, event: Any) -> None:
        """Keep where a node stands; each node passes here once."""
        mark, positions = event.start_mark, self.positions
        positions.append(mark.line)
        positions.append(mark.column)
        if len(positions) > self.most_positions:
            self.flaw(event, f"more than {self.limits.document_nodes:,} nodes in one document")
            raise _End

    def open(self, event: Any, container: Any, *, is_mapping: bool) -> None:
        frame = self.stack[-1] if self.stack else None
        if frame is not None and frame.is_mapping and frame.key is None:
            self.flaw(event, "a key must be text")
            raise _End
        if len(self.stack) >= self.limits.depth:
            self.flaw(event, f"nested deeper than {self.limits.depth} levels")
            raise _End
        self.place(event)
        if event.anchor is not None or event.tag is not None:
            self.refuse_marks(event)
        if frame is None:
            self.reading.data = container
        else:
            self.keep(frame, container)
        self.stack.append(_Frame(container, is_mapping))

    def take_key(self, frame: _Frame, event: Any) -> None:
        key = event.value
        if event.anchor is not None or event.tag is not None:
            self.refuse_marks(event)
        if key == "<<" and event.implicit[0]:
            self.flaw(event, "merge keys (<<) are not allowed in a manifest", hint="write the values out")
            frame.drop_from = len(self.positions)
        elif not key or (key in _NULLS and event.implicit[0]):
            self.flaw(event, "an empty key")
            frame.drop_from = len(self.positions)
        elif event.style == '"' and UNSEEN.search(key):
            self.flaw(event, "a character that cannot be seen as it is, written by an escape")
            frame.drop_from = len(self.positions)
        elif key in frame.container:
            self.flaw(event, f"the key {quoted(key)} a second time")
            frame.drop_from = len(self.positions)
        frame.key = key
        self.place(event)

    def put(self, value: Any) -> None:
        if not self.stack:
            self.reading.data = value
            return
        frame = self.stack[-1]
        self.keep(frame, value)
        self.after_value(frame)

    def keep(self, frame: _Frame, value: Any) -> None:
        if not frame.is_mapping:
            frame.container.append(value)
        elif frame.drop_from is None:
            frame.container[frame.key] = value

    def after_value(self, frame: _Frame) -> None:
        if frame.drop_from is not None:
            del self.positions[frame.drop_from :]
            frame.drop_from = None
        frame.key = None

    # -- refusing

    def refuse_marks(self, event: Any) -> None:
        if event.anchor is not None:
            self.flaw(event, "anchors (&) are not allowed in a manifest", hint="write the value out")
        if event.tag is not None:
            self.flaw(event, "tags (!) are not allowed in a manifest", hint="leave the tag out")

    def flaw(self, event: Any, message: str, *, hint: str = "") -> None:
        mark = event.start_mark
        self.reading.flaws.append(Flaw(mark.line, mark.column, message, hint))


def _syntax_flaw(problem: yaml.YAMLError, text: str) -> Flaw:
    mark = getattr(problem, "problem_mark", None) or getattr(problem, "context_mark", None)
    line, column = (mark.line, mark.column) if mark is not None else (0, 0)
    lines = text.split("\n", line + 1)
    if any(written.startswith("%") for written in lines[: line + 1]):
        first = next(number for number, written in enumerate(lines) if written.startswith("%"))
        return Flaw(first, 0, "directives (%) are not allowed in a manifest")
    said = str(getattr(problem, "problem", None) or "not YAML")
    words, hint = _WORDS.get(said, (clean(said, cap=120), ""))
    return Flaw(line, column, f"not YAML: {words}", hint)
