"""What the page works with, wired in `cli/`: the store, the manifests, and the way to call a provider.

Rules: the page itself opens nothing and reads no environment; what calls a provider is made anew where the settings of
trust have changed since, so that a host that was taken back is not reached by a server that runs for months.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reconciler.decide.plan_options import PlanOptions
from reconciler.engine.provider_ports import ProviderPorts
from reconciler.engine.run import Run
from reconciler.model.desired import Desired
from reconciler.model.observed import Observed


@dataclass(frozen=True, slots=True)
class Backstage:
    """`run` is for the store. `calling` gives the run and the ports that may call providers, under the trust that was
    observed."""

    run: Run
    load: Callable[[], Desired]
    signature: Callable[[], str]
    """Changes when the manifests do."""
    tighten: Callable[[Observed], Observed]
    calling: Callable[[Observed], tuple[Run, ProviderPorts]]
    options: PlanOptions
    jobs: int = 8
