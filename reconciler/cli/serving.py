"""Wiring of `serve` and `consent-link`: the store, the page's key, and what calls providers for as long as a server lives.

Rules: everything that was opened is closed at the end; what calls providers is made again where trust's settings changed;
secrets of the page's own login come from files or variables, never from an argument.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from reconciler.adapters.http import HttpClient
from reconciler.adapters.http_policy import HttpPolicy
from reconciler.adapters.manifest_watch import signature_of
from reconciler.cli.calling import make_client, make_ports, make_run
from reconciler.cli.calling_settings import http_policy, tightened, with_tightened_trust
from reconciler.cli.planning import plan_options
from reconciler.cli.session import FIRST_SETTINGS, Session, open_for_work, read_desired
from reconciler.engine.provider_ports import ProviderPorts
from reconciler.engine.run import Run
from reconciler.engine.trust import read_trust
from reconciler.errors import UsageError, clean
from reconciler.model.endpoint import parse_url
from reconciler.model.observed import Observed
from reconciler.model.secret import Secret
from reconciler.web.backstage import Backstage

_LONGEST_SECRET = 4096


class _Callers:
    """The client for calls to providers, made anew where trust's settings changed."""

    def __init__(self, session: Session, *, run: Run, client: HttpClient, jobs: int) -> None:
        self._session, self._run, self._jobs = session, run, jobs
        self._policy: HttpPolicy | None = None
        self._client = client
        self._lock = threading.Lock()

    def for_trust(self, observed: Observed) -> tuple[Run, ProviderPorts]:
        settings = FIRST_SETTINGS if observed.trust is None else observed.trust.settings
        policy = http_policy(self._session.settings, settings)
        with self._lock:
            if policy != self._policy:
                # What is under way goes on over its own connection; idle ones end.
                self._client.close()
                self._client, self._policy = make_client(self._session, settings), policy
            client = self._client
        run = self._run
        fresh = make_run(
            self._session, run.store, run.layout, key=run.fingerprint_key, client=client, jobs=self._jobs
        )
        return _sharing(run, fresh), make_ports(run.store, client, discover=False, signer=run.signer)

    def close(self) -> None:
        self._client.close()


def _sharing(run: Run, fresh: Run) -> Run:
    """`fresh`, known to the same list of what is under way."""
    from dataclasses import replace

    return replace(fresh, in_flight=run.in_flight)


@contextmanager
def backstage(session: Session, path: str, *, jobs: int) -> Iterator[Backstage]:
    """What the page works with. StoreError where the store cannot be used."""
    with ExitStack() as closing:
        store, layout, key = closing.enter_context(open_for_work(session))
        trust = tightened(session.settings, read_trust(store, layout, credentials=()).settings)
        client = make_client(session, trust)
        run = make_run(session, store, layout, key=key, client=client, jobs=jobs)
        callers = _Callers(session, run=run, client=client, jobs=jobs)
        closing.callback(callers.close)
        yield Backstage(
            run=run,
            load=lambda: read_desired(path),
            signature=lambda: signature_of(Path(path)),
            tighten=lambda observed: with_tightened_trust(session.settings, observed),
            calling=callers.for_trust,
            options=plan_options(session, {}, due_within=None),
            jobs=jobs,
        )


def login_client(session: Session, issuer: str) -> HttpClient:
    """For the page's own login: it reaches the operator's issuer, wherever that is, and public addresses."""
    try:
        host = parse_url(issuer, allow_loopback_http=True).origin
    except ValueError as problem:
        raise UsageError(f"--oidc-issuer is no issuer: {problem}") from None
    from dataclasses import replace

    policy = http_policy(session.settings, FIRST_SETTINGS)
    return HttpClient(replace(policy, allowed_hosts=frozenset({host.host}), loopback=host.is_loopback))


def read_secret(session: Session, *, variable: str, file: str | None) -> Secret | None:
    """From the variable, or the file; None where neither is given. UsageError names the setting, never the value."""
    given = session.settings.get(variable)
    if given is not None and file is not None:
        raise UsageError(f"{variable} and its file are both given", hint="give one of them")
    if file is None:
        return None if given is None else Secret(given)
    try:
        with Path(file).open("rb") as stream:
            text = stream.read(_LONGEST_SECRET + 1).decode("utf-8").strip()
    except (OSError, UnicodeError):
        raise UsageError(
            f"{clean(file)} cannot be read", hint=f"it should hold what {variable} would"
        ) from None
    if not text or len(text) > _LONGEST_SECRET:
        raise UsageError(f"{clean(file)} holds no secret")
    return Secret(text)
