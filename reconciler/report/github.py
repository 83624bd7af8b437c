"""CI annotations for GitHub: one `::error` or `::warning` line for each cause, at its file and line.

Rules: what stops a run is an error, what a person should see a warning; every value is escaped, so that no text can
begin another command; the last line counts in plain words.
"""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.decide.plan import Plan
from reconciler.decide.results import Attention, Outcome, RunReport
from reconciler.errors import clean
from reconciler.model.location import Location, Problem
from reconciler.report.escape import annotation_property, annotation_text
from reconciler.report.words import counted, plan_sentence, run_sentence


def annotate_plan(plan: Plan) -> str:
    lines = _guards(plan)
    for blocked in plan.blocked:
        title = "TRUST CHANGE" if blocked.trust_change else "Blocked"
        message = f"{blocked.address}: {blocked.message}" + (f" ({blocked.hint})" if blocked.hint else "")
        lines.append(_line("error", message, title=title, location=blocked.location))
    lines += _problems(plan.problems)
    lines += _attention(plan.attention)
    for change in plan.changes:
        if change.removes:
            message = f"{change.address}: {change.action.value}: {change.message}"
            lines.append(_line("warning", message, title="Removal", location=change.location))
    return "\n".join([*lines, f"Plan: {plan_sentence(plan)}"]) + "\n"


def annotate_run(report: RunReport) -> str:
    lines = _guards(report)
    for result in report.results:
        if result.outcome in (Outcome.DONE, Outcome.SKIPPED) and not result.code:
            continue
        level = "warning" if result.outcome is Outcome.HELD or not result.code else "error"
        message = f"{result.address}: {result.message or result.error or result.outcome.value}"
        message += f" ({result.hint})" if result.hint else ""
        lines.append(_line(level, message, title=result.outcome.value, location=result.location))
    lines += _problems(report.problems)
    lines += _attention(report.attention)
    sentence = run_sentence(
        report.results,
        attention=len(report.attention),
        guards=len(report.guards),
        problems=len(report.problems),
    )
    return "\n".join([*lines, f"Done: {sentence}"]) + "\n"


def annotate_problems(problems: Iterable[Problem]) -> str:
    lines = _problems(problems)
    return "\n".join([*lines, counted(len(lines), "problem") if lines else "All manifests are valid."]) + "\n"


def _guards(report: Plan | RunReport) -> list[str]:
    return [
        _line("error", f"{guard.message} (to pass it: {guard.flag})", title=f"Guard {guard.name.value}")
        for guard in report.guards
    ]


def _problems(problems: Iterable[Problem]) -> list[str]:
    lines = []
    for problem in sorted(problems):
        message = (f"{problem.address}: " if problem.address else "") + problem.message
        message += f" ({problem.hint})" if problem.hint else ""
        lines.append(
            _line("error", message, title="Invalid manifest", location=problem.location, column=True)
        )
    return lines


def _attention(attention: Iterable[Attention]) -> list[str]:
    return [
        _line(
            "warning",
            f"{line.address}: {line.message}. {line.remedy} Run: {line.command}",
            title="A person is needed",
            location=line.location,
        )
        for line in attention
    ]


def _line(
    level: str, message: str, *, title: str, location: Location | None = None, column: bool = False
) -> str:
    properties = []
    if location is not None:
        properties += [f"file={annotation_property(clean(location.file, cap=400))}", f"line={location.line}"]
        properties += [f"col={location.column}"] if column else []
    properties.append(f"title={annotation_property(clean(title))}")
    return f"::{level} {','.join(properties)}::{annotation_text(clean(message, cap=1000))}"
