"""Wiring of the verbs that call providers: one HTTP client, one Run, the ports for registering.

Rules: what trust's settings admit is all that the client will connect to; environment variables may only tighten them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from reconciler.adapters.discovery import HttpMetadataEndpoint
from reconciler.adapters.http import HttpClient
from reconciler.adapters.http_policy import HttpPolicy
from reconciler.adapters.processes import is_dead, this_process
from reconciler.adapters.registration import HttpRegistrationEndpoint
from reconciler.adapters.system import SystemClock, SystemEntropy
from reconciler.adapters.token_endpoint import HttpTokenEndpoint
from reconciler.cli.session import FIRST_SETTINGS, TOOL, Session, open_for_work
from reconciler.cli.settings import Settings
from reconciler.cli.signals import stopping
from reconciler.decide.trust import tighten
from reconciler.engine.provider_ports import ProviderPorts
from reconciler.engine.run import Run
from reconciler.engine.secret_reader import SecretReader
from reconciler.errors import UsageError
from reconciler.model.observed import Observed
from reconciler.model.secret import Secret
from reconciler.model.store_path import Layout
from reconciler.model.trust import TrustMode, TrustSettings
from reconciler.ports import SecretStore


@dataclass(frozen=True, slots=True)
class Calling:
    """`observed` is what the run began with; its trust settings are tightened by the environment."""

    run: Run
    ports: ProviderPorts
    observed: Observed


Look = Callable[[SecretStore, Layout], Observed]


@contextmanager
def calling(session: Session, *, look: Look, jobs: int = 8, init: bool = False) -> Iterator[Calling]:
    """Everything that a verb needs which calls providers; `look` observes what it works on.

    The first signal stops it softly, the second at once.
    """
    with ExitStack() as closing:
        store, layout, key = closing.enter_context(open_for_work(session, init=init))
        closing.enter_context(session.events.showing_progress())
        observed = with_tightened_trust(session.settings, look(store, layout))
        trust = FIRST_SETTINGS if observed.trust is None else observed.trust.settings
        client = HttpClient(http_policy(session.settings, trust))
        closing.callback(client.close)
        run = Run(
            store=store,
            layout=layout,
            clock=SystemClock(session.stop),
            entropy=SystemEntropy(),
            events=session.events,
            endpoint=HttpTokenEndpoint(client),
            holder=this_process(),
            fingerprint_key=key,
            owner=session.settings.owner,
            tool=TOOL,
            commit=session.settings.commit,
            jobs=jobs,
            limits=session.settings.limits,
            stop=session.stop,
            is_dead=is_dead,
        )
        ports = ProviderPorts(
            secrets=SecretReader(store),
            metadata=HttpMetadataEndpoint(client),
            registration=HttpRegistrationEndpoint(client),
        )
        closing.enter_context(stopping(session.stop, in_flight=run.in_flight.names))
        yield Calling(run, ports, observed)


def http_policy(settings: Settings, trust: TrustSettings) -> HttpPolicy:
    """The operator's settings for traffic to providers."""
    proxy = settings.get("RECONCILER_PROXY")
    return HttpPolicy(
        allowed_hosts=frozenset(trust.allowed_hosts),
        loopback=trust.loopback,
        deadline=settings.limits.http_deadline,
        ca_file=settings.get("RECONCILER_CA_FILE"),
        proxy=None if proxy is None else Secret(proxy),
    )


def tightened(settings: Settings, trust: TrustSettings) -> TrustSettings:
    """Trust's settings as the environment narrows them: RECONCILER_TRUST, _ALLOWED_HOSTS, _LOOPBACK."""
    mode, hosts = settings.get("RECONCILER_TRUST"), settings.get("RECONCILER_ALLOWED_HOSTS")
    loopback = settings.get("RECONCILER_LOOPBACK")
    if mode is not None and mode not in set(TrustMode):
        raise UsageError("RECONCILER_TRUST names no mode", hint="one of tofu, catalogue, strict")
    if loopback not in (None, "0", "1", "true", "false"):
        raise UsageError("RECONCILER_LOOPBACK is neither true nor false")
    return tighten(
        trust,
        mode=None if mode is None else TrustMode(mode),
        allowed_hosts=None if hosts is None else frozenset(h.strip() for h in hosts.split(",") if h.strip()),
        loopback=None if loopback is None else loopback in ("1", "true"),
    )


def with_tightened_trust(settings: Settings, observed: Observed) -> Observed:
    """What was observed, judged by the tightened settings."""
    if observed.trust is None:
        return observed
    return replace(
        observed, trust=replace(observed.trust, settings=tightened(settings, observed.trust.settings))
    )
