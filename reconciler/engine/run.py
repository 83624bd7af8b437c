"""What all work of one run shares: the store, its layout, time, chance, and who we are. Wired in `cli/`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from reconciler.model.grant import Holder
from reconciler.model.limits import REFRESH_LIMITS, RefreshLimits
from reconciler.model.store_path import Layout
from reconciler.ports import Clock, Entropy, Events, Failpoint, SecretStore, TokenEndpoint


def _no_failpoint(name: str) -> None:
    """Nothing happens outside of crash tests."""


def _nobody_knows(holder: Holder) -> bool:
    """Without a look at this machine's processes, no holder is provably dead."""
    return False


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
    jobs: int = 8
    limits: RefreshLimits = REFRESH_LIMITS
    failpoint: Failpoint = _no_failpoint
    stop: threading.Event = field(default_factory=threading.Event)
    """Set by SIGTERM and SIGINT: no further account is started."""
    is_dead: Callable[[Holder], bool] = _nobody_knows
    """Whether that process is provably gone: `adapters.processes.is_dead`."""
