"""Which origin may receive which credential: the one place where that is decided, and the only door to a `TrustedUrl`.

Rules (DESIGN §8):
- bound origins may receive the credential; anything else is a TRUST CHANGE and refused, however reasonable it looks;
- at first use `catalogue` binds only what the shipped catalogue spells out, `tofu` anything, `strict` nothing;
- a shipped base that moved (`formerOrigins`) takes its bindings along, except under `strict`;
- what was revoked, deleted or cannot be read receives nothing;
- a refresh token goes only to the origin that it came from, or to its shipped base's successor;
- the environment may only tighten, since a workflow file is Git too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias, assert_never

from reconciler.decide.provider_fields import former_origins
from reconciler.decide.trust_origins import (
    check_issuer,
    credentials_of,
    endpoints_in_use,
    is_overridden,
    origins_of,
    shipped_origins,
    wants_discovery,
)
from reconciler.errors import TrustRefused, clean
from reconciler.model.desired import DesiredProvider
from reconciler.model.endpoint import Origin, TrustedUrl, Url
from reconciler.model.names import Address
from reconciler.model.trust import Binding, TrustMode, TrustSettings, TrustView


@dataclass(frozen=True, slots=True)
class BoundAlready:
    """`binding` holds what may receive it now: what is stored, and the successors of a shipped base that moved."""

    binding: Binding

    @property
    def credential(self) -> str:
        return self.binding.credential


@dataclass(frozen=True, slots=True)
class BindNow:
    """Nothing is bound yet, and the settings let these origins be bound at first use."""

    credential: str
    origins: frozenset[Origin]


@dataclass(frozen=True, slots=True)
class NeedsTrust:
    """Nothing is bound yet, and a person must say so. `missing` are the origins that the catalogue does not spell out."""

    credential: str
    origins: frozenset[Origin]
    missing: frozenset[Origin]


@dataclass(frozen=True, slots=True)
class Change:
    """TRUST CHANGE: `new` would receive what is bound to `old`."""

    credential: str
    old: frozenset[Origin]
    new: frozenset[Origin]


@dataclass(frozen=True, slots=True)
class Revoked:
    """A person took trust back."""

    credential: str
    origins: frozenset[Origin]


@dataclass(frozen=True, slots=True)
class Unusable:
    """No origin at all: a URL that the settings do not admit, or a binding that cannot be read. `why` is fit to show."""

    credential: str
    why: str
    hint: str


Verdict: TypeAlias = BoundAlready | BindNow | NeedsTrust | Change | Revoked | Unusable


@dataclass(frozen=True, slots=True)
class TrustDecision:
    """One verdict for each credential of the provider. `complete` False: endpoints are still to be discovered."""

    provider: Address
    parts: tuple[Verdict, ...]
    complete: bool = True

    @property
    def bind(self) -> tuple[BindNow, ...]:
        return tuple(part for part in self.parts if isinstance(part, BindNow))

    @property
    def change(self) -> tuple[Change, ...]:
        return tuple(part for part in self.parts if isinstance(part, Change))

    @property
    def refused(self) -> tuple[NeedsTrust | Change | Revoked | Unusable, ...]:
        return tuple(part for part in self.parts if isinstance(part, (NeedsTrust, Change, Revoked, Unusable)))

    @property
    def message(self) -> str:
        """Why nothing is sent, one line, without the provider's address; '' where nothing is refused."""
        return "; ".join(_words(part) for part in self.refused)

    @property
    def command(self) -> str:
        """What a person runs to trust it; '' where nothing is refused."""
        hints = [part.hint for part in self.refused if isinstance(part, Unusable)]
        return (hints[0] if hints else f"reconciler trust {self.provider}") if self.refused else ""


def judge(
    view: TrustView, provider: DesiredProvider, *, discovered: Mapping[str, str] | None = None
) -> TrustDecision:
    """What the stored trust says of everything that this provider would be sent. `discovered`: endpoint name -> URL."""
    found = discovered or {}
    complete = not wants_discovery(provider.behaviour) or "token" in endpoints_in_use(provider, found)
    credentials = credentials_of(provider)
    try:
        origins = origins_of(provider, found, loopback=view.settings.loopback)
        check_issuer(provider.behaviour, loopback=view.settings.loopback)
    except ValueError as problem:
        parts: list[Verdict] = [Unusable(name, str(problem), _url_hint(provider)) for name in credentials]
        return TrustDecision(provider.address, tuple(parts), complete)
    parts = []
    for name, roles in credentials.items():
        wanted = frozenset(origin for role, origin in origins.items() if roles is None or role in roles)
        parts.append(_judge_one(view, provider, name, wanted=wanted))
    return TrustDecision(provider.address, tuple(parts), complete)


