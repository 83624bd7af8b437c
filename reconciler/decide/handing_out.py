"""Whether a published access token may be handed out as it is, must be refreshed first, or is of no use any more.

Rules (DESIGN §6, "When"):
- a token is handed out for as long as it lives; past *hard*, or with less left than was asked for, it is refreshed first;
- more than the token's whole life is asked for in vain: no refresh is spent on it;
- what stands at a `tokens/` key is access token, type, expiry, scope, and kept identifiers; anything else is no record of ours;
- a token that does not fit a header (RFC 6750 §2.1) is handed to nobody: it could say something else on the way.
Pure; `now` is the store's clock, as is the version's `created_time`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.decide.timing import hard
from reconciler.errors import ObjectFailed, RecordInvalid
from reconciler.model.duration import format_rough, parse_instant
from reconciler.model.names import Address
from reconciler.model.secret import Secret
from reconciler.model.store_path import StorePath
from reconciler.model.stored import Stored

_VISIBLE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class PublishedToken:
    """What workloads read of one account. `life`: from the version's `created_time` to `expires_at`."""

    access_token: Secret
    token_type: str
    expires_at: datetime
    scopes: tuple[str, ...]
    version: int
    life: timedelta
    values: Mapping[str, str] = field(default_factory=dict)
    """Identifiers that the base keeps beside it: an API's host, a company."""

    def left(self, now: datetime) -> timedelta:
        return self.expires_at - now

    @property
    def hard(self) -> timedelta:
        """With less than this left it is not handed out without a try to refresh it."""
        return hard(self.life)


@dataclass(frozen=True, slots=True)
class HandedOut:
    """`now` is the store's time of the read. `warning`: it is good enough, but a refresh was tried in vain."""

    token: PublishedToken
    now: datetime
    warning: str = ""


class Standing(StrEnum):
    GOOD = "good"
    AGED = "aged"
    """It lives, and is past *hard*, or has less left than was asked for."""
    BEYOND = "beyond"
    """It lives, and more was asked for than even a fresh one has."""
    DEAD = "dead"
    ABSENT = "absent"


def read_published(stored: Stored, path: StorePath) -> PublishedToken | None:
    """None where no version can be read. RecordInvalid where one can, and is not of the published shape."""
    document = stored.document
    if document is None:
        return None
    token, kind, scope = document.secret("access_token"), document.get("token_type"), document.get("scope")
    if token is None or not isinstance(kind, str) or not isinstance(scope, str):
        raise RecordInvalid(f"{path}: what stands there is no published token")
    try:
        expires_at = parse_instant(document.get("expires_at", ""))
    except (TypeError, ValueError):
        raise RecordInvalid(f"{path}: what stands there is no published token") from None
    created = stored.created_time or expires_at
    return PublishedToken(
        access_token=token,
        token_type=kind,
        expires_at=expires_at,
        scopes=tuple(scope.split()),
        version=stored.version,
        life=max(expires_at - created, timedelta(0)),
        values=_kept(document.get("values")),
    )


def _kept(values: object) -> dict[str, str]:
    """Names and texts; whatever else somebody put there is left out."""
    if not isinstance(values, Mapping):
        return {}
    return {name: text for name, text in values.items() if isinstance(name, str) and isinstance(text, str)}


def stand(published: PublishedToken | None, *, now: datetime, min_valid: timedelta | None) -> Standing:
    """How it stands with the token for somebody who asks for `min_valid`; None: for as long as it lives."""
    if published is None:
        return Standing.ABSENT
    left = published.left(now)
    if left <= timedelta(0):
        return Standing.DEAD
    if min_valid is not None and left < min_valid:
        in_vain = min_valid >= published.life and left > published.hard
        return Standing.BEYOND if in_vain else Standing.AGED
    return Standing.AGED if left <= published.hard else Standing.GOOD


def is_enough(published: PublishedToken | None, *, now: datetime, min_valid: timedelta | None) -> bool:
    """Whether it may be handed out, if nothing better is to be had."""
    if published is None:
        return False
    left = published.left(now)
    return left > timedelta(0) and (min_valid is None or left >= min_valid)


def shortfall(
    account: Address, published: PublishedToken | None, *, now: datetime, min_valid: timedelta | None
) -> str:
    """What is wrong with what is there, one sentence with the address."""
    if published is None:
        return f"{account}: no token is published"
    left = published.left(now)
    if left <= timedelta(0):
        return f"{account}: the published token is dead since {format_rough(-left)}"
    asked = "" if min_valid is None else f", and {format_rough(min_valid)} are asked for"
    whole = ""
    if min_valid is not None and min_valid >= published.life:
        whole = f"; a fresh one lives {format_rough(published.life)}"
    return f"{account}: the published token has {format_rough(left)} left{asked}{whole}"


def header_value(published: PublishedToken, account: Address, *, scheme: str = "Bearer") -> Secret:
    """`Bearer <token>` (RFC 6750 §2.1), or with the word that its provider's APIs want before it. ObjectFailed where the
    token is of another type, or fits no header."""
    check_visible(published, account)
    if published.token_type.lower() != "bearer":
        # RFC 6749 §7.1: a client must not use a token whose type it does not understand.
        raise ObjectFailed(f"{account}: its token is no bearer token, and only these are put into a header")
    return Secret(f"{scheme} {published.access_token.reveal()}")


def check_visible(published: PublishedToken, account: Address) -> None:
    """ObjectFailed where the token holds anything but visible ASCII (RFC 6749 appendix A.12)."""
    if _VISIBLE.fullmatch(published.access_token.reveal()) is None:
        raise ObjectFailed(f"{account}: its token holds blanks or characters that no header can carry")
