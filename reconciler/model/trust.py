"""Trust as stored under `trust/`: which origins may receive which credential, and the settings of trust (DESIGN §8).

A credential is named by where it lives: the secret's mount and path (whatever key or version is named), or
`providers/<ns>/<name>` where it is ours or there is none. Nothing here is secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.model.endpoint import Origin


class TrustMode(StrEnum):
    """Ordered from open to tight: `tofu` binds any first use, `catalogue` only shipped origins, `strict` none."""

    TOFU = "tofu"
    CATALOGUE = "catalogue"
    STRICT = "strict"

    @property
    def tightness(self) -> int:
        return list(TrustMode).index(self)


@dataclass(frozen=True, slots=True)
class TrustSettings:
    mode: TrustMode = TrustMode.CATALOGUE
    allowed_hosts: tuple[str, ...] = ()
    """Hosts that may resolve to non-global addresses."""
    secret_prefixes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Namespace -> further path prefixes that its providers may reference."""
    loopback: bool = False
    """http to loopback hosts, and loopback addresses, are admitted."""


@dataclass(frozen=True, slots=True)
class Binding:
    """`origins` may receive the credential. `revoked`: a person took trust back; nothing may, until trusted anew."""

    credential: str
    origins: frozenset[Origin] = frozenset()
    revoked: bool = False
    version: int = 0
    """KV version it was read from; 0 where nothing is bound yet."""


@dataclass(frozen=True, slots=True)
class TrustView:
    """Everything of trust that one run read."""

    settings: TrustSettings
    bindings: Mapping[str, Binding] = field(default_factory=dict)
    """By credential name."""
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """Credential name -> why its binding could not be read. Nothing may receive it."""
