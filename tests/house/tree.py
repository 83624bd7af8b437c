"""What the house tests look at: the files that Git tracks, and the syntax trees of our own modules."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def tracked() -> tuple[Path, ...]:
    """Every tracked file that is there, relative to the root."""
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    return tuple(Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file())


def text_of(file: Path) -> str:
    """The file's text; the empty string for one that is not UTF-8."""
    try:
        return (ROOT / file).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


@dataclass(frozen=True)
class Module:
    """One of our modules. `name` is dotted; `floor` is the first name below `reconciler` (`model`, `errors`, …)."""

    file: Path
    name: str
    tree: ast.Module
    lines: int

    @property
    def floor(self) -> str:
        return self.name.split(".")[1] if "." in self.name else ""

    def imports(self) -> tuple[tuple[str, int], ...]:
        """(dotted name, line) of everything that the module imports, wherever in it."""
        return self._imports

    @cached_property
    def _imports(self) -> tuple[tuple[str, int], ...]:
        """Walked once: many tests ask."""
        found: list[tuple[str, int]] = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found += [(alias.name, node.lineno) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                found += [(f"{node.module}.{alias.name}", node.lineno) for alias in node.names]
        return tuple(found)

    def calls_and_names(self) -> Iterator[tuple[str, int]]:
        """(dotted text, line) of every attribute and name that the module uses: `os.environ`, `datetime.now`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute | ast.Name):
                yield ast.unparse(node), node.lineno


@cache
def modules() -> tuple[Module, ...]:
    """The package's modules as Git tracks them."""
    return _below("reconciler")


@cache
def modules_of_tests() -> tuple[Module, ...]:
    """The tests' modules, likewise."""
    return _below("tests")


def _below(folder: str) -> tuple[Module, ...]:
    found = []
    for file in tracked():
        if file.parts[0] == folder and file.suffix == ".py":
            source = text_of(file)
            dotted = ".".join(file.with_suffix("").parts).removesuffix(".__init__")
            found.append(Module(file, dotted, ast.parse(source), source.count("\n")))
    return tuple(found)
