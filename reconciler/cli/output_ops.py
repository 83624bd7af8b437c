"""Which renderer an `-o` format means, for the verbs that look after a store: one document on stdout, as in `cli/output`."""

from __future__ import annotations

from reconciler.cli.console import Console
from reconciler.cli.output import print_document, style_of
from reconciler.decide.doctor import Examination
from reconciler.decide.drift import DriftReport
from reconciler.decide.history import Story


def write_doctor(examination: Examination, *, output: str, console: Console, tool: str) -> None:
    from reconciler.report import doctor

    if output == "json":
        print_document(doctor.doctor_document(examination, tool=tool))
    else:
        print_document(doctor.render_doctor(examination, style_of(console)))


def write_drift(report: DriftReport, *, output: str, console: Console, tool: str, commit: str) -> None:
    from reconciler.report import drift

    match output:
        case "json":
            print_document(drift.drift_document(report, tool=tool, commit=commit))
        case "markdown":
            print_document(drift.render_drift_markdown(report, tool=tool, commit=commit))
        case _:
            print_document(drift.render_drift(report, style_of(console)))


def write_history(story: Story, *, output: str, console: Console, tool: str) -> None:
    from reconciler.report import history

    if output == "json":
        print_document(history.history_document(story, tool=tool))
    else:
        print_document(history.render_history(story, style_of(console)))
