"""What all work of one run shares: the store, its layout, time, chance, and who we are. Wired in `cli/`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.model.grant import Holder, Op, Phase
from reconciler.model.limits import REFRESH_LIMITS, RefreshLimits
from reconciler.model.store_path import Layout
from reconciler.ports import AssertionSigner, Clock, Entropy, Events, Failpoint, SecretStore, TokenEndpoint

_OP_BYTES = 16


def _no_failpoint(name: str) -> None:
    """Nothing happens outside of crash tests."""


def _nobody_knows(holder: Holder) -> bool:
    """Without a look at this machine's processes, no holder is provably dead."""
    return False


class InFlight:
    """Which objects are being worked on right now, so that whoever is ended at once can say what was cut off."""

    def __init__(self) -> None:
        self._names: dict[str, int] = {}
        self._lock = threading.Lock()

    @contextmanager
    def working(self, name: object) -> Iterator[None]:
        shown = str(name)
        with self._lock:
            self._names[shown] = self._names.get(shown, 0) + 1
        try:
            yield
        finally:
            with self._lock:
                left = self._names[shown] - 1
                if left:
                    self._names[shown] = left
                else:
                    del self._names[shown]

    def names(self) -> list[str]:
        """Sorted. Takes no lock: it is asked from a signal handler, which may have interrupted its owner."""
        return sorted(dict(self._names))


@dataclass(frozen=True, slots=True)
class Run:
    """`owner` is RECONCILER_OWNER; `commit` the Git commit that is applied ('' unknown); `tool` our version text."""

    store: SecretStore
    layout: Layout
    clock: Clock
    entropy: Entropy
    events: Events
    endpoint: TokenEndpoint
    holder: Holder
    fingerprint_key: bytes = field(repr=False)
    owner: str = "default"
    tool: str = ""
    commit: str = ""
    actor: str = ""
    """Who runs this, for people; `run_url`: the CI run that this is part of."""
    run_url: str = ""
    frozen: datetime | None = None
    """The store was restored from an older snapshot then: a single-use refresh token that was stored before is not
    presented, since it may be spent, and presenting a spent one revokes the whole grant (RFC 9700 §4.14.2)."""
    jobs: int = 8
    limits: RefreshLimits = REFRESH_LIMITS
    failpoint: Failpoint = _no_failpoint
    stop: threading.Event = field(default_factory=threading.Event)
    """Set by SIGTERM and SIGINT: no further account is started."""
    is_dead: Callable[[Holder], bool] = _nobody_knows
    """Whether that process is provably gone: `adapters.processes.is_dead`."""
    signer: AssertionSigner | None = None
    """Reads private keys, for clients that sign."""
    in_flight: InFlight = field(default_factory=InFlight)
    """Filled while an account or provider is worked on."""

    def new_op(self) -> str:
        """A name for one write, by which it is known again where the store's answer to it is unclear."""
        return self.entropy.token(_OP_BYTES)

    def done(self) -> Op:
        """The name of a write that leaves nothing open."""
        return Op(self.new_op(), Phase.DONE)
