"""Which renderer an `-o` format means. Writes one document to stdout, and nothing else there; `--report` writes others
of the same run into files. A renderer is imported where it is asked for: a run needs one of four."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.console import STILL_DONE, Console, leave_stdout
from reconciler.cli.saved import save_whole
from reconciler.errors import ReconcilerError, UsageError
from reconciler.report.style import Style

if TYPE_CHECKING:
    from reconciler.decide.forecast_report import Forecast
    from reconciler.decide.plan import Plan
    from reconciler.decide.results import RunReport
    from reconciler.decide.status_view import StatusReport
    from reconciler.model.desired import Desired

_FILE_WIDTH = 110


def style_of(console: Console) -> Style:
    return Style(color=console.color, width=console.width)


def print_document(document: str) -> None:
    """Write it. A reader that has left (`| head`) is no error, and changes nothing about how the run ended."""
    try:
        # As it was rendered: whether there is colour in it was decided before, FORCE_COLOR included.
        click.echo(document, nl=False, color=True)
        sys.stdout.flush()
    except BrokenPipeError:
        leave_stdout()
    except OSError as error:
        leave_stdout()
        raise ReconcilerError(
            f"the result cannot be written to stdout: {error.strerror}",
            hint=STILL_DONE,
        ) from None


Reports = tuple[tuple[str, Path], ...]
"""(format, file) of each `--report`."""


def write_plan(
    plan: Plan, *, output: str, console: Console, tool: str, commit: str, reports: Reports = ()
) -> None:
    def rendered(form: str, style: Style) -> str:
        match form:
            case "json":
                from reconciler.report import json_document

                return json_document.plan_document(plan, tool=tool, commit=commit)
            case "markdown":
                from reconciler.report import markdown

                return markdown.render_plan(plan, tool=tool, commit=commit, accounts_url=console.page)
            case "github":
                from reconciler.report import github

                return github.annotate_plan(plan)
            case _:
                from reconciler.report import text

                return text.render_plan(plan, style)

    _write_files(rendered, reports)
    print_document(rendered(output, style_of(console)))


def write_run(
    report: RunReport, *, output: str, console: Console, tool: str, commit: str, reports: Reports = ()
) -> None:
    def rendered(form: str, style: Style) -> str:
        match form:
            case "json":
                from reconciler.report import json_document

                return json_document.run_document(report, tool=tool, commit=commit)
            case "markdown":
                from reconciler.report import markdown

                return markdown.render_run(report, tool=tool, commit=commit, accounts_url=console.page)
            case "github":
                from reconciler.report import github

                return github.annotate_run(report)
            case _:
                from reconciler.report import text

                return text.render_run(report, style)

    _write_files(rendered, reports)
    print_document(rendered(output, style_of(console)))


def _write_files(rendered: Callable[[str, Style], str], reports: Reports) -> None:
    """What was done is done: a file that cannot be written is a warning, and the report still goes to stdout."""
    for form, path in reports:
        try:
            save_whole(path, rendered(form, Style(color=False, width=_FILE_WIDTH)))
        except UsageError as error:
            click.echo(f"warning: {error.message}", err=True)


def write_status(status: StatusReport, *, output: str, console: Console, tool: str, commit: str) -> None:
    match output:
        case "json":
            from reconciler.report import json_document

            document = json_document.status_document(status, tool=tool, commit=commit)
        case "markdown":
            from reconciler.report import markdown

            document = markdown.render_status(status, tool=tool, commit=commit, accounts_url=console.page)
        case _:
            from reconciler.report import text

            document = text.render_status(status, style_of(console))
    print_document(document)


def write_forecast(
    forecast: Forecast, *, output: str, console: Console, tool: str, commit: str, page: str
) -> None:
    """`page`: the address of the Accounts page, '' for none."""
    match output:
        case "json":
            from reconciler.report.json_forecast import forecast_document

            document = forecast_document(forecast, tool=tool, commit=commit)
        case "ics":
            from reconciler.report.forecast_calendar import render_calendar

            document = render_calendar(forecast, page=page)
        case "svg":
            from reconciler.report.forecast_chart import render_chart

            document = render_chart(forecast)
        case _:
            from reconciler.report.text_forecast import render_forecast

            document = render_forecast(forecast, style_of(console))
    print_document(document)


def write_problems(desired: Desired, *, output: str, console: Console, tool: str) -> None:
    match output:
        case "json":
            from reconciler.report import json_document

            document = json_document.validate_document(desired, tool=tool)
        case "github":
            from reconciler.report import github

            document = github.annotate_problems(desired.problems)
        case _:
            from reconciler.report import text

            document = text.render_problems(desired, style_of(console))
    print_document(document)
