"""The shape of our JSON documents about keeping grants: where one came from, when one will need a person.

The rules are those of `report/contract`, which takes these parts in.
"""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from reconciler.decide.forecast import LimitKind
from reconciler.decide.notices import NoticeKind


class OriginDocument(TypedDict):
    """Where an account's grant came from. `by`: who imported it, and for which commit."""

    kind: Literal["consented", "imported"]
    at: str
    by: str | None


class NeedDocument(TypedDict):
    """A person is needed `at`, and then every `every` seconds (null: once). `asks` false: it ends, and nobody is asked."""

    address: str
    limit: LimitKind
    at: str
    every: int | None
    asks: bool
    message: str
    command: str | None
    owner: str | None
    provider: str | None
    file: str | None
    line: int | None


class MonthDocument(TypedDict):
    """A calendar month in UTC, `2027-01`; `people`: how many acts it asks for, `limits`: the same by limit."""

    month: str
    people: int
    limits: dict[str, int]


class ForecastDocument(TypedDict):
    """`reconciler forecast -o json`. `refresh_every`: the interval of refreshes that is assumed, in seconds; null: in time."""

    format_version: Literal[1]
    kind: Literal["forecast"]
    tool: str
    commit: str | None
    root: str
    store: str
    time: str
    start: str
    end: str
    refresh_every: int | None
    accounts: int
    people: int
    needs: list[NeedDocument]
    months: list[MonthDocument]
    unknown: dict[str, int]


class NoticeDocument(TypedDict):
    """One transition. `id` is the same each time that this one is told; `told`: the destination took it now."""

    id: str
    notice: NoticeKind
    address: str
    reason: str | None
    message: str
    by: str | None
    owner: str | None
    command: str | None
    told: bool


class DeliveryDocument(TypedDict):
    """One destination. `where` is an origin or a host. `left`: how many wait for the next run."""

    name: str
    where: str
    told: int
    failed: int
    left: int
    error: str | None
    notices: list[NoticeDocument]


class NotifyDocument(TypedDict):
    """`reconciler notify -o json`. `dry`: nothing was sent and nothing is marked."""

    format_version: Literal[1]
    kind: Literal["notify"]
    tool: str
    commit: str | None
    time: str
    dry: bool
    destinations: list[DeliveryDocument]
    exit_code: int


KEEP_DOCUMENTS: dict[str, tuple[str, Any]] = {
    "forecast": ("what `reconciler forecast -o json` writes", ForecastDocument),
    "notify": ("what `reconciler notify -o json` writes", NotifyDocument),
}
