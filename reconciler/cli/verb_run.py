"""`reconciler run`: stays, and keeps everything as the manifests say."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.accounts_page import accounts_url_flag
from reconciler.cli.options import DURATION, common_flags, flag, jobs_flag, manifests_flag, selection_flags
from reconciler.errors import ReconcilerError, UsageError, clean

if TYPE_CHECKING:
    from reconciler.adapters.metrics import Metrics
    from reconciler.cli.calling import Calling
    from reconciler.cli.session import Session
    from reconciler.decide.plan_options import PlanOptions
    from reconciler.engine.controller import Controller, Cycle
    from reconciler.model.desired import Desired
    from reconciler.model.names import Address
    from reconciler.model.observed import Observed
    from reconciler.model.store_path import Layout
    from reconciler.ports import SecretStore

_LOOK = 5.0
"""How often the manifests are looked at while nothing is due, seconds."""
_SHORTEST = timedelta(seconds=10)


@click.command(short_help="Stay, and keep everything so.")
@flag(
    "--every", type=DURATION, default="5m", show_default=True, help="Look at everything at least this often."
)
@flag(
    "--listen",
    default="127.0.0.1:9464",
    show_default=True,
    metavar="HOST:PORT",
    help="Where /healthz, /readyz and /metrics are; `off`: nowhere.",
)
@accounts_url_flag
@manifests_flag
@selection_flags
@jobs_flag
@common_flags
def run(every: timedelta, listen: str, manifests: str, jobs: int, **options: Any) -> int:
    """Stay: reconcile when the manifests change and at least every --every, refresh each account at its own time.

    For a folder that git-sync or a mounted volume keeps. Never prunes. SIGTERM lets what was started finish.
    """
    from reconciler.cli.metrics_file import make_metrics
    from reconciler.cli.planning import plan_options
    from reconciler.cli.session import make_session, open_for_work
    from reconciler.cli.signals import stopping
    from reconciler.engine.controller import Controller

    if every < _SHORTEST:
        raise UsageError(
            "--every is shorter than 10s", hint="accounts are refreshed at their own time anyway"
        )
    where = _address(listen)
    session = make_session(options)
    metrics = make_metrics()
    with ExitStack() as closing:
        store, layout, key = closing.enter_context(open_for_work(session))
        chosen = plan_options(session, options, due_within=None)
        world = World(session, store, layout, key=key, root=manifests, jobs=jobs, chosen=chosen)
        controller = Controller(world, chosen, every)
        probes = Probes(every=every)
        if where is not None:
            from reconciler.adapters.probe_server import ProbeServer

            server = ProbeServer(*where, answers=probes.answers(metrics))
            closing.callback(server.close)
            click.echo(f"listening on {where[0]}:{server.port}", err=True)
        json = session.console.log_format == "json"
        closing.enter_context(stopping(session.stop, in_flight=world.in_flight, as_json=json))
        _go_on(session, controller, world=world, probes=probes, metrics=metrics)
    return 0


@dataclass
class World:
    """The controller's hands (`engine.controller.Hands`): one store and one login for its whole life."""

    session: Session
    store: SecretStore
    layout: Layout
    key: bytes
    root: str
    jobs: int
    chosen: PlanOptions
    _working: list[Any] = field(default_factory=list)

    def declared(self) -> Desired:
        from reconciler.cli.session import read_desired

        return read_desired(self.root)

    def fingerprint(self) -> str:
        from pathlib import Path

        from reconciler.adapters.manifest_watch import signature_of

        try:
            return signature_of(Path(self.root))
        except UsageError:
            return ""

    def store_time(self) -> datetime:
        return self.store.server_time()

    @contextmanager
    def working(self, desired: Desired, accounts: Collection[Address] | None) -> Iterator[Calling]:
        from reconciler.cli.calling import Calling, make_client, make_ports, make_run
        from reconciler.cli.looking import look
        from reconciler.cli.session import FIRST_SETTINGS

        session = self.session
        observed = look(
            session, desired, store=self.store, layout=self.layout, jobs=self.jobs, accounts=accounts
        )
        if accounts is None:
            self._remark(desired, observed)
        trust = FIRST_SETTINGS if observed.trust is None else observed.trust.settings
        client = make_client(session, trust)
        made = make_run(session, self.store, self.layout, key=self.key, client=client, jobs=self.jobs)
        self._working.append(made)
        try:
            yield Calling(made, make_ports(self.store, client, discover=True, signer=made.signer), observed)
        finally:
            self._working.remove(made)
            client.close()

    def _remark(self, desired: Desired, observed: Observed) -> None:
        """What is selected and not there: said, since it may be a slip, and not more, since it may have been removed."""
        try:
            self.chosen.check(desired, observed)
        except UsageError as error:
            self.session.events.warning("selection", message=error.message)

    def in_flight(self) -> list[str]:
        return [name for made in list(self._working) for name in made.in_flight.names()]


