"""A Markdown page read as a story that can be run: files to write, commands to give, what they print and how they end.

What is run: every ```console block. `$ ` begins a command, a line that ends in a backslash goes on in the next; all other
lines are output that must be seen, in that order, with anything between them. `# exit N` at a command's end is the exit
code that is expected; without it, 0. A directive is a comment before a block, unseen by readers:

    <!-- docs-test: file PATH -->      the next block is written to PATH
    <!-- docs-test: background -->     the block's command goes on until the page ends; it is ready when it has printed a line
    <!-- docs-test: person NAME -->    NAME sits at a terminal, and presses Allow in the browser that the command opens
    <!-- docs-test: answer TEXT -->    TEXT and a line break are typed at a terminal
    <!-- docs-test: env NAME=VALUE --> for all commands from here on
    <!-- docs-test: world vault -->    the whole page needs a Vault
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[a-z]*)\s*$")
_DIRECTIVE = re.compile(r"^ *<!-- docs-test: (?P<name>[a-z]+)(?: (?P<text>.*?))? -->\s*$")
_EXIT = re.compile(r"\s+# exit (\d+)\s*$")
DIRECTIVES = {"file", "background", "person", "answer", "env", "world"}


@dataclass(frozen=True)
class Block:
    """One fenced block. `directives` are those since the block before it: name -> text."""

    line: int
    language: str
    text: str
    directives: dict[str, str]


@dataclass(frozen=True)
class Command:
    line: int
    text: str
    exit_code: int
    output: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    file: Path
    blocks: tuple[Block, ...]
    world: str = "plain"
    environment: dict[str, str] = field(default_factory=dict)


def read_page(file: Path) -> Page:
    """ValueError for a directive that is none, and for a block that never ends."""
    blocks: list[Block] = []
    pending: dict[str, str] = {}
    world, open_block = "plain", None
    lines: list[str] = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        fence = _FENCE.match(line)
        if open_block is not None:
            indent, start, language = open_block
            if fence is not None and not fence["language"]:
                blocks.append(Block(start, language, "\n".join(lines) + "\n", pending))
                pending, lines, open_block = {}, [], None
            else:
                lines.append(line.removeprefix(indent))
        elif fence is not None:
            open_block = (fence["indent"], number, fence["language"])
        elif directive := _DIRECTIVE.match(line):
            name, text = directive["name"], directive["text"] or ""
            if name not in DIRECTIVES:
                raise ValueError(f"{file.name}:{number}: there is no directive '{name}'")
            if name == "world":
                world = text
            else:
                pending[name] = text
    if open_block is not None or pending:
        raise ValueError(f"{file.name}: a block that never ends, or a directive without one")
    return Page(file, tuple(blocks), world)


def commands(block: Block) -> Iterator[Command]:
    """The commands of a console block, with the output that the page shows."""
    text, start, going_on = "", 0, False
    output: list[str] = []
    for number, line in enumerate(block.text.splitlines(), start=block.line + 1):
        if going_on:
            text += "\n" + line
        elif line.startswith("$ "):
            if text:
                yield _command(start, text, output)
            text, start, output = line[2:], number, []
        elif not text:
            raise ValueError(f"line {number}: a console block begins with a command")
        else:
            output.append(line)
            continue
        going_on = text.endswith("\\")
    if text:
        yield _command(start, text, output)


def _command(line: int, text: str, output: list[str]) -> Command:
    expected = _EXIT.search(text)
    shown = tuple(one for one in output if one.strip() and one.strip() != "…")
    return Command(line, _EXIT.sub("", text), int(expected[1]) if expected else 0, shown)


_TIMES = (
    (re.compile(r"\b\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z| UTC|\+00:00)?)?"), "<time>"),
    (re.compile(r"\b\d\d:\d\d(:\d\d)?\b"), "<time>"),
    (re.compile(r"\b(\d+ (s|min|h|days?)|just now|now)\b( \d+ (s|min|h))?( ago)?"), "<span>"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:<port>"),
    (re.compile(r"version \d+"), "version <n>"),
)


def normal(line: str) -> str:
    """A line without what differs from run to run: times, spans, ports, versions, and how wide the columns are."""
    for pattern, put in _TIMES:
        line = pattern.sub(put, line)
    return re.sub(r"\s+", " ", line).strip()


def missing_output(command: Command, seen: str) -> str | None:
    """The first line that the page shows and the command did not print at that place; None where all are there."""
    left = iter([normal(line) for line in seen.splitlines()])
    for shown in command.output:
        wanted = normal(shown)
        if not any(line == wanted for line in left):
            return shown
    return None
