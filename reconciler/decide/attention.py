"""Who must do something, as a list: every account (and provider) that only a person can help (DESIGN §7).

Rules:
- the most urgent first: what is dead already, then by the date that needs them, then by address;
- each line says state, reason, since when, by when, owner, what to do in words, the exact command and the page;
- an orphan, a running refresh, an outage is nobody's homework and is not listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from reconciler.decide.account_view import AccountView
from reconciler.decide.health import NOTICE, Health
from reconciler.decide.health_words import distance
from reconciler.decide.remedy import Remedy, remedy_for
from reconciler.decide.results import Attention
from reconciler.errors import clean
from reconciler.model.desired import DesiredProvider
from reconciler.model.location import Location
from reconciler.model.observed import ObservedProvider
from reconciler.model.state import AccountState, ErrorClass, Reason

_NEVER = datetime.max.replace(tzinfo=UTC)

_SOURCE = re.compile(r"(.+?):([0-9]{1,9})(?::[0-9]{1,9})?")

_RANK = {
    AccountState.NEEDS_CONSENT: 0,
    AccountState.EXPIRED: 0,
    AccountState.NEEDS_ADMIN: 1,
    AccountState.MISCONFIGURED: 1,
    AccountState.EXPIRING: 2,
    AccountState.PENDING_CONSENT: 3,
}


def account_attention(view: AccountView, health: Health) -> Attention | None:
    """One account's line, or None where nobody is needed."""
    if not health.needs_person or health.reason is Reason.MANIFEST_INVALID:
        # An invalid manifest is told as a problem, at its line.
        return None
    remedy = account_remedy(view, health)
    status = view.status
    owner = view.account.owner if view.account else (status.owner if status else None)
    provider = str(view.account.provider) if view.account else (status.provider if status else "")
    return Attention(
        address=health.address,
        state=health.state,
        reason=health.reason,
        message=health.message,
        remedy=sentence(remedy),
        command=remedy.command,
        page=remedy.page,
        since=health.since,
        by=health.by,
        owner=clean(owner or ""),
        provider=provider,
        location=view.account.location if view.account else None,
    )


def account_remedy(view: AccountView, health: Health) -> Remedy:
    """What helps, with the base's own words where a consent brought no refresh token."""
    behaviour = view.provider.behaviour if view.provider else None
    provider = view.account.provider if view.account else None
    return remedy_for(health.reason, health.address, provider=provider, behaviour=behaviour)


def sentence(remedy: Remedy) -> str:
    """What to do: first at the provider's page, then here."""
    if not remedy.first:
        return remedy.do
    return f"First {clean(remedy.first, cap=500)}. {remedy.do}"


def provider_attention(
    provider: DesiredProvider, observed: ObservedProvider, *, now: datetime
) -> Attention | None:
    """A client secret that ends within the notice, or has ended (RFC 7591 §3.2.1 `client_secret_expires_at`)."""
    status = observed.status
    ends = status.client_secret_expires_at if status else None
    if ends is None or ends - now > NOTICE:
        return None
    reason = Reason.CLIENT_SECRET_EXPIRES_SOON
    remedy = remedy_for(reason, provider.address, provider=provider.address, behaviour=provider.behaviour)
    return Attention(
        address=provider.address,
        state=AccountState.EXPIRING,
        reason=reason,
        message=f"{remedy.what}, {distance(ends, now)}",
        remedy=remedy.do,
        command=remedy.command,
        page=remedy.page,
        by=ends,
        provider=str(provider.address),
        location=provider.location,
    )


def circuit_attention(
    provider: DesiredProvider, observed: ObservedProvider, *, accounts: int
) -> Attention | None:
    """An incident that waiting does not end: the provider refuses our client, or wants an administrator."""
    status = observed.status
    circuit = status.circuit if status else None
    if circuit is None or circuit.judge not in (ErrorClass.CLIENT, ErrorClass.CONFIG, ErrorClass.NEEDS_ADMIN):
        return None
    remedy = remedy_for(
        circuit.reason, provider.address, provider=provider.address, behaviour=provider.behaviour
    )
    code = f" ({clean(circuit.code, cap=80)})" if circuit.code else ""
    waiting = f"; {accounts} account{'' if accounts == 1 else 's'} wait" if accounts else ""
    return Attention(
        address=provider.address,
        state=AccountState.NEEDS_ADMIN,
        reason=circuit.reason,
        message=f"{remedy.what}{code}{waiting}",
        remedy=remedy.do,
        command=remedy.command,
        page=remedy.page,
        since=circuit.since,
        provider=str(provider.address),
        location=provider.location,
    )


def sort_attention(lines: Iterable[Attention], *, now: datetime) -> tuple[Attention, ...]:
    """Dead first, then by date, then by address."""

    def urgency(line: Attention) -> tuple[bool, int, datetime, str]:
        dead = line.by is not None and line.by - now <= timedelta(0)
        return (not dead, _RANK.get(line.state, 9), line.by or _NEVER, str(line.address))

    return tuple(sorted(lines, key=urgency))


def source_location(text: str) -> Location | None:
    """A recorded `file:line` as a Location; None where it is none."""
    match = _SOURCE.fullmatch(text)
    return None if match is None else Location(match[1], max(int(match[2]), 1))