@dataclass
class Probes:
    """What a kubelet is told. Alive: the loop turns, or has worked for less than an hour. Ready: the last look at the
    store succeeded."""

    every: timedelta
    turned: float = 0.0
    working: bool = False
    looked: bool = False
    why: str = "nothing was looked at yet"
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def turn(self, at: float, *, working: bool) -> None:
        with self._lock:
            self.turned, self.working = at, working

    def judge(self, cycle: Cycle) -> None:
        with self._lock:
            self.looked = cycle.error is None
            self.why = "" if cycle.error is None else cycle.error.message

    def answers(self, metrics: Metrics) -> dict[str, Any]:
        from reconciler.adapters.probe_server import plain
        from reconciler.adapters.system import SystemClock

        clock = SystemClock(threading.Event())

        def healthz() -> Any:
            with self._lock:
                limit = 3600.0 if self.working else 12 * _LOOK
                stuck = clock.monotonic() - self.turned > limit
            return plain(503, "stuck") if stuck else plain(200, "ok")

        def readyz() -> Any:
            with self._lock:
                return plain(200, "ok") if self.looked else plain(503, clean(self.why, cap=300))

        def metrics_text() -> Any:
            return 200, "text/plain; version=0.0.4; charset=utf-8", metrics.text()

        return {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics_text}


def _go_on(
    session: Session, controller: Controller, *, world: World, probes: Probes, metrics: Metrics
) -> None:
    from reconciler.adapters.system import SystemClock
    from reconciler.errors import StoreError

    clock = SystemClock(session.stop)
    while not session.stop.is_set():
        probes.turn(clock.monotonic(), working=True)
        try:
            now = world.store_time()
        except StoreError:
            now = clock.now()
        kind = controller.due(now)
        if kind is not None:
            began = clock.monotonic()
            cycle = controller.cycle(kind, now)
            probes.judge(cycle)
            _tell(session, cycle, metrics=metrics, seconds=clock.monotonic() - began, at=clock.now())
        probes.turn(clock.monotonic(), working=False)
        pause = min(_LOOK, max(0.2, controller.wait(now).total_seconds()))
        session.stop.wait(pause)


def _tell(session: Session, cycle: Cycle, *, metrics: Metrics, seconds: float, at: datetime) -> None:
    from reconciler.cli.main import say_error

    if cycle.plan is not None:
        metrics.note_plan(cycle.plan)
    report = cycle.report
    if cycle.error is not None:
        say_error(cycle.error, as_json=session.console.log_format == "json")
    if report is not None:
        metrics.note_report(report)
        if report.results or report.problems or report.guards:
            _print_report(session, report)
    code = cycle.error.exit_code if cycle.error else (report.exit_code() if report else 0)
    metrics.note_run(cycle.kind.value, code=code, seconds=seconds, at=at)


def _print_report(session: Session, report: Any) -> None:
    from reconciler.cli.console import told
    from reconciler.cli.output import print_document, style_of
    from reconciler.report import text

    if session.console.log_format != "json":
        try:
            print_document(text.render_run(report, style_of(session.console)))
        except ReconcilerError as error:
            # A full disk under stdout: nobody reads on, and tokens still have to be kept alive.
            session.events.warning("report-not-written", why=error.message)
        return
    for result in report.results:
        line = told(
            result.message or result.error,
            level="info" if not result.code else "warning",
            event="result",
            as_json=True,
            address=str(result.address),
            action=result.action,
            outcome=result.outcome.value,
            reason=result.reason or None,
        )
        click.echo(line, err=True)


def _address(text: str) -> tuple[str, int] | None:
    if text == "off":
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"'{clean(text)}' is no place to listen on", hint="write 127.0.0.1:9464, or off")
    return host.removeprefix("[").removesuffix("]"), int(port)
