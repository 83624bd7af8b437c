"""A module is small, says why it is there, and is finished."""

import ast
import re
from collections.abc import Iterator

from tests.house.tree import Module, modules, text_of, tracked

LONGEST = 300
UNFINISHED = re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X])\b|NotImplemented[E]rror")
FORBIDDEN_NAMES = re.compile(r"(Manager|Helper|Helpers|Util|Utils)$")


def functions(module: Module) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, ast.ClassDef | None]]:
    """Every function with the class that it is a method of."""
    for owner in ast.walk(module.tree):
        for node in ast.iter_child_nodes(owner):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node, owner if isinstance(owner, ast.ClassDef) else None


def is_protocol(owner: ast.ClassDef | None) -> bool:
    return owner is not None and any("Protocol" in ast.unparse(base) for base in owner.bases)


def decorated(node: ast.FunctionDef | ast.AsyncFunctionDef, *names: str) -> bool:
    return any(name in ast.unparse(decorator) for decorator in node.decorator_list for name in names)


def is_nothing(statement: ast.stmt) -> bool:
    bare = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return bare or isinstance(statement, ast.Pass)


def test_no_module_is_longer_than_two_ideas_need():
    assert [f"{m.file}: {m.lines}" for m in modules() if m.lines > LONGEST] == []


def test_every_module_opens_by_saying_why_it_is_there():
    assert [str(m.file) for m in modules() if not ast.get_docstring(m.tree)] == []


def test_no_function_is_an_empty_shell():
    """One that does nothing on purpose says so in a docstring."""
    empty = [
        f"{module.file}:{node.lineno}: {node.name}"
        for module in modules()
        for node, owner in functions(module)
        if not is_protocol(owner) and not decorated(node, "abstractmethod", "overload")
        if ast.get_docstring(node) is None and all(is_nothing(statement) for statement in node.body)
    ]
    assert empty == []


def test_a_call_can_be_read_without_counting_commas():
    """Two positional parameters are the habit; a third is bearable, a fourth is a keyword.

    A method of a class with a base may have a stranger's signature to keep, and a verb is called by click, by keyword.
    """
    crowded = [
        f"{module.file}:{node.lineno}: {node.name}"
        for module in modules()
        for node, owner in functions(module)
        if owner is None or not owner.bases
        if not decorated(node, "command")
        if len([*node.args.posonlyargs, *node.args.args])
        - (owner is not None and not decorated(node, "static"))
        > 3
    ]
    assert crowded == []


def test_nothing_is_left_for_later():
    left = [
        f"{file}:{number}"
        for file in tracked()
        if file.suffix in {".py", ".mjs", ".sh"} or file.name in {"Makefile", "run", "install"}
        for number, line in enumerate(text_of(file).splitlines(), start=1)
        if UNFINISHED.search(line)
    ]
    assert left == []


def test_no_class_is_a_manager_or_a_helper():
    named = [
        f"{module.file}:{node.lineno}: {node.name}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and FORBIDDEN_NAMES.search(node.name)
    ]
    assert named == []


def test_no_test_is_switched_off():
    off = re.compile(r"@pytest\.mark\.(?:ski[p]|skipi[f]|xfai[l])\b|unittest\.ski[p]")
    assert [
        f"{file}:{number}"
        for file in tracked()
        if file.parts[0] == "tests" and file.suffix == ".py"
        for number, line in enumerate(text_of(file).splitlines(), start=1)
        if off.search(line)
    ] == []


def test_no_error_carries_a_response_body():
    """`raise X(response.text)` would put a provider's words, and maybe a secret, into logs."""
    foreign = {"text", "content", "body", "data"}
    carried = [
        f"{module.file}:{node.lineno}"
        for module in modules()
        if module.floor != "sandbox"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
        for argument in [*node.exc.args, *(keyword.value for keyword in node.exc.keywords)]
        for part in ast.walk(argument)
        if isinstance(part, ast.Attribute)
        and part.attr in foreign
        and ast.unparse(part.value) in {"response", "answer"}
    ]
    assert carried == []
