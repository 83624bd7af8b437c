"""Wiring of the verbs that call providers: one HTTP client, one Run, the ports for registering.

Rules: the store is observed first, once, and everything else is made from what it said; all is closed at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import assert_never

from reconciler.adapters.assertions import JoseSigner
from reconciler.adapters.discovery import HttpMetadataEndpoint
from reconciler.adapters.http import HttpClient
from reconciler.adapters.processes import is_dead, this_process
from reconciler.adapters.registration import HttpRegistrationEndpoint
from reconciler.adapters.system import SystemClock, SystemEntropy
from reconciler.adapters.token_endpoint import HttpTokenEndpoint
from reconciler.cli.calling_settings import http_policy, with_tightened_trust
from reconciler.cli.console import LogLines
from reconciler.cli.session import FIRST_SETTINGS, TOOL, Session, open_for_work
from reconciler.cli.signals import stopping
from reconciler.cli.whom import this_stamp
from reconciler.engine.provider_ports import ProviderPorts
from reconciler.engine.ready import ready_provider
from reconciler.engine.run import Run
from reconciler.engine.secret_reader import SecretReader
from reconciler.engine.stamping import StampingStore
from reconciler.errors import PathDenied
from reconciler.model.answer import HttpAnswer, NoAnswer, Outcome
from reconciler.model.desired import DesiredProvider
from reconciler.model.endpoint import Origin
from reconciler.model.observed import Observed, ObservedProvider
from reconciler.model.ready import ReadyProvider
from reconciler.model.store_path import Layout
from reconciler.model.trust import TrustSettings
from reconciler.ports import AssertionSigner, SecretStore


@dataclass(frozen=True, slots=True)
class Calling:
    """`observed` is what the run began with; its trust settings are tightened by the environment."""

    run: Run
    ports: ProviderPorts
    observed: Observed

    def ready(self, provider: DesiredProvider) -> ReadyProvider:
        """Raises what `ready_provider` raises, and PathDenied where the login may not read trust."""
        address, trust = provider.address, self.observed.trust
        if trust is None:
            raise PathDenied(f"{address}: {self.observed.trust_unreadable}")
        seen = self.observed.providers.get(address, ObservedProvider(address))
        return ready_provider(self.run, provider, observed=seen, trust=trust, ports=self.ports)


def _noting(events: LogLines) -> Callable[[str, Origin, Outcome], None]:
    """What `-v` says of each request: never a path, a parameter, a header or a body."""

    def note(method: str, origin: Origin, outcome: Outcome) -> None:
        match outcome:
            case HttpAnswer(status=status):
                events.info("request", method=method, to=str(origin), status=status)
            case NoAnswer(why=why):
                events.info("request", method=method, to=str(origin), failed=why)
            case _:
                assert_never(outcome)

    return note


Look = Callable[[SecretStore, Layout], Observed]


@contextmanager
def calling(
    session: Session,
    *,
    look: Look,
    jobs: int = 8,
    init: bool = False,
    progress: bool = False,
    discover: bool = False,
    signals: bool = True,
) -> Iterator[Calling]:
    """Everything that a verb needs which calls providers; `look` observes what it works on. `discover`: issuers are asked
    for their endpoints, and clients registered; otherwise what is on record is used (DESIGN §2).

    The first signal stops it softly, the second at once; `signals` False: they are left to whoever has them.
    """
    with ExitStack() as closing:
        store, layout, key = closing.enter_context(open_for_work(session, init=init))
        if progress:
            closing.enter_context(session.events.showing_progress())
        observed = with_tightened_trust(session.settings, look(store, layout))
        trust = FIRST_SETTINGS if observed.trust is None else observed.trust.settings
        client = make_client(session, trust)
        closing.callback(client.close)
        run = make_run(session, store, layout, key=key, client=client, jobs=jobs)
        ports = make_ports(store, client, discover=discover, signer=run.signer)
        if signals:
            closing.enter_context(
                stopping(
                    session.stop,
                    in_flight=run.in_flight.names,
                    as_json=session.console.log_format == "json",
                )
            )
        yield Calling(run, ports, observed)


def make_client(session: Session, trust: TrustSettings, *, deadline: timedelta | None = None) -> HttpClient:
    """For calls to providers, as trust's settings admit them. To be closed. `deadline` None: the operator's setting."""
    policy = http_policy(session.settings, trust)
    policy = policy if deadline is None else replace(policy, deadline=deadline)
    return HttpClient(policy, note=_noting(session.events))


def make_run(
    session: Session, store: SecretStore, layout: Layout, *, key: bytes, client: HttpClient, jobs: int
) -> Run:
    """What all work on this store shares. `key`: the store's fingerprint key. What it writes bears this run's stamp."""
    clock, entropy = SystemClock(session.stop), SystemEntropy()
    signer = make_signer(session)
    stamp = this_stamp(session.settings, tool=TOOL)
    return Run(
        store=StampingStore(store, layout=layout, stamp=stamp),
        layout=layout,
        clock=clock,
        entropy=entropy,
        events=session.events,
        endpoint=HttpTokenEndpoint(client, signer=signer),
        signer=signer,
        holder=this_process(),
        fingerprint_key=key,
        owner=session.settings.owner,
        tool=TOOL,
        commit=stamp.commit,
        actor=stamp.actor,
        run_url=stamp.run,
        frozen=session.settings.frozen,
        jobs=jobs,
        limits=session.settings.limits,
        stop=session.stop,
        is_dead=is_dead,
    )


def make_signer(session: Session) -> AssertionSigner:
    """Reads the private keys of clients that sign, each once."""
    return JoseSigner(SystemClock(session.stop), SystemEntropy())


def make_ports(
    store: SecretStore, client: HttpClient, *, discover: bool, signer: AssertionSigner | None
) -> ProviderPorts:
    """`discover`: issuers may be asked, and clients registered."""
    return ProviderPorts(
        secrets=SecretReader(store),
        metadata=HttpMetadataEndpoint(client) if discover else None,
        registration=HttpRegistrationEndpoint(client) if discover else None,
        signer=signer,
    )
