"""`--metrics-file`: what a run was, for the node exporter's textfile collector."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import click

from reconciler.cli.options import flag
from reconciler.decide.plan import Plan
from reconciler.decide.results import RunReport
from reconciler.errors import UsageError, clean

F = TypeVar("F", bound=Callable[..., Any])


def metrics_file_flag(function: F) -> F:
    return flag(
        "--metrics-file",
        "metrics_file",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE.prom",
        help="Also write metrics there, for the node exporter's textfile collector.",
    )(function)


class MetricsFile:
    """Made before the run, so that a missing extra is said before anything is done. `path` None: nothing is written."""

    def __init__(self, path: Path | None, *, verb: str) -> None:
        self._path, self._verb, self._began = path, verb, monotonic()
        if path is not None and path.suffix != ".prom":
            raise UsageError(f"{clean(path)}: the node exporter reads files that end in .prom")
        self._metrics = None if path is None else make_metrics()

    def write(self, report: RunReport, *, plan: Plan | None) -> None:
        """What was done is done: a file that cannot be written is a warning."""
        if self._metrics is None or self._path is None:
            return
        if plan is not None:
            self._metrics.note_plan(plan)
        self._metrics.note_report(report)
        seconds = monotonic() - self._began
        self._metrics.note_run(self._verb, code=report.exit_code(), seconds=seconds, at=datetime.now(UTC))
        try:
            self._metrics.write(self._path)
        except OSError as error:
            click.echo(f"warning: {clean(self._path)} cannot be written: {error.strerror}", err=True)


def make_metrics() -> Any:
    """UsageError where the extra is missing."""
    from reconciler import __version__

    try:
        from reconciler.adapters.metrics import Metrics
    except ImportError:
        raise UsageError(
            "metrics need their extra: prometheus-client is missing",
            hint="in a checkout: pip install --require-hashes -r requirements/server.txt",
        ) from None
    return Metrics(version=__version__)
