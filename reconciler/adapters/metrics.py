"""Metrics for Prometheus, by its own client library: in memory for `/metrics`, or as a file for the node exporter.

Rules: names of accounts and owners are no labels (there may be ten thousand, and they are people's); namespaces, states
and outcomes are; nothing here could hold a secret.
"""

from __future__ import annotations

from collections import Counter as Tally
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, write_to_textfile

from reconciler.decide.plan import Plan
from reconciler.decide.results import RunReport
from reconciler.model.state import AccountState

_BUCKETS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600)


class Metrics:
    """One registry. `version`: of the tool."""

    def __init__(self, *, version: str) -> None:
        self.registry = CollectorRegistry()
        here = self.registry
        info = Gauge("reconciler_build_info", "The tool's version.", ["version"], registry=here)
        info.labels(version).set(1)
        self._accounts = Gauge(
            "reconciler_accounts",
            "Declared and stored accounts, by namespace and state.",
            ["namespace", "state"],
            registry=here,
        )
        self._attention = Gauge(
            "reconciler_attention", "What needs a person, by reason.", ["reason"], registry=here
        )
        self._next = Gauge(
            "reconciler_next_person_needed_timestamp_seconds",
            "The earliest date by which a person is needed; 0: none is known.",
            registry=here,
        )
        self._results = Counter(
            "reconciler_results",
            "What was done, by action and outcome.",
            ["action", "outcome"],
            registry=here,
        )
        self._runs = Counter(
            "reconciler_runs", "Runs, by verb and exit code.", ["verb", "exit_code"], registry=here
        )
        self._took = Histogram(
            "reconciler_run_duration_seconds",
            "How long a run took.",
            ["verb"],
            buckets=_BUCKETS,
            registry=here,
        )
        self._last = Gauge(
            "reconciler_last_run_timestamp_seconds", "When a run ended.", ["verb"], registry=here
        )
        self._good = Gauge(
            "reconciler_last_success_timestamp_seconds", "When a run ended with 0.", ["verb"], registry=here
        )
        self._problems = Gauge(
            "reconciler_manifest_problems", "What is wrong with the manifests.", registry=here
        )

    def note_run(self, verb: str, *, code: int, seconds: float, at: datetime) -> None:
        """A run ended."""
        self._runs.labels(verb, str(code)).inc()
        self._took.labels(verb).observe(seconds)
        self._last.labels(verb).set(at.timestamp())
        if code == 0:
            self._good.labels(verb).set(at.timestamp())

    def note_report(self, report: RunReport) -> None:
        """What it did, and whom it needs."""
        for result in report.results:
            self._results.labels(result.action, result.outcome.value).inc()
        self._attention.clear()
        for reason, count in Tally(line.reason.value for line in report.attention).items():
            self._attention.labels(reason).set(count)
        self._problems.set(len(report.problems))

    def note_plan(self, plan: Plan) -> None:
        """How everything stood when the run began."""
        self._accounts.clear()
        counted = Tally((a.namespace, health.state) for a, health in plan.healths.items())
        for namespace in sorted({namespace for namespace, _ in counted}):
            for state in AccountState:
                self._accounts.labels(namespace, state.value).set(counted[(namespace, state)])
        dates = [health.by for health in plan.healths.values() if health.by is not None]
        self._next.set(min(dates).timestamp() if dates else 0)

    def text(self) -> bytes:
        """In the text format of the exposition."""
        return generate_latest(self.registry)

    def write(self, path: Path) -> None:
        """For the node exporter's textfile collector: whole, or not at all. OSError where it cannot be written."""
        write_to_textfile(str(path), self.registry)
