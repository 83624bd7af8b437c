"""Invalid manifests as text: file:line:column, what is wrong, what to do, in file order."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.errors import clean
from reconciler.model.desired import Desired
from reconciler.model.location import Problem
from reconciler.report.style import Ink, Style
from reconciler.report.words import counted


def render_problems(desired: Desired, style: Style) -> str:
    """What `validate` says; ends with a line break."""
    declared = (
        f"{counted(len(desired.providers), 'provider')} and {counted(len(desired.accounts), 'account')} "
        f"in {counted(desired.file_count, 'file')} under {desired.root}"
    )
    if not desired.problems and not desired.file_count:
        # Nothing is wrong with nothing; but whoever checks it mostly meant another folder.
        return f"{declared}: nothing to check, as no name there ends in .yaml or .yml\n"
    if not desired.problems:
        return f"{declared}: valid\n"
    lines = problem_lines(desired.problems, style=style)
    return (
        "\n".join([*lines, "", f"{counted(len(desired.problems), 'problem')}; {declared} are valid"]) + "\n"
    )


def problem_lines(problems: Iterable[Problem], *, style: Style) -> list[str]:
    """Two lines a problem. A place and its message are one line, so that editors and people can jump to it."""
    lines = []
    for problem in sorted(problems):
        subject = f"{clean(problem.address)}: " if problem.address else ""
        place = style.paint(clean(problem.location, cap=400), Ink.STRONG)
        lines.append(f"{place}: {style.paint('error:', Ink.BAD)} {subject}{clean(problem.message, cap=400)}")
        if problem.hint:
            lines.append(f"  hint: {clean(problem.hint, cap=400)}")
    return lines
