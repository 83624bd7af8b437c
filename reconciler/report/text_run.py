"""What a run did, as text: one line an object, what failed with its cause and hint, who is needed, counted at the end.

Rules: accounts that are held for one and the same cause are one line with a count: an incident is one thing to read.
"""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.decide.results import Outcome, Result, RunReport
from reconciler.report.style import Ink, Style
from reconciler.report.text_lines import attention_lines, column_of, head, labelled
from reconciler.report.text_plan import guard_lines
from reconciler.report.text_problems import problem_lines
from reconciler.report.words import FAILED, UNCHANGED, counted, run_sentence, symbol_of

_FOLD_FROM = 3


def render_run(report: RunReport, style: Style) -> str:
    """The whole report; ends with a line break."""
    column = column_of(report.results, report.attention)
    lines: list[str] = []
    for guard in report.guards:
        lines += guard_lines(guard, style=style)
    lines += problem_lines(report.problems, style=style)
    for result, fellows in folded(report.results):
        lines += _result_lines(result, fellows, style=style, column=column)
    if report.attention and report.now is not None:
        for line in report.attention:
            lines += attention_lines(line, now=report.now, style=style, column=column)
    for note in report.notes:
        lines += labelled("note", note, style=style)
    if lines:
        lines.append("")
    code = report.exit_code()
    sentence = run_sentence(
        report.results,
        attention=len(report.attention),
        guards=len(report.guards),
        problems=len(report.problems),
    )
    ending = f"Done: {sentence}" + (f" (exit {code})" if code else "")
    return "\n".join([*lines, *style.wrap(ending, indent=0)]) + "\n"


def folded(results: Iterable[Result]) -> list[tuple[Result, int]]:
    """Each result with how many more say the same; only what is held folds."""
    alike: dict[tuple[str, str, str], list[Result]] = {}
    shown: list[tuple[str, str, str] | Result] = []
    for result in results:
        key = (result.outcome.value, result.reason, result.message or result.error)
        if result.outcome is Outcome.HELD:
            if key not in alike:
                shown.append(key)
            alike.setdefault(key, []).append(result)
        else:
            shown.append(result)
    lines: list[tuple[Result, int]] = []
    for entry in shown:
        if isinstance(entry, Result):
            lines.append((entry, 0))
            continue
        group = alike[entry]
        lines += [(group[0], len(group) - 1)] if len(group) >= _FOLD_FROM else [(one, 0) for one in group]
    return lines


def _result_lines(result: Result, fellows: int, *, style: Style, column: int) -> list[str]:
    done = result.outcome is Outcome.DONE
    skipped = result.outcome is Outcome.SKIPPED
    symbol = symbol_of(result.action) if done else (UNCHANGED if skipped else FAILED)
    ink = Ink.GOOD if done else (Ink.QUIET if skipped else Ink.BAD)
    words = result.message or result.error or result.outcome.value
    if not done and not words.startswith(result.outcome.value):
        words = f"{result.outcome.value}: {words}"
    if fellows:
        words += f"; and {counted(fellows, 'more account')} held for the same cause"
    lines = head(
        symbol,
        str(result.address),
        words,
        style=style,
        ink=ink,
        column=column,
        location=None if done else result.location,
    )
    if result.error and result.error != words and result.error not in words:
        lines += labelled("error", result.error, style=style)
    for warning in result.warnings:
        lines += labelled("warn", warning, style=style)
    return lines + labelled("hint", result.hint, style=style)
