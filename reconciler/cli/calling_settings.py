"""The operator's settings for traffic to providers, and trust's settings as the environment narrows them.

Rules: what trust's settings admit is all that is ever connected to; a variable may tighten them and never widen them,
since a workflow file is Git too.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.adapters.http_policy import HttpPolicy
from reconciler.cli.settings import Settings
from reconciler.decide.trust import tighten
from reconciler.errors import UsageError
from reconciler.model.observed import Observed
from reconciler.model.secret import Secret
from reconciler.model.trust import TrustMode, TrustSettings


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