def _judge_one(
    view: TrustView, provider: DesiredProvider, credential: str, *, wanted: frozenset[Origin]
) -> Verdict:
    if why := view.unreadable.get(credential):
        return Unusable(credential, why, "an operator must look at it, or give this role `read` on trust/")
    shipped = shipped_origins(provider)
    binding = view.bindings.get(credential)
    if binding is None or binding.version == 0:
        return _first_use(view.settings.mode, credential, wanted=wanted, shipped=shipped)
    if binding.revoked:
        return Revoked(credential, wanted)
    allowed = binding.origins
    if view.settings.mode is not TrustMode.STRICT and _former(provider) & allowed:
        allowed |= shipped
    if wanted <= allowed:
        return BoundAlready(replace(binding, origins=allowed))
    return Change(credential, binding.origins, wanted - allowed)


def _first_use(
    mode: TrustMode, credential: str, *, wanted: frozenset[Origin], shipped: frozenset[Origin]
) -> BindNow | NeedsTrust:
    match mode:
        case TrustMode.TOFU:
            return BindNow(credential, wanted)
        case TrustMode.CATALOGUE:
            if wanted <= shipped:
                return BindNow(credential, wanted)
            return NeedsTrust(credential, wanted, wanted - shipped)
        case TrustMode.STRICT:
            return NeedsTrust(credential, wanted, wanted)
        case _:
            assert_never(mode)


def _former(provider: DesiredProvider) -> frozenset[Origin]:
    """Where the shipped base says that its server was before. A list in Git says nothing."""
    if not provider.base_shipped or is_overridden(provider, "former_origins"):
        return frozenset()
    return former_origins(provider.behaviour)


def permit(url: Url, binding: Binding) -> TrustedUrl:
    """The only way to a URL that a secret may be sent to. TrustRefused where its origin is not bound."""
    if binding.revoked or url.origin not in binding.origins:
        raise TrustRefused(
            f"{clean(url.origin)} may not receive {clean(binding.credential)}: it is not bound to it"
        )
    return TrustedUrl(url)


def may_send_refresh_token(grant_origin: str, url: Url, *, provider: DesiredProvider) -> bool:
    """True where `url` is at the origin that the grant's refresh token came from, or is its shipped base's successor."""
    return grant_origin == str(url.origin) or grant_origin in grants_taken_along(url, provider=provider)


def grants_taken_along(url: Url, *, provider: DesiredProvider) -> frozenset[str]:
    """Former origins whose grants may be presented at `url`, their shipped base's successor.

    None where the list is Git's own, or `url` is not spelled out by the catalogue: an overridden endpoint of a base that
    moved is no successor.
    """
    if url.origin not in shipped_origins(provider):
        return frozenset()
    return frozenset(str(origin) for origin in _former(provider))


def tighten(
    settings: TrustSettings,
    *,
    mode: TrustMode | None = None,
    allowed_hosts: frozenset[str] | None = None,
    loopback: bool | None = None,
) -> TrustSettings:
    """The stored settings, made tighter by what the environment asks for; None: it asks for nothing. Never wider."""
    return replace(
        settings,
        mode=max(settings.mode, mode or settings.mode, key=lambda one: one.tightness),
        allowed_hosts=tuple(
            host for host in settings.allowed_hosts if allowed_hosts is None or host in allowed_hosts
        ),
        loopback=settings.loopback and loopback is not False,
    )


def _url_hint(provider: DesiredProvider) -> str:
    return (
        f"correct {provider.location}, or, for a server on this machine: reconciler trust settings --loopback"
    )


def _words(part: NeedsTrust | Change | Revoked | Unusable) -> str:
    match part:
        case NeedsTrust():
            return (
                f"{shown_origins(part.missing)} may not receive {clean(part.credential)} until it is trusted"
            )
        case Change():
            return (
                f"TRUST CHANGE: {clean(part.credential)} is bound to {shown_origins(part.old)}"
                f" and would be sent to {shown_origins(part.new)}"
            )
        case Revoked():
            return f"trust in {clean(part.credential)} was revoked"
        case Unusable():
            return part.why
        case _:
            assert_never(part)


def shown_origins(origins: frozenset[Origin]) -> str:
    """`https://a.example, https://b.example`; `nothing` for none."""
    return ", ".join(clean(origin) for origin in sorted(origins)) or "nothing"
